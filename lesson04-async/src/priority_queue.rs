//! The round trip once more, through a queue that gives the most important message first: totals
//! overtake values.
//!
//! Watch what the consumer prints first. It begins late, when all messages of the first round are
//! there, the total as the last. The total is what comes out first, then the subtotals, and the
//! values come when nothing more important is left. Later rounds overtake in the same way while it
//! prints.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Error, Event, Executor, Pool, PriorityQueue, Process, Result};
use serde::{Deserialize, Serialize};

const ROUNDS: u32 = 3;

// ANCHOR: message
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Total,
    Subtotal,
    Value,
}

/// The smallest comes out first. The derived order compares the first fields, then the second ones,
/// and so on; of an enum, the variant that stands first is the smallest.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Message {
    kind: Kind,
    round: u32,
    number: u64,
}
// ANCHOR_END: message

/// Runs in the pool's workers: squares the numbers, and reports.
fn square(round: u32, chunk: Vec<u64>, queue: PriorityQueue<Message>) -> Result<u64> {
    let mut subtotal = 0;
    for number in chunk {
        queue.put(Message { kind: Kind::Value, round, number: number * number })?;
        subtotal += number * number;
    }
    queue.put(Message { kind: Kind::Subtotal, round, number: subtotal })?;
    Ok(subtotal)
}

/// Runs in a process of its own, and has the pool.
fn produce(queue: PriorityQueue<Message>, first_round: Event) -> Result<()> {
    let data = [1, 2, 3, 4, 5, 6, 7, 8];
    let pool = Pool::with_processes(4)?;
    for round in 1..=ROUNDS {
        let tasks = data.chunks(2).map(|chunk| (round, chunk.to_vec(), queue.clone()));
        let subtotals = pool.starmap(square, tasks)?;
        let total = subtotals.into_iter().sum::<Result<u64>>()?;
        queue.put(Message { kind: Kind::Total, round, number: total })?;
        first_round.set();
        thread::sleep(Duration::from_millis(50));
    }
    queue.join();
    println!("producer: all is dealt with, I close the queue");
    queue.close()
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let (queue, first_round) = (PriorityQueue::new()?, Event::new()?);
    let producer = Process::new(produce, (queue.clone(), first_round.clone())).daemon(true).start()?;
    first_round.wait();
    loop {
        match queue.get() {
            Ok(Message { kind, round, number }) => {
                println!("round {round}: {kind:?} {number} ({} more wait)", queue.len());
                // Slower than the producer, so that messages pile up.
                thread::sleep(Duration::from_millis(10));
                queue.task_done()?;
            }
            // Closed in good order, or the producer died: its `join` tells.
            Err(Error::Closed | Error::Disconnected) => break,
            Err(error) => return Err(error),
        }
    }
    producer.join()?
}
// ANCHOR_END: program
