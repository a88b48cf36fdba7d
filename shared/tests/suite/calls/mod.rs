//! Calls of a pool and what they return.

mod asynchronous;
mod awaited;
mod callbacks;
mod common_names;
mod executor_states;
mod executors;
mod futures;
mod given_up;
mod initializers;
mod items;
mod lazy;
mod properties;
mod results;
mod returned_handles;
mod shapes;
mod streams;
mod values;

use std::path::PathBuf;

use crate::support::{Named, pass};

pub(crate) const TESTS: &[&[Named]] = &[
    shapes::TESTS,
    executors::TESTS,
    executors::processes::TESTS,
    executors::threads::TESTS,
    executor_states::processes::TESTS,
    executor_states::threads::TESTS,
    lazy::TESTS,
    properties::TESTS,
    results::TESTS,
    returned_handles::TESTS,
    futures::TESTS,
    callbacks::TESTS,
    asynchronous::TESTS,
    awaited::TESTS,
    awaited::processes::TESTS,
    awaited::threads::TESTS,
    given_up::processes::TESTS,
    given_up::threads::TESTS,
    streams::processes::TESTS,
    streams::threads::TESTS,
    initializers::TESTS,
    items::TESTS,
    values::TESTS,
    common_names::TESTS,
];

/// The numbers from 0, without end. `taken` is how many were taken.
fn numbers(taken: &mut u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        *taken += 1;
        Some(*taken - 1)
    })
}

fn scale(factor: u64, n: u64) -> u64 {
    factor * n
}

/// A task: waits at the gate and returns its number.
pub(crate) fn numbered(gate: PathBuf, n: u64) -> u64 {
    pass(gate);
    n
}

/// An initializer that fails.
pub(crate) fn panic_without_database() {
    panic!("no database")
}
