//! Workers: how many there are, how long they live, and what becomes of their tasks.

mod deaths;
mod events;
mod indices;
mod kills;
mod lifecycle;
mod limits;
mod output;
mod replacement;
mod retries;
mod scale;
mod sharing;
mod shrinking;
mod time_limits;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    lifecycle::TESTS,
    indices::TESTS,
    events::TESTS,
    output::TESTS,
    time_limits::TESTS,
    limits::TESTS,
    replacement::TESTS,
    retries::TESTS,
    deaths::TESTS,
    kills::TESTS,
    scale::TESTS,
    sharing::TESTS,
    shrinking::TESTS,
];

pub(crate) const PROGRAMS: &[&[Named]] = &[output::PROGRAMS];
