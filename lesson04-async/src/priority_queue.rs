//! The round trip once more, through a queue that gives the most important message first: totals
//! overtake values.
//!
//! Watch what the consumer prints first. It begins late, when all messages of the first round are
//! there, the total as the last. The total is what comes out first, then the subtotals, and the
//! values come when nothing more important is left. Later rounds overtake in the same way while it
//! prints.
//!
//! In a project of your own, bring `split` from `list_splitter.rs`.

// ANCHOR: program
use std::time::Duration;

use multiproc::{Error, Executor, Pool, PriorityQueue, Result};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::time::{interval, sleep};

use crate::list_splitter::split;

const ROUNDS: u32 = 3;
const WORKERS: usize = 4;

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
fn square(round: u32, part: Vec<u64>, messages: PriorityQueue<Message>) -> Result<u64> {
    let mut subtotal = 0;
    for number in part {
        messages.put(Message { kind: Kind::Value, round, number: number * number })?;
        subtotal += number * number;
    }
    messages.put(Message { kind: Kind::Subtotal, round, number: subtotal })?;
    Ok(subtotal)
}

async fn produce(pool: &Pool, round: u32, messages: &PriorityQueue<Message>) -> Result<()> {
    let list = Vec::from_iter(1..=8);
    let parts = split(&list, WORKERS).map(|part| (round, part.to_vec(), messages.clone()));
    let subtotals = pool.starmap_async(square, parts).await?;
    let number = subtotals.into_iter().sum::<Result<u64>>()?;
    Ok(messages.put_async(Message { kind: Kind::Total, round, number }).await?)
}

async fn produce_later_rounds(pool: &Pool, messages: &PriorityQueue<Message>) -> Result<()> {
    let mut clock = interval(Duration::from_millis(50));
    for round in 2..=ROUNDS {
        clock.tick().await;
        produce(pool, round, messages).await?;
    }
    messages.close()
}

// ANCHOR: consumer
async fn consume(messages: &PriorityQueue<Message>) -> Result<()> {
    loop {
        match messages.get_async().await {
            Ok(Message { kind, round, number }) => {
                println!("round {round}: {kind:?} {number} ({} more wait)", messages.len());
                // Slower than the producer, so that messages pile up.
                sleep(Duration::from_millis(10)).await;
            }
            // Closed, and all that was put before has come out.
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
// ANCHOR_END: consumer

async fn round_trip(pool: &Pool) -> Result<()> {
    let messages = PriorityQueue::new()?;
    produce(pool, 1, &messages).await?;
    tokio::try_join!(produce_later_rounds(pool, &messages), consume(&messages))?;
    println!("the queue is closed and empty");
    Ok(())
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(WORKERS)?;
    Builder::new_current_thread().enable_time().build()?.block_on(round_trip(&pool))
}
// ANCHOR_END: program
