//! The exercises of lesson 4. Work on the files beside this one; `cargo test -p lesson04-async --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_work_while_waiting.rs")]
pub mod ex1_work_while_waiting;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_failing_future.rs")]
pub mod ex2_failing_future;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex3_async_in_workers.rs")]
pub mod ex3_async_in_workers;
