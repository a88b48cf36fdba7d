//! The exercises of lesson 2. Work on the files beside this one; `cargo test -p lesson02-config --test NAME` checks one.

#[cfg_attr(feature = "solutions", path = "../../solutions/ex1_physical_pool.rs")]
pub mod ex1_physical_pool;
#[cfg_attr(feature = "solutions", path = "../../solutions/ex2_load_once.rs")]
pub mod ex2_load_once;
#[cfg_attr(feature = "solutions", path = "../../solutions/ex3_leaky_task.rs")]
pub mod ex3_leaky_task;
