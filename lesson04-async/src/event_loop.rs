//! The round trip of a task queue: a producer cuts its data into chunks and maps them on a pool.
//! Its workers put each value into a queue as soon as they have it, and a subtotal after each
//! chunk; the producer adds the total, and re-arms itself for the next round. A consumer prints
//! what comes, and in between its heart beats.
//!
//! Watch the last line. The heartbeat delays no arrival: the consumer waits for both at once, for a
//! message until the next beat is due. Had it slept from beat to beat, and looked for messages
//! then, most of them would have waited for it.

// ANCHOR: program
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use multiproc::{Error, Executor, Pool, Process, Queue, Result};
use serde::{Deserialize, Serialize};

const ROUNDS: u32 = 3;
const ROUND: Duration = Duration::from_millis(500);
const BEAT: Duration = Duration::from_millis(100);

// ANCHOR: message
#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    Total,
    Subtotal,
    Value,
}

#[derive(Serialize, Deserialize)]
struct Message {
    kind: Kind,
    round: u32,
    number: u64,
    put_at: SystemTime,
}
// ANCHOR_END: message

fn put(queue: &Queue<Message>, kind: Kind, round: u32, number: u64) -> Result<()> {
    Ok(queue.put(Message { kind, round, number, put_at: SystemTime::now() })?)
}

// ANCHOR: worker
/// Runs in the pool's workers: squares the numbers, and reports.
fn square(round: u32, chunk: Vec<u64>, queue: Queue<Message>) -> Result<u64> {
    let mut subtotal = 0;
    for number in chunk {
        // Some values take longer than others. Here, they only pretend to.
        thread::sleep(Duration::from_millis(20 * number));
        put(&queue, Kind::Value, round, number * number)?;
        subtotal += number * number;
    }
    put(&queue, Kind::Subtotal, round, subtotal)?;
    Ok(subtotal)
}
// ANCHOR_END: worker

// ANCHOR: producer
/// Runs in a process of its own, and has the pool.
fn produce(queue: Queue<Message>) -> Result<()> {
    let data = [1, 2, 3, 4, 5, 6, 7, 8];
    let pool = Pool::with_processes(4)?;
    let mut next_round = Instant::now();
    for round in 1..=ROUNDS {
        thread::sleep(next_round.saturating_duration_since(Instant::now()));
        // Counted from when it was due, not from now: so that delays do not add up.
        next_round += ROUND;
        let tasks = data.chunks(2).map(|chunk| (round, chunk.to_vec(), queue.clone()));
        let subtotals = pool.starmap(square, tasks)?;
        let total = subtotals.into_iter().sum::<Result<u64>>()?;
        put(&queue, Kind::Total, round, total)?;
    }
    // Waits until the consumer has dealt with every message; after that, the queue can go.
    queue.join();
    println!("producer: all is dealt with, I close the queue");
    queue.close()
}
// ANCHOR_END: producer

// ANCHOR: consumer
/// Prints messages until the queue is closed. Returns how many they were, and how long one waited
/// at most.
fn consume(queue: &Queue<Message>) -> Result<(usize, Duration)> {
    let (mut count, mut largest_delay) = (0, Duration::ZERO);
    let mut next_beat = Instant::now() + BEAT;
    loop {
        match queue.get_timeout(next_beat.saturating_duration_since(Instant::now())) {
            Ok(Message { kind, round, number, put_at }) => {
                largest_delay = largest_delay.max(put_at.elapsed().unwrap_or_default());
                println!("round {round}: {kind:?} {number}");
                count += 1;
                queue.task_done()?;
            }
            // The next beat is due: see below.
            Err(Error::TimedOut { .. }) => {}
            // Closed as planned, or the producer died: its `join` shows which.
            Err(Error::Closed | Error::Disconnected) => return Ok((count, largest_delay)),
            Err(error) => return Err(error),
        }
        // Not only after a timeout: the heart beats also when messages come without a pause.
        if Instant::now() >= next_beat {
            println!("         ♥");
            next_beat += BEAT;
        }
    }
}
// ANCHOR_END: consumer

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let queue = Queue::new()?;
    // A daemon: should the consumer fail, dropping the handle ends the producer. Without that, the
    // drop would wait for the producer, and the producer for the consumer.
    let producer = Process::new(produce, (queue.clone(),)).daemon(true).start()?;
    let (count, largest_delay) = consume(&queue)?;
    producer.join()??;
    println!(
        "{count} messages in {ROUNDS} rounds, a beat every {BEAT:?}; largest delay of an arrival: {largest_delay:.1?}"
    );
    Ok(())
}
// ANCHOR_END: program
