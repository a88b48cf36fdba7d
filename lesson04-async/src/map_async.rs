//! Many tasks, without waiting for them: `map_async` returns as soon as it has taken the items. One
//! `AsyncResult` stands for all results together, in the order of the items.
//!
//! Watch which process prints when. The parent goes on before the first task is done, and each task
//! reports when it is. `ready` asks and does not wait; `get` waits for the last of them.

// ANCHOR: program
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool};

fn double(number: u64) -> u64 {
    // It pretends to wait for something, a network for example.
    thread::sleep(Duration::from_millis(50 + 10 * (number % 3)));
    println!("task {number}: I am done");
    2 * number
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let pool = Pool::with_processes(4)?;

    // ANCHOR: ask_and_wait
    let doubles = pool.map_async(double, 0..10);
    println!("parent: ten tasks are on their way; are they done? {}", doubles.ready());

    let own = (1..=1000_u64).sum::<u64>();
    println!("parent: the numbers up to 1000 add up to {own}, and now I wait");
    doubles.wait();
    println!("parent: are they done? {}", doubles.ready());
    println!("parent: {:?}", doubles.get()?);
    // ANCHOR_END: ask_and_wait
    Ok(())
}
// ANCHOR_END: program
