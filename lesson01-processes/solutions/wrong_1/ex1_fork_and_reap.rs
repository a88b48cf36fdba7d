//! Wrong: forks and waits in one loop, so that one child runs after the other.
//!
//! Fails with: in vain for the others

use std::io;
use std::process;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

#[allow(unsafe_code)]
pub fn fork_and_reap(children: u32, work: fn(u32) -> i32) -> io::Result<Vec<(u32, i32)>> {
    let mut reaped = Vec::new();
    for number in 0..children {
        // SAFETY: this process has one thread, so no other can hold a lock that the child needs.
        let child = match unsafe { fork() }? {
            ForkResult::Child => process::exit(work(number)),
            ForkResult::Parent { child } => child,
        };
        let code = match waitpid(child, None)? {
            WaitStatus::Exited(_, code) => code,
            _ => -1,
        };
        reaped.push((child.as_raw().cast_unsigned(), code));
    }
    Ok(reaped)
}
