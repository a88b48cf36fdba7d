//! Processes of one function, forks, and what a child has of its parent.

mod copies;
mod fds;
mod fork;
mod handles;
mod process;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    process::TESTS,
    fork::TESTS,
    handles::TESTS,
    fds::TESTS,
    copies::pools::TESTS,
    copies::objects::TESTS,
    copies::memory::TESTS,
    copies::tasks::TESTS,
];

pub(crate) const PROGRAMS: &[&[Named]] = &[fork::PROGRAMS];
