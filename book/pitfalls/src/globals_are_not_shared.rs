//! A `static` is one for each process. What a task writes there, the parent does not see, and a
//! worker only if it wrote it itself.
//!
//! Watch for the two counters: ten calls were made, and only memory that is meant to be shared
//! knows of them.

// ANCHOR: program
use std::sync::atomic::{AtomicU32, Ordering};

use multiproc::{Executor, Pool, Result, Value};

// ANCHOR: lost
static CALLS: AtomicU32 = AtomicU32::new(0);

fn count() {
    CALLS.fetch_add(1, Ordering::Relaxed);
}
// ANCHOR_END: lost

// ANCHOR: shared
fn count_shared(calls: Value<u32>) {
    calls.update(|calls| *calls += 1).expect("no process dies in a change");
}
// ANCHOR_END: shared

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;

    pool.starmap(count, (0..10).map(|_| ()))?;
    println!("a static counted {} calls", CALLS.load(Ordering::Relaxed));

    let calls = Value::new(0)?;
    pool.map(count_shared, (0..10).map(|_| calls.clone()))?;
    println!("a shared value counted {} calls", calls.get()?);
    Ok(())
}
// ANCHOR_END: program
