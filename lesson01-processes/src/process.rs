//! A function in a process of its own: `start` sets it off, `join` waits until it has ended.
//!
//! Watch the order of the lines, and one line that two processes write together.

// ANCHOR: program
use std::io::{self, Write};
use std::process;

use multiproc::Process;

fn greet() {
    println!("Hello from {}", process::id());
}

/// Runs the example.
pub fn main() -> multiproc::Result<()> {
    multiproc::init();
    println!("parent: I am {}, and start a child", process::id());

    // ANCHOR: flush
    // Rust keeps a line back until its end is there. Without the flush, the child's words would
    // come before these.
    print!("parent: my child says: ");
    io::stdout().flush()?;
    // ANCHOR_END: flush

    // ANCHOR: start_join
    let child = Process::new(greet, ()).start()?;
    let pid = child.pid();
    // From here to `join`, both run at the same time: a line printed here would come before the
    // child's, or after it.
    child.join()?;
    // ANCHOR_END: start_join

    println!("parent: child {pid} has ended");
    Ok(())
}
// ANCHOR_END: program
