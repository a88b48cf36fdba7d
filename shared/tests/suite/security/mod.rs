//! What no safe program, and no process that was given a handle, can bring about: undefined
//! behaviour, a crash, a write elsewhere.
//!
//! All of it is safe code, which each module forbids to be otherwise: what it does, any program can
//! do.

mod arrivals;
mod confused;
mod garbled;
mod holders;
mod hostile;
mod memory;
mod privacy;
mod reentrant;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    privacy::TESTS,
    hostile::TESTS,
    confused::TESTS,
    arrivals::TESTS,
    garbled::TESTS,
    holders::TESTS,
    reentrant::TESTS,
];
