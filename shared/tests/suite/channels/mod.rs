//! Pipes and queues between processes.

mod channel_values;
mod lost_ends;
mod pipe_threads;
mod pipes;
mod priorities;
mod queue_kills;
mod queue_threads;
mod queues;
mod wait_sets;
mod waiting;

use std::time::Duration;

use multiproc::StartMethod;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] = &[
    pipes::TESTS,
    pipe_threads::TESTS,
    queue_threads::TESTS,
    lost_ends::TESTS,
    queues::TESTS,
    priorities::TESTS,
    queue_kills::TESTS,
    channel_values::TESTS,
    waiting::TESTS,
    wait_sets::TESTS,
];

/// The start methods that can be used beside other threads.
const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// A wait that is over long before the deadline of a test, and long enough for a sleep to begin.
const SHORT: Duration = Duration::from_millis(100);
