//! What a task may take: time, and memory. A task over its limit fails alone.
//!
//! Watch what the caller sees of each. Out of time: `TimedOut`. Out of memory: the allocation
//! fails, which ends a Rust program unless it asked with `try_reserve`; here it ends a worker, so
//! the task is `WorkerLost`. A worker that grows without being over any limit is replaced between
//! two tasks, and only its pid shows that.

// ANCHOR: program
use std::hint::black_box;
use std::time::Duration;
use std::{mem, process, thread};

use multiproc::{Executor, Pool, Result};

const MIB: u64 = 1 << 20;

fn nap(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

/// Fills as much memory, and gives it back.
fn fill(mebibytes: u64) -> u64 {
    // The black box keeps the compiler from finding that the memory is not used.
    let memory = black_box(vec![1u8; (mebibytes * MIB) as usize]);
    memory.len() as u64 / MIB
}

/// As a polite task does it: asks whether there is so much.
fn ask(mebibytes: u64) -> bool {
    Vec::<u8>::new().try_reserve((mebibytes * MIB) as usize).is_ok()
}

/// Forgets to give memory back, as a leaky library does.
fn leak(mebibytes: u64) -> u32 {
    mem::forget(black_box(vec![1u8; (mebibytes * MIB) as usize]));
    process::id()
}

fn tell<T: std::fmt::Debug>(what: &str, result: Result<T>) {
    match result {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) => println!("{what}: error: {error}"),
    }
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();

    println!("task_timeout of 0.3 s:");
    // ANCHOR: time
    let pool = Pool::builder().processes(2).task_timeout(Duration::from_millis(300)).build()?;
    let naps = [10, 60_000, 20];
    for (milliseconds, result) in naps.iter().zip(pool.imap(nap, naps)) {
        tell(&format!("a nap of {milliseconds} ms"), result);
    }
    // ANCHOR_END: time

    println!("\nmemory_limit of 256 MiB:");
    // ANCHOR: memory
    let pool = Pool::builder().processes(1).memory_limit(256 * MIB).build()?;
    for mebibytes in [64, 512, 64] {
        tell(&format!("fill {mebibytes} MiB"), pool.apply(fill, (mebibytes,)));
    }
    // ANCHOR_END: memory
    tell("are there 512 MiB?", pool.apply(ask, (512,)));

    println!("\nmax_memory_per_child of 64 MiB, and each task leaks 40:");
    // ANCHOR: replaced
    let pool = Pool::builder().processes(1).max_memory_per_child(64 * MIB).build()?;
    for _ in 0..4 {
        println!("worker {} has leaked", pool.apply(leak, (40,))?);
    }
    // ANCHOR_END: replaced
    println!("{} workers started, {} lost", pool.statistics().workers_started, pool.statistics().workers_lost);
    Ok(())
}
// ANCHOR_END: program
