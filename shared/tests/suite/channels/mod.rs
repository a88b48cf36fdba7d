//! Pipes and queues between processes.

mod pipes;
mod priorities;
mod queue_kills;
mod queues;
mod shared_ends;

use crate::support::Named;

pub(crate) const TESTS: &[&[Named]] =
    &[pipes::TESTS, shared_ends::TESTS, queues::TESTS, priorities::TESTS, queue_kills::TESTS];
