//! Exercise 1: fork, and reap.
//!
//! Goal: run a function in several forked children, all at the same time, and return the pid of
//! each and the code that it exited with. Leave no zombie.
//!
//! Check: `cargo test -p lesson01-processes --test ex1_fork_and_reap`

use std::io;

/// Forks `children` times. Child number `n`, counted from 0, calls `work(n)` and exits with the
/// code that this returns.
///
/// Returns the pid and the exit code of each child, in the order of their numbers. The code of a
/// child that is killed is -1.
///
/// The caller's process has one thread.
#[allow(unsafe_code)]
pub fn fork_and_reap(children: u32, work: fn(u32) -> i32) -> io::Result<Vec<(u32, i32)>> {
    let _ = work; // for the children
    todo!("one loop that forks {children} times, then another that waits for each child")
}
