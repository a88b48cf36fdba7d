//! Exercise 1: fork, and reap.
//!
//! Goal: `fork_and_reap` runs `work` in as many forked children as it is told, all at the same time, and tells the pid of
//! each and the code it exited with. No zombie is left.
//! What to touch: the body of `fork_and_reap`, and the `use` lines.
//! How to check: `cargo test -p lesson01-processes --test ex1_fork_and_reap`

use std::io;

/// Forks `children` times. Child number `n`, counted from 0, calls `work(n)` and exits with the code that this returns.
///
/// Returns the pid and the exit code of each child, in the order of their numbers. A child that is killed has the code -1.
///
/// It is called in a process that has one thread.
#[allow(unsafe_code)]
pub fn fork_and_reap(children: u32, work: fn(u32) -> i32) -> io::Result<Vec<(u32, i32)>> {
    let _ = work; // for the children
    todo!("one loop that forks {children} times, then another that waits for each child")
}
