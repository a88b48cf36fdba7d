//! Three processes throw dice. Those that are forked inherit the state of the parent's generator:
//! all throw the same.
//!
//! Watch for the first two lines. A process of the default start method inherits nothing, and seeds
//! a generator of its own. Where forks are needed, give each a seed as an argument; so one can
//! repeat a run, too.

// ANCHOR: program
use multiproc::{Process, Result, StartMethod};

fn dice() -> Vec<u8> {
    (0..8).map(|_| fastrand::u8(1..=6)).collect()
}

// ANCHOR: seeded
fn seeded_dice(seed: u64) -> Vec<u8> {
    fastrand::seed(seed);
    dice()
}
// ANCHOR_END: seeded

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    println!("the parent: {:?}", dice()); // the generator has a state from here on
    // ANCHOR: methods
    for method in [StartMethod::Fork, StartMethod::ForkServer] {
        println!("{method:?}:");
        for _ in 0..3 {
            println!("    {:?}", Process::new(dice, ()).start_method(method).start()?.join()?);
        }
    }
    // ANCHOR_END: methods
    println!("Fork, each with a seed of its own:");
    for seed in 1..=3 {
        println!("    {:?}", Process::new(seeded_dice, (seed,)).start_method(StartMethod::Fork).start()?.join()?);
    }
    Ok(())
}
// ANCHOR_END: program
