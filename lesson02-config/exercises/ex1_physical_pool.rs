//! Exercise 1: a worker for each core.
//!
//! Goal: run tasks that compute on as many workers as the machine has physical cores, and return
//! the workers' pids. The machine is an argument: the tests try machines that are not there.
//!
//! Given, in `given/ex1_physical_pool.rs`: the types `Machine`, `Counted` and `Report`, and the
//! task, `count_primes(limit)`, which returns a `Counted`.
//!
//! Check: `cargo test -p lesson02-config --test ex1_physical_pool`

use multiproc::Result;

use super::given::*;

/// Returns the machine that this program runs on.
pub fn this_machine() -> Machine {
    todo!("the crate has a function for each of the two counts; the example `processes` prints them")
}

/// Counts the primes below each of the limits, by a pool of the right size for `machine`.
pub fn on_every_core(machine: Machine, limits: Vec<u32>) -> Result<Report> {
    todo!("a pool for {machine:?}, its `active_children`, and a `map` over {} limits", limits.len())
}
