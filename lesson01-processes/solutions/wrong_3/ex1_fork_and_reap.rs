//! Wrong: a child does its work and then goes on where its parent should.
//!
//! Fails with: went on with its parent's work

use std::io;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

#[allow(unsafe_code)]
pub fn fork_and_reap(children: u32, work: fn(u32) -> i32) -> io::Result<Vec<(u32, i32)>> {
    let mut running = Vec::new();
    for number in 0..children {
        // SAFETY: this process has one thread, so no other can hold a lock that the child needs.
        match unsafe { fork() }? {
            ForkResult::Child => return Ok(vec![(0, work(number))]),
            ForkResult::Parent { child } => running.push(child),
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
