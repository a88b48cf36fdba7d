//! Calls of a pool and what they return.

mod asynchronous;
mod callbacks;
mod executors;
mod futures;
mod initializers;
mod items;
mod lazy;
mod properties;
mod results;
mod returned_handles;
mod shapes;
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
    initializers::TESTS,
    items::TESTS,
    values::TESTS,
];
