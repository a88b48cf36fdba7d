//! The exercises of lesson 6. Work on the files beside this one; `cargo test -p lesson06-callbacks --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_report_failures.rs")]
pub mod ex1_report_failures;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_retry_lost.rs")]
pub mod ex2_retry_lost;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex3_reloading_service.rs")]
pub mod ex3_reloading_service;
