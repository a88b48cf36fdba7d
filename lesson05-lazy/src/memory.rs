//! What a long list costs, and an endless one: how many items are taken from the source before
//! their results are used, and how much memory this process takes for them.
//!
//! Watch the last two columns. `imap` takes items while you wait for a result: some are on their
//! way, and no more, however long the source. So it may even be endless. `map` takes all items
//! first, and has all results at the end; it refuses an endless source like this one with an error,
//! which is not tried here.
//!
//! A build without `--release` is slow, so its long list is shorter.

// ANCHOR: program
use std::cell::Cell;
use std::{fs, iter};

use multiproc::{Executor, Pool, Result};

const ITEMS: usize = if cfg!(debug_assertions) { 300_000 } else { 10_000_000 };

fn square(n: u64) -> u64 {
    n * n
}

// ANCHOR: numbers
/// Returns the numbers from 0, without end; `taken` counts those that were taken.
fn numbers(taken: &Cell<u64>) -> impl Iterator<Item = u64> {
    taken.set(0);
    iter::repeat_with(|| taken.replace(taken.get() + 1))
}
// ANCHOR_END: numbers

// ANCHOR: memory
/// Returns a field of this process's status, in MB: `VmRSS` is the memory that it holds now,
/// `VmHWM` the most it ever held.
fn memory(field: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find(|line| line.starts_with(field)).expect("the field is there");
    // As in "VmRSS:	   12345 kB", where a kB has 1024 bytes.
    let kilobytes: u32 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number");
    f64::from(kilobytes) * 1024.0 / 1e6
}
// ANCHOR_END: memory

// ANCHOR: measure
/// Uses all results one by one. Prints how many items were taken and not yet used at most, and the
/// memory that it took.
fn measure<R>(name: &str, taken: &Cell<u64>, call: impl FnOnce() -> Result<R>) -> Result<()>
where
    R: IntoIterator<Item = Result<u64>>,
{
    let before = memory("VmRSS");
    let (mut used, mut ahead) = (0, 0);
    for result in call()? {
        result?;
        ahead = ahead.max(taken.get() - used);
        used += 1;
    }
    let more = (memory("VmHWM") - before).max(0.0);
    println!("{name:<16}  {used:>10}  {ahead:>11}  {more:>6.1} MB");
    Ok(())
}
// ANCHOR_END: measure

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(2)?;
    let taken = Cell::new(0);

    println!("{:<16}  {:>10}  {:>11}  {:>9}", "", "results", "taken ahead", "memory");
    // The thrifty calls come first, because the most that a process ever held does not fall.
    // ANCHOR: calls
    measure("imap, endless", &taken, || Ok(pool.imap(square, numbers(&taken)).take(10_000)))?;
    let batched = pool.with_chunksize(1000);
    measure("imap, in batches", &taken, || Ok(batched.imap(square, numbers(&taken).take(ITEMS))))?;
    measure("map", &taken, || Ok(pool.map(square, numbers(&taken).take(ITEMS))?.into_iter().map(Ok)))?;
    // ANCHOR_END: calls
    Ok(())
}
// ANCHOR_END: program
