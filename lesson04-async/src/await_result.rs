//! The results of a pool in async code: an `AsyncResult` is a future, so `.await` gets it.
//!
//! Watch the clock: it ticks on the very thread that awaits the results. Awaiting does not block
//! the thread, and everything else that is async goes on. (`get` would block it, and `map`
//! would: call those on threads of their own.)

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, Result};
use tokio::runtime::Builder;
use tokio::time;

fn count_primes(below: u32) -> usize {
    (2..below).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}

fn nap(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

// ANCHOR: clock
async fn tick() {
    let mut clock = time::interval(Duration::from_millis(100));
    for tick in 0.. {
        clock.tick().await;
        println!("   tick {tick}");
    }
}
// ANCHOR_END: clock

async fn compute(pool: &Pool) -> Result<()> {
    let clock = tokio::spawn(tick());

    // ANCHOR: await_results
    let one = pool.apply_async(count_primes, (300_000,));
    println!("{} primes below 300000", one.await?);

    // Two results at once: both are on their way, and `try_join!` awaits both.
    let naps = pool.map_async(nap, [100, 250, 100]);
    let many = pool.map_async(count_primes, [10, 100, 1000]);
    let (naps, counts) = tokio::try_join!(naps, many)?;
    println!("{} naps; {counts:?} primes below 10, 100 and 1000", naps.len());
    // ANCHOR_END: await_results

    // ANCHOR: timeout
    // A limit on the wait is a timeout like any other. Awaiting `&mut long` keeps the handle, so
    // that the task can be cancelled: without that, it would go on.
    let mut long = pool.apply_async(nap, (60_000,));
    if time::timeout(Duration::from_millis(120), &mut long).await.is_err() {
        println!("timed out; is the task cancelled? {}", long.cancel());
    }
    println!("and its result is: {}", long.await.unwrap_err());
    // ANCHOR_END: timeout

    clock.abort();
    Ok(())
}

// ANCHOR: runtime
/// Runs the example.
pub fn main() -> Result<()> {
    // Before the runtime: it starts threads, and `#[tokio::main]` would begin with it.
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    Builder::new_current_thread().enable_time().build()?.block_on(compute(&pool))
}
// ANCHOR_END: runtime
// ANCHOR_END: program
