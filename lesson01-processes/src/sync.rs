//! One counter in memory that four processes share, and each counts to 100,000 there.
//!
//! Watch the first counter. To read it and to write it are two steps, and what another process
//! writes between them is lost. `update` does both in one, under the value's lock.
//!
//! Two more things keep the four together. An event is a starting gun: all wait for it, however
//! long each took to start. A barrier is a meeting point: no process leaves before all have come,
//! so all of them read the same there.

// ANCHOR: program
use multiproc::{Barrier, Event, Process, Result, Value};

const PROCESSES: usize = 4;
const STEPS: u64 = 100_000;

fn count(careless: Value<u64>, careful: Value<u64>, gun: Event, barrier: Barrier) -> u64 {
    gun.wait();
    // ANCHOR: lost_updates
    for _ in 0..STEPS {
        let count = careless.get().expect("no process died in a change");
        careless.set(count + 1).expect("no process died in a change");
    }
    // ANCHOR_END: lost_updates
    barrier.wait().expect("all processes wait");
    let seen = careless.get().expect("no process died in a change");

    // ANCHOR: update
    for _ in 0..STEPS {
        careful.update(|count| *count += 1).expect("no process died in a change");
    }
    // ANCHOR_END: update
    seen
}

/// Runs the example.
pub fn main() -> Result<()> {
    multiproc::init();
    let (careless, careful) = (Value::new(0)?, Value::new(0)?);
    let (gun, barrier) = (Event::new()?, Barrier::new(PROCESSES)?);

    let mut children = Vec::new();
    for _ in 0..PROCESSES {
        let shared = (careless.clone(), careful.clone(), gun.clone(), barrier.clone());
        // Daemons are killed, not waited for, if something fails before the gun is fired.
        children.push(Process::new(count, shared).daemon(true).start()?);
    }
    println!("{PROCESSES} processes are started, the gun has not fired, the counter is {}", careless.get()?);
    gun.set();

    let mut seen = Vec::new();
    for child in children {
        seen.push(child.join()?);
    }
    println!("at the barrier, they read {seen:?}");
    let all = PROCESSES as u64 * STEPS;
    println!("get, then set: {} of {all} counted", careless.get()?);
    println!("update:        {} of {all} counted", careful.get()?);
    Ok(())
}
// ANCHOR_END: program
