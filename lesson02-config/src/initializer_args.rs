//! An initializer with arguments, a tuple as in `apply`: here a log that all workers write to, and
//! a seed.
//!
//! Watch the dice. The arguments are the same for every worker. So each adds its own number to the
//! seed, or all of them would roll the same. Whatever a worker keeps from task to task begins like
//! this: a generator, an open file, a connection to a server, which processes cannot share.

// ANCHOR: program
use std::process;
use std::sync::OnceLock;

use multiproc::{Barrier, Executor, Pool, Queue};

// ANCHOR: set_up
/// This worker's way to the log.
static LOG: OnceLock<Queue<String>> = OnceLock::new();

fn set_up(log: Queue<String>, seed: u64) {
    // A pool's workers are numbered, and their names end with the number: `dice-1`, `dice-2`.
    let name = multiproc::current_process().name;
    let number: u64 = name.rsplit('-').next().and_then(|number| number.parse().ok()).expect("a worker of the pool");
    fastrand::seed(seed + number);
    log.put(format!("{name} is process {}, and has seed {}", process::id(), seed + number)).expect("the log is open");
    LOG.set(log).expect("an initializer runs once");
}
// ANCHOR_END: set_up

// ANCHOR: roll
/// Rolls five dice. The barrier lets neither task go before both have begun, so that each worker
/// has one of them.
fn roll(both: Barrier) -> Vec<u8> {
    both.wait().expect("both tasks wait");
    let dice: Vec<u8> = (0..5).map(|_| fastrand::u8(1..=6)).collect();
    let log = LOG.get().expect("the initializer has run");
    log.put(format!("{} rolls {dice:?}", multiproc::current_process().name)).expect("the log is open");
    dice
}
// ANCHOR_END: roll

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    // ANCHOR: build
    let log = Queue::new()?;
    let pool = Pool::builder().processes(2).name("dice").initializer(set_up, (log.clone(), 2026)).build()?;
    // ANCHOR_END: build

    let both = Barrier::new(2)?;
    let rolls = pool.map(roll, [both.clone(), both])?;

    log.close()?;
    for line in log.iter() {
        println!("{}", line?);
    }
    println!("all dice: {}", rolls.concat().len());
    Ok(())
}
// ANCHOR_END: program
