//! Two processes, two locks. Each takes one, and then wants the other's.
//!
//! Watch for the first half, a deadlock: only the time limit ends it; `lock` would wait for ever,
//! though no process has died. In the second half both take the locks in the same order, so the one
//! that has the first gets the second as well.

// ANCHOR: program
use std::time::Duration;

use multiproc::{Barrier, Lock, Process, Result};

// ANCHOR: crossed
fn crossed(mine: Lock<u32>, yours: Lock<u32>, meet: Barrier) -> Result<u32> {
    let mine = mine.lock()?;
    meet.wait()?; // now each holds its own
    let sum = yours.lock_timeout(Duration::from_millis(300)).map(|yours| *mine + *yours);
    meet.wait()?; // both keep their lock until the other has given up
    sum
}
// ANCHOR_END: crossed

// ANCHOR: ordered
fn ordered(first: Lock<u32>, second: Lock<u32>) -> Result<u32> {
    let first = first.lock()?;
    let second = second.lock()?;
    Ok(*first + *second)
}
// ANCHOR_END: ordered

fn tell(who: &str, result: Result<u32>) {
    match result {
        Ok(sum) => println!("{who}: the sum is {sum}"),
        Err(error) => println!("{who}: {error}"),
    }
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let (a, b) = (Lock::new(20)?, Lock::new(22)?);

    println!("Each takes its own first:");
    let meet = Barrier::new(2)?;
    let alice = Process::new(crossed, (a.clone(), b.clone(), meet.clone())).daemon(true).start()?;
    let bob = Process::new(crossed, (b.clone(), a.clone(), meet)).daemon(true).start()?;
    tell("Alice", alice.join()?);
    tell("Bob", bob.join()?);

    println!("Both take a, then b:");
    let alice = Process::new(ordered, (a.clone(), b.clone())).daemon(true).start()?;
    let bob = Process::new(ordered, (a, b)).daemon(true).start()?;
    tell("Alice", alice.join()?);
    tell("Bob", bob.join()?);
    Ok(())
}
// ANCHOR_END: program
