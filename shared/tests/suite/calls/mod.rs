//! Calls of a pool and what they return.

mod asynchronous;
mod awaited;
mod callbacks;
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

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    shapes::TESTS,
    executors::TESTS,
    executors::processes::TESTS,
    executors::threads::TESTS,
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
];

/// The numbers from 0, without end. `taken` is how many were taken.
fn numbers(taken: &mut u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        *taken += 1;
        Some(*taken - 1)
    })
}
