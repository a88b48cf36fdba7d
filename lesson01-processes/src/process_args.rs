//! A process for each of several names: arguments go there, results come back, and both keep their
//! types.
//!
//! Watch the pids, and the order of the children's lines: who has least to do greets first. The
//! results come in the order of the joins.

// ANCHOR: program
use std::process;
use std::thread;
use std::time::Duration;

use multiproc::Process;

// ANCHOR: task
fn greet(name: String, milliseconds: u64) -> usize {
    // Some children have more to do than others. Here, they only pretend to.
    thread::sleep(Duration::from_millis(milliseconds));
    println!("child {}: Hello {name}", process::id());
    name.chars().count()
}
// ANCHOR_END: task

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    // ANCHOR: start_all
    // How many milliseconds each of them takes.
    let names = [("Bob", 90), ("Alice", 60), ("Eve", 30)];

    // All of them start before the first is waited for: start and join in one loop would run one
    // after the other.
    let mut children = Vec::new();
    for (name, milliseconds) in names {
        children.push(Process::new(greet, (name.to_string(), milliseconds)).start()?);
    }
    // ANCHOR_END: start_all
    // ANCHOR: join_all
    for ((name, _), child) in names.iter().zip(children) {
        let letters: usize = child.join()?;
        println!("parent: {name} has {letters} letters");
    }
    // ANCHOR_END: join_all
    Ok(())
}
// ANCHOR_END: program
