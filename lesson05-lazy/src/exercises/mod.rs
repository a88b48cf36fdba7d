//! The exercises of lesson 5. Work on the files beside this one; `cargo test -p lesson05-lazy --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_first_result_early.rs")]
pub mod ex1_first_result_early;

#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_bounded_memory.rs")]
pub mod ex2_bounded_memory;
