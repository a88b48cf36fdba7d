//! Where a pool meets its system: signals for the process group, ends without a request, and
//! what a program is when it builds a pool.

mod cpus;
mod ends;
mod orderly;
mod rights;
mod services;
mod signals;
mod started;
mod state;
mod unusual;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    signals::TESTS,
    ends::TESTS,
    orderly::TESTS,
    started::TESTS,
    rights::TESTS,
    state::TESTS,
    services::TESTS,
    unusual::TESTS,
    cpus::TESTS,
];

pub(crate) const PROGRAMS: &[&[Named]] = &[
    signals::PROGRAMS,
    ends::PROGRAMS,
    orderly::PROGRAMS,
    started::PROGRAMS,
    rights::PROGRAMS,
    services::PROGRAMS,
    unusual::PROGRAMS,
    cpus::PROGRAMS,
];
