//! Tasks that travel further than to a worker of this process.
//!
//! On the client side is an engine without workers: an I/O thread takes the chunks of its backlog
//! and brings back what came of them. On the server side is an engine with workers, which runs such
//! chunks and collects their outcomes. [`remote_sides`](crate::engine::remote_sides) has what each
//! of them does; the connection between the two is not the engine's.
#![cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only the feature `mpi` has a connection.

use std::mem;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Thread};

use crate::engine::outcome::Outcome;
use crate::engine::snapshot::Snapshot;

/// Why a handle is refused where the tasks may run on other machines.
pub(super) const STAYS: &str = "a handle (connection, queue, lock, file, …) stands for something on this machine, and cannot go to another one; \
     a Manager that listens on TCP serves other machines";

/// The client side of an engine whose tasks run elsewhere.
#[derive(Default)]
pub(super) struct Remote {
    /// The thread that moves chunks and outcomes, while it sleeps.
    io_thread: Option<Thread>,
    orders: Vec<Order>,
    /// The counters of each server, as it last sent them.
    servers: Vec<Snapshot>,
}

/// An order about chunks that the I/O thread has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Cancel what is left of a job, and what runs of it.
    Cancel(u64),
    /// Drop what has not begun of a job.
    Abandon(u64),
    /// Drop the state of a job.
    Forget(u64),
    /// Cancel whatever has not begun.
    CancelPending,
}

/// A chunk that is about to be handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) tasks: u32,
    pub(crate) bytes: usize,
    /// The time that a task of this function takes, in nanoseconds, as last seen.
    pub(crate) cost: Option<u64>,
}

/// How far an engine is in its life, for its I/O thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Status {
    /// There is work, or there may be.
    Open,
    /// No work is left, and none will come.
    Done,
    /// What is left is cancelled.
    #[default]
    Ended,
}

impl Remote {
    /// Queues an order. Returns the I/O thread if it is to be woken.
    pub(super) fn order(&mut self, order: Order) -> Option<Thread> {
        self.orders.push(order);
        self.wake()
    }

    /// Returns the I/O thread if it sleeps and is to be woken.
    pub(super) fn wake(&mut self) -> Option<Thread> {
        self.io_thread.take()
    }

    /// Records that this thread, the I/O thread, is about to sleep. Returns `false` if it must not,
    /// because there are orders.
    pub(super) fn sleep(&mut self) -> bool {
        self.io_thread = self.orders.is_empty().then(thread::current);
        self.io_thread.is_some()
    }

    /// Takes the orders since the last call.
    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        mem::take(&mut self.orders)
    }

    /// Records the counters of a server.
    pub(super) fn set_server(&mut self, server: usize, counters: Snapshot) {
        if self.servers.len() <= server {
            self.servers.resize(server + 1, Snapshot::default());
        }
        self.servers[server] = counters;
    }

    /// Records that nothing runs on a server any more.
    pub(super) fn lose_server(&mut self, server: usize) {
        if let Some(counters) = self.servers.get_mut(server) {
            counters.running = 0;
            counters.outstanding = 0;
        }
    }

    /// Returns the counters of each server from which some have come, by its number.
    pub(super) fn servers(&self) -> &[Snapshot] {
        &self.servers
    }

    /// Returns the sum of a counter over all servers.
    pub(super) fn sum(&self, counter: impl Fn(&Snapshot) -> u64) -> u64 {
        self.servers.iter().map(counter).fold(0, u64::saturating_add)
    }
}

/// The server side: outcomes of chunks that came from elsewhere and have not been sent back yet,
/// each with the client's number for the chunk. Shared by the jobs and the thread that sends.
#[derive(Default)]
pub(crate) struct RemoteOutcomes(Mutex<Vec<(u64, Outcome)>>);

impl RemoteOutcomes {
    pub(super) fn add(&self, number: u64, outcome: Outcome) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
    }

    /// Takes all outcomes that were added since the last call.
    pub(crate) fn take_all(&self) -> Vec<(u64, Outcome)> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
