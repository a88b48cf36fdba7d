//! Locks, values, semaphores, barriers, arrays, events and conditions in shared memory.

mod barriers;
mod locks;
mod semaphores;
mod slices;
mod waits;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[locks::TESTS, semaphores::TESTS, barriers::TESTS, slices::TESTS, waits::TESTS];
