//! A task that remembers: it numbers the lines it gets, with a counter that lives on in its
//! process.
//!
//! Watch for the numbers. They depend on what ran before in the same worker, so they change with
//! the size of the pool, with chunks, and whenever a worker is replaced. A task whose result
//! depends on its arguments alone has none of that.

// ANCHOR: program
use std::sync::atomic::{AtomicU32, Ordering};

use multiproc::{Executor, Pool, Result};

// ANCHOR: hidden
static LINES: AtomicU32 = AtomicU32::new(0);

fn number(line: String) -> String {
    format!("{} {line}", LINES.fetch_add(1, Ordering::Relaxed) + 1)
}
// ANCHOR_END: hidden

// ANCHOR: given
fn numbered(place: u32, line: String) -> String {
    format!("{place} {line}")
}
// ANCHOR_END: given

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let lines = || "one two three four five".split(' ').map(str::to_string);

    let pool = Pool::with_processes(1)?;
    println!("one worker:          {}", pool.map(number, lines())?.join(", "));
    let pool = Pool::builder().processes(1).max_tasks_per_child(2).build()?;
    println!("replaced after two:  {}", pool.map(number, lines())?.join(", "));
    println!("number as argument:  {}", pool.starmap(numbered, (1..).zip(lines()))?.join(", "));
    Ok(())
}
// ANCHOR_END: program
