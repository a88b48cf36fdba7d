//! Scarce resources, and resources that nothing may leave behind.

mod leaks;
mod programs;
mod scarcity;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[scarcity::TESTS, leaks::TESTS, programs::TESTS];

pub(crate) const PROGRAMS: &[&[Named]] = &[scarcity::PROGRAMS, programs::PROGRAMS];
