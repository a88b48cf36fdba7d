//! Async tasks in worker processes: with `map_concurrent`, each worker runs an event loop of its
//! own, and has several tasks under way at a time. (It needs the feature `tokio` of the crate
//! `multiproc`.)
//!
//! Watch the last line: 64 naps, each a tenth of a second, on 4 workers with 8 tasks each. That is
//! 32 at a time, and so all are over after two tenths of a second. It pays for tasks that wait (for
//! a network, say) and compute as well: waiting takes no process of its own, and computing gets all
//! cores. For tasks that only compute, a plain `map` does the same.

// ANCHOR: program
use std::collections::BTreeMap;
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use multiproc::{Pool, Result};
use tokio::time::sleep;

const WORKERS: usize = 4;
const CONCURRENCY: usize = 8;
const NAPS: usize = 64;
const NAP: Duration = Duration::from_millis(100);

// ANCHOR: nap
/// How many naps are under way in this process. Every worker has its own.
static NAPPING: AtomicUsize = AtomicUsize::new(0);

/// Says which process it runs in, and how many naps were under way there.
async fn nap(time: Duration) -> (u32, usize) {
    let at_a_time = NAPPING.fetch_add(1, Ordering::Relaxed) + 1;
    sleep(time).await;
    NAPPING.fetch_sub(1, Ordering::Relaxed);
    (process::id(), at_a_time)
}
// ANCHOR_END: nap

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(WORKERS)?;
    let naps = [NAP; NAPS];

    // ANCHOR: concurrent
    let start = Instant::now();
    let results = pool.map_concurrent(nap, naps, CONCURRENCY)?;
    let elapsed = start.elapsed();
    // ANCHOR_END: concurrent

    // Of each worker: how many naps there were, and how many at a time at most.
    let mut workers: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for (pid, at_a_time) in results {
        let (count, most) = workers.entry(pid).or_default();
        *count += 1;
        *most = at_a_time.max(*most);
    }
    for (pid, (count, most)) in workers {
        println!("worker {pid}: {count} naps, up to {most} at a time");
    }
    println!("{NAPS} naps, {:.1?} in all, took {elapsed:.1?}", naps.iter().sum::<Duration>());
    Ok(())
}
// ANCHOR_END: program
