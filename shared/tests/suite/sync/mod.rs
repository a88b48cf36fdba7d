//! Locks, values, semaphores, barriers, arrays, events and conditions in shared memory.

mod crowds;
mod locks;
mod slices;
mod waits;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[locks::TESTS, crowds::TESTS, slices::TESTS, waits::TESTS];
