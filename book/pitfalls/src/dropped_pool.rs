//! Twenty tasks are given to a pool, and nobody waits for them: the pool is dropped at the end of
//! its scope, and they with it. A pool built to finish runs them all.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool, Value};

fn save(saved: Value<u64>) {
    thread::sleep(Duration::from_millis(50));
    saved.update(|count| *count += 1).expect("no holder of the value was killed");
}

/// Submits twenty tasks and leaves the scope; returns how many were done.
fn submit_and_leave(finish: bool) -> multiproc::Result<u64> {
    let saved = Value::new(0)?;
    {
        let pool = Pool::builder().processes(4).finish_on_drop(finish).build()?;
        for _ in 0..20 {
            drop(pool.submit(save, (saved.clone(),)));
        }
    }
    saved.get()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    println!("a pool as it is: {} of 20 saved", submit_and_leave(false)?);
    println!("one that finishes: {} of 20 saved", submit_and_leave(true)?);
    Ok(())
}
// ANCHOR_END: program
