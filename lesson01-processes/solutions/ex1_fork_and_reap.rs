//! A solution: all children are forked before the first is waited for, and none of them leaves the function.

use std::io;
use std::process;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Forks `children` times. Child number `n`, counted from 0, calls `work(n)` and exits with the code that this returns.
///
/// Returns the pid and the exit code of each child, in the order of their numbers. A child that is killed has the code -1.
///
/// It is called in a process that has one thread.
#[allow(unsafe_code)]
pub fn fork_and_reap(children: u32, work: fn(u32) -> i32) -> io::Result<Vec<(u32, i32)>> {
    let mut running = Vec::new();
    for number in 0..children {
        // SAFETY: this process has one thread, so nobody else can hold a lock that the child needs.
        match unsafe { fork() }? {
            ForkResult::Child => process::exit(work(number)),
            ForkResult::Parent { child: pid } => running.push(pid),
        }
    }
    let mut reaped = Vec::new();
    for pid in running {
        let code = match waitpid(pid, None)? {
            WaitStatus::Exited(_, code) => code,
            _ => -1,
        };
        reaped.push((pid.as_raw().cast_unsigned(), code));
    }
    Ok(reaped)
}
