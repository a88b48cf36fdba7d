//! Our side of what goes from one process to another without a pool: a queue, and a pipe.

use multiproc::{Connection, Process, Queue, pipe};
use serde::{Deserialize, Serialize};

use crate::case::Repetition;
use crate::measure::timed;

/// What a process that sends is told to send.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The numbers below this one.
    Numbers(u64),
    /// Messages: bytes of each, and how many.
    Bytes(usize, u64),
}

impl Order {
    /// Whether all numbers have come.
    pub(crate) fn check_numbers(items: u64, sum: u64) -> Result<(), String> {
        check(sum == items * (items - 1) / 2)
    }

    /// Whether all messages have come.
    pub(crate) fn check_bytes(len: usize, items: u64, sum: usize) -> Result<(), String> {
        check(sum == len * items as usize)
    }
}

fn check(right: bool) -> Result<(), String> {
    if right { Ok(()) } else { Err("what came is not what was sent".to_owned()) }
}

/// Numbers through a queue, from one process to another.
pub(crate) fn queue(items: u64) -> Result<Repetition, String> {
    let queue = Queue::new().map_err(told)?;
    let (orders, theirs) = pipe::<u64, ()>().map_err(told)?;
    let producer = Process::builder().daemon(true).target(fill, (theirs, queue.clone())).start().map_err(told)?;
    let work = move || {
        // The producer lives as long as this closure.
        let _ = &producer;
        orders.send(items).map_err(told)?;
        (0..items).try_fold(0, |sum, _| Ok(sum + queue.get().map_err(told)?))
    };
    Ok(timed(items, work, move |sum| Order::check_numbers(items, sum)))
}

fn fill(orders: Connection<(), u64>, queue: Queue<u64>) {
    while let Ok(items) = orders.recv() {
        (0..items).for_each(|n| drop(queue.put(n)));
    }
}

/// Messages of `len` bytes through a pipe, from one process to another.
pub(crate) fn bytes(len: usize, items: u64) -> Result<Repetition, String> {
    let (ours, theirs) = pipe::<(usize, u64), ()>().map_err(told)?;
    let producer = Process::builder().daemon(true).target(send, (theirs,)).start().map_err(told)?;
    let work = move || {
        let _ = &producer;
        ours.send((len, items)).map_err(told)?;
        (0..items).try_fold(0, |sum, _| Ok(sum + ours.recv_bytes().map_err(told)?.len()))
    };
    Ok(timed(items, work, move |sum| Order::check_bytes(len, items, sum)))
}

fn send(connection: Connection<(), (usize, u64)>) {
    while let Ok((len, items)) = connection.recv() {
        let message = vec![1; len];
        (0..items).for_each(|_| drop(connection.send_bytes(&message)));
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
