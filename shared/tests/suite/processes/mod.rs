//! Processes of one function, forks, and what a child has of its parent.

mod copies;
mod fds;
mod fork;
mod forked_pools;
mod handles;
mod process;

use multiproc::{Pool, PoolBuilder, StartMethod};

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    process::TESTS,
    fork::TESTS,
    forked_pools::TESTS,
    handles::TESTS,
    fds::passing::TESTS,
    fds::ownership::TESTS,
    copies::pools::TESTS,
    copies::objects::TESTS,
    copies::memory::TESTS,
    copies::tasks::TESTS,
];

pub(crate) const PROGRAMS: &[&[Named]] = &[fork::PROGRAMS, forked_pools::PROGRAMS];

/// Returns the settings of a pool of forks.
fn forking() -> PoolBuilder {
    Pool::builder().processes(2).start_method(StartMethod::Fork)
}
