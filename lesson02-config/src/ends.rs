//! Five ways to end a pool: what becomes of three tasks, of which one runs and two wait.
//!
//! Watch when each call returns, and how many tasks are done. `close` and `join` wait for all,
//! `terminate` and the end of the scope for none. In no case is a task left whose fate is unknown.

// ANCHOR: program
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{AsyncResult, Executor, Pool, Result};

const NAP: Duration = Duration::from_millis(100);

fn nap() {
    thread::sleep(NAP);
}

/// Gives three naps to a pool of one worker, and returns while the first is under way.
fn napping(finish: bool) -> Result<(Pool, Vec<AsyncResult<()>>)> {
    let pool = Pool::builder().processes(1).finish_on_drop(finish).build()?;
    pool.apply(nap, ())?; // the worker is up before the clock starts
    let naps = (0..3).map(|_| pool.apply_async(nap, ())).collect();
    thread::sleep(NAP / 2);
    Ok((pool, naps))
}

/// Calls what ends the pool. Prints how long that took, and what became of the naps.
fn show<T>(how: &str, naps: Vec<AsyncResult<()>>, end: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let ended = end();
    let took = start.elapsed().as_secs_f64();
    let done = naps.into_iter().map(AsyncResult::get).filter(Result::is_ok).count();
    println!("{how:<26} {took:.2} s, done: {done} of 3");
    ended
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    // ANCHOR: ends
    let (pool, naps) = napping(false)?;
    let start = Instant::now();
    pool.close();
    let took = start.elapsed().as_secs_f64();
    println!("close                      {took:.2} s, a new task: {}", pool.apply(nap, ()).unwrap_err());
    show("and then join", naps, || pool.join())?;

    let (pool, naps) = napping(false)?;
    show("shutdown", naps, || pool.shutdown());

    let (pool, naps) = napping(false)?;
    show("terminate", naps, || pool.terminate());

    let (pool, naps) = napping(false)?;
    show("drop", naps, || drop(pool));

    let (pool, naps) = napping(true)?;
    show("drop with finish_on_drop", naps, || drop(pool));
    // ANCHOR_END: ends
    Ok(())
}
// ANCHOR_END: program
