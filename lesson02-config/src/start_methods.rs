//! Three ways to start a worker: fork, spawn, and a server that forks.
//!
//! Watch the times, and which workers have the word that the parent has set. A fork is a copy of
//! the parent, memory and all, so it may only be made while the parent has one thread. `Spawn` runs
//! the program anew for each worker, up to `init()`. `ForkServer`, the default, does that once, for
//! a small server that then forks every worker of every pool.

// ANCHOR: program
use std::fs;
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Executor, Pool, Result, StartMethod};

static WORD: OnceLock<String> = OnceLock::new();

fn word() -> Option<String> {
    WORD.get().cloned()
}

// ANCHOR: first_result
/// Builds a pool of four and runs a task on it. Returns the pool, the time that took, and what the
/// task found.
fn first_result(method: StartMethod) -> Result<(Pool, Duration, Option<String>)> {
    let start = Instant::now();
    let pool = Pool::builder().processes(4).start_method(method).build()?;
    let known = pool.apply(word, ())?;
    Ok((pool, start.elapsed(), known))
}
// ANCHOR_END: first_result

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    WORD.get_or_init(|| "rosebud".to_string());

    for method in [StartMethod::Fork, StartMethod::Spawn, StartMethod::ForkServer] {
        let (_pool, first, known) = first_result(method)?;
        let (_pool, second, _) = first_result(method)?;
        println!("{:<11} {first:>6.1?}, a second pool {second:>6.1?}; the word is {known:?}", format!("{method:?}:"));
    }

    println!();
    thread::scope(|scope| {
        let (stay, until) = mpsc::channel::<()>();
        scope.spawn(move || until.recv());
        println!("now this program has {} threads", fs::read_dir("/proc/self/task")?.count());
        let refused = first_result(StartMethod::Fork).map(|_| ());
        println!("Fork: {}", refused.unwrap_err());
        drop(stay);
        Ok(())
    })
}
// ANCHOR_END: program
