//! Pipes and queues between processes.

mod async_pipes;
mod async_queues;
mod channel_values;
mod connections;
mod lost_ends;
mod pipe_threads;
mod pipes;
mod priorities;
mod queue_kills;
mod queue_threads;
mod queues;
mod wait_sets;
mod waiting;

use std::path::PathBuf;
use std::time::Duration;

use multiproc::{Connection, Queue, StartMethod};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Named, pass};

pub(crate) const TESTS: &[&[Named]] = &[
    pipes::TESTS,
    connections::TESTS,
    pipe_threads::TESTS,
    queue_threads::TESTS,
    lost_ends::TESTS,
    queues::TESTS,
    priorities::TESTS,
    queue_kills::TESTS,
    channel_values::TESTS,
    async_pipes::TESTS,
    async_queues::TESTS,
    waiting::TESTS,
    wait_sets::TESTS,
];

/// The start methods that can be used beside other threads.
const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// A wait that is over long before the deadline of a test, and long enough for a sleep to begin.
const SHORT: Duration = Duration::from_millis(100);

/// Longer than any wait takes that ends.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// Sends back what it gets, until the end of the pipe.
fn echo<T: Serialize + DeserializeOwned + 'static>(connection: Connection<T, T>) -> u64 {
    let mut messages = 0;
    while let Ok(value) = connection.recv() {
        connection.send(value).unwrap();
        messages += 1;
    }
    messages
}

/// A task: puts a value once the gate is open.
fn put_late(queue: Queue<u64>, gate: PathBuf, value: u64) {
    pass(gate);
    queue.put(value).unwrap();
}
