//! A process for each of several names: arguments go there, results come back, and both keep their
//! types.
//!
//! Watch the pids, and the children's lines: they come in any order. The results come in the order
//! of the joins.

// ANCHOR: program
use std::process;

use multiproc::Process;

fn greet(name: String) -> usize {
    println!("child {}: Hello {name}", process::id());
    name.chars().count()
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    let names = ["Bob", "Alice", "Eve"];

    // ANCHOR: start_all
    // All of them start before the first is waited for: start and join in one loop would run one
    // after the other.
    let mut children = Vec::new();
    for name in names {
        children.push(Process::new(greet, (name.to_string(),)).start()?);
    }
    // ANCHOR_END: start_all
    // ANCHOR: join_all
    for (name, child) in names.iter().zip(children) {
        let letters: usize = child.join()?;
        println!("parent: {name} has {letters} letters");
    }
    // ANCHOR_END: join_all
    Ok(())
}
// ANCHOR_END: program
