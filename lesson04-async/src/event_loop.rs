//! The round trip of a task queue, on one event loop. A clock sends a producer a list, round by
//! round. The producer cuts it into parts and maps them on a pool, whose workers put each value
//! into a queue as soon as they have it, and a subtotal after each part; the producer adds the
//! total. A consumer prints what comes, and in between its heart beats. It passes the squares on to
//! a second producer, which is chained behind it and works in the same way. All of these are tasks
//! of the loop, on a single thread; only the workers are processes.
//!
//! Watch how long each message waited, and the last two lines. The first consumer waits for a
//! message and for its next beat at once (`select!`), so the heartbeat delays no arrival. The other
//! consumer is the naive one: it sleeps from beat to beat, and its messages wait for it.
//!
//! In a project of your own, bring `split` from `list_splitter.rs`.

// ANCHOR: program
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use multiproc::{Error, Executor, Pool, Queue, Result};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, interval_at};

use crate::list_splitter::split;

const ROUNDS: u32 = 2;
const ROUND: Duration = Duration::from_millis(500);
const BEAT: Duration = Duration::from_millis(100);
const WORKERS: usize = 4;

// ANCHOR: message
#[derive(Debug, Serialize, Deserialize)]
enum Kind {
    Value,
    Subtotal,
    Total,
}

#[derive(Serialize, Deserialize)]
struct Message {
    kind: Kind,
    round: u32,
    number: u64,
    put_at: SystemTime,
}
// ANCHOR_END: message

impl Message {
    fn new(kind: Kind, round: u32, number: u64) -> Self {
        Self { kind, round, number, put_at: SystemTime::now() }
    }

    fn waited(&self) -> Duration {
        self.put_at.elapsed().unwrap_or_default()
    }
}

// ANCHOR: worker
/// Runs in the pool's workers, where it may block: squares the numbers, and reports.
fn square(round: u32, part: Vec<u64>, messages: Queue<Message>) -> Result<u64> {
    let mut subtotal = 0;
    for number in part {
        // Some values take longer than others. Here, they only pretend to.
        thread::sleep(Duration::from_millis(15 * (1 + number % 7)));
        messages.put(Message::new(Kind::Value, round, number * number))?;
        subtotal += number * number;
    }
    messages.put(Message::new(Kind::Subtotal, round, subtotal))?;
    Ok(subtotal)
}
// ANCHOR_END: worker

// ANCHOR: clock
/// Sends the producer a list for each of the rounds.
async fn send_lists(lists: Queue<Vec<u64>>) -> Result<()> {
    // Each tick is counted from when the last was due, so delays do not add up.
    let mut clock = interval(ROUND);
    for _ in 0..ROUNDS {
        clock.tick().await;
        lists.put_async((1..=8).collect()).await?;
    }
    lists.close()
}
// ANCHOR_END: clock

// ANCHOR: producer
/// Squares one list after the other, until there are no more.
async fn produce(pool: Arc<Pool>, lists: Queue<Vec<u64>>, messages: Queue<Message>) -> Result<()> {
    for round in 1.. {
        let Some(list) = next(&lists).await? else { break };
        let parts = split(&list, WORKERS).map(|part| (round, part.to_vec(), messages.clone()));
        let subtotals = pool.starmap_async(square, parts).await?;
        let total = subtotals.into_iter().sum::<Result<u64>>()?;
        messages.put_async(Message::new(Kind::Total, round, total)).await?;
    }
    messages.close()
}

/// Returns the next value, or `None` once the queue is closed and empty.
async fn next<T: serde::de::DeserializeOwned + 'static>(queue: &Queue<T>) -> Result<Option<T>> {
    match queue.get_async().await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Closed) => Ok(None),
        Err(error) => Err(error),
    }
}
// ANCHOR_END: producer

// ANCHOR: consumer
/// Prints messages as they come, and passes the squares of each round on.
async fn consume(messages: Queue<Message>, squared: Queue<Vec<u64>>, start: Instant) -> Result<()> {
    let mut beat = interval_at(start + BEAT, BEAT);
    let (mut count, mut longest_wait, mut squares) = (0, Duration::ZERO, Vec::new());
    loop {
        let message = tokio::select! {
            // If the beat comes first, this wait is dropped, and begun anew: no message is lost.
            message = next(&messages) => message?,
            _ = beat.tick() => {
                println!("{:>4} ms  ♥", start.elapsed().as_millis());
                continue;
            }
        };
        let Some(message) = message else { break };
        let waited = message.waited();
        (count, longest_wait) = (count + 1, longest_wait.max(waited));
        let Message { kind, round, number, .. } = message;
        println!("{:>4} ms  round {round}: {kind:?} {number}, waited {waited:.1?}", start.elapsed().as_millis());
        match kind {
            Kind::Value => squares.push(number),
            Kind::Subtotal => {}
            Kind::Total => squared.put_async(std::mem::take(&mut squares)).await?,
        }
    }
    println!("with select!: {count} messages, the longest wait was {longest_wait:.1?}");
    squared.close()
}
// ANCHOR_END: consumer

// ANCHOR: naive
/// Sleeps from beat to beat, and then takes what is there. Prints the totals.
async fn consume_naively(messages: Queue<Message>, start: Instant) -> Result<()> {
    let mut beat = interval_at(start + BEAT, BEAT);
    let (mut count, mut longest_wait) = (0, Duration::ZERO);
    loop {
        match messages.try_get() {
            Ok(message) => {
                let waited = message.waited();
                (count, longest_wait) = (count + 1, longest_wait.max(waited));
                if let Message { kind: Kind::Total, round, number, .. } = message {
                    let now = start.elapsed().as_millis();
                    println!("{now:>4} ms  round {round}, squared again: Total {number}, waited {waited:.1?}");
                }
            }
            Err(Error::Empty) => drop(beat.tick().await),
            Err(Error::Closed) => break,
            Err(error) => return Err(error),
        }
    }
    println!("naively: {count} messages, the longest wait was {longest_wait:.1?}");
    Ok(())
}
// ANCHOR_END: naive

// ANCHOR: chain
async fn round_trip(pool: Pool) -> Result<()> {
    let (lists, messages) = (Queue::new()?, Queue::new()?);
    let (squared, more_messages) = (Queue::new()?, Queue::new()?);
    let (pool, start) = (Arc::new(pool), Instant::now());
    let mut tasks = JoinSet::new();
    tasks.spawn(send_lists(lists.clone()));
    tasks.spawn(produce(pool.clone(), lists, messages.clone()));
    tasks.spawn(consume(messages, squared.clone(), start));
    tasks.spawn(produce(pool, squared, more_messages.clone()));
    tasks.spawn(consume_naively(more_messages, start));
    while let Some(ended) = tasks.join_next().await {
        // After an error, the set is dropped, and that ends the other tasks.
        ended.expect("no task panics")?;
    }
    Ok(())
}
// ANCHOR_END: chain

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(WORKERS)?;
    Builder::new_current_thread().enable_time().build()?.block_on(round_trip(pool))
}
// ANCHOR_END: program
