//! Our side of values with parts: structs to tasks and back, and frames of bytes through a queue.

use std::time::Instant;

use multiproc::{Connection, Executor, Pool, Process, Queue, pipe};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::case::Repetition;
use crate::measure::{processors, timed};
use crate::ours::{check_count, told};

/// A struct as programs have them.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    id: u64,
    price: f64,
    open: bool,
    name: String,
}

/// The same, of which serde has to see the names while it reads.
#[derive(Clone, Serialize, Deserialize)]
struct Described {
    id: Number,
    #[serde(flatten)]
    offer: Offer,
    name: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Text(String),
}

#[derive(Clone, Serialize, Deserialize)]
struct Offer {
    price: f64,
    open: bool,
}

/// A map over structs, which come back.
pub(crate) fn structs(items: u64) -> Result<Repetition, String> {
    there_and_back(items, |id| Record { id, price: id as f64 / 8.0, open: id % 2 == 0, name: name(id) })
}

/// The same over structs that describe themselves.
pub(crate) fn described(items: u64) -> Result<Repetition, String> {
    there_and_back(items, |id| Described {
        id: if id % 8 == 0 { Number::Text(id.to_string()) } else { Number::Whole(id) },
        offer: Offer { price: id as f64 / 8.0, open: id % 2 == 0 },
        name: name(id),
    })
}

fn name(id: u64) -> String {
    format!("record number {id}")
}

fn there_and_back<T>(items: u64, make: fn(u64) -> T) -> Result<Repetition, String>
where
    T: Clone + Serialize + DeserializeOwned + Send + 'static,
{
    let pool = Pool::with_processes(processors()).map_err(told)?;
    let records: Vec<T> = (0..items).map(make).collect();
    Ok(Box::new(move || {
        let records = records.clone();
        let start = Instant::now();
        let back = pool.map(|record: T| record, records).map_err(told)?;
        let taken = start.elapsed();
        check_count(back.len(), items)?;
        Ok(taken.as_secs_f64() / items as f64)
    }))
}

/// Frames of `len` bytes, each with its number, through a queue from one process to another.
pub(crate) fn frames(len: usize, items: u64) -> Result<Repetition, String> {
    let queue = Queue::bounded(8).map_err(told)?;
    let (orders, theirs) = pipe::<(usize, u64), ()>().map_err(told)?;
    let producer = Process::builder().daemon(true).target(fill, (theirs, queue.clone())).start().map_err(told)?;
    let work = move || {
        // The producer lives as long as this closure.
        let _ = &producer;
        orders.send((len, items)).map_err(told)?;
        (0..items).try_fold(0, |sum, _| Ok(sum + queue.get().map_err(told)?.1.len()))
    };
    Ok(timed(items, work, move |sum| check_count(sum, len as u64 * items)))
}

fn fill(orders: Connection<(), (usize, u64)>, queue: Queue<(u32, Vec<u8>)>) {
    while let Ok((len, items)) = orders.recv() {
        (0..items).for_each(|n| drop(queue.put((n as u32, vec![0; len]))));
    }
}
