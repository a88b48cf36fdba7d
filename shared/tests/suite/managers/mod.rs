//! Managers and their proxies.

mod ends;
mod programs;
mod proxies;
mod queues;
mod tcp;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[proxies::TESTS, queues::TESTS, ends::TESTS, programs::TESTS, tcp::TESTS];

pub(crate) const PROGRAMS: &[&[Named]] = &[programs::PROGRAMS];
