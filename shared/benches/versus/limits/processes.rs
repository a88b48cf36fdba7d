//! Processes that do nothing.

use std::io;
use std::process::Command;

use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

use crate::fresh::END;

/// Some processes that end at once, the first ones executed, the others forked; then all are
/// reaped.
pub(crate) fn start_and_reap(executed: usize, forked: usize) -> Result<(), String> {
    all(executed, forked).map_err(|error| error.to_string())
}

fn all(executed: usize, forked: usize) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let children: Vec<_> = (0..executed).map(|_| Command::new(&program).arg(END).spawn()).collect::<io::Result<_>>()?;
    let pids: Vec<Pid> = (0..forked).map(|_| fork_and_exit()).collect::<nix::Result<_>>()?;
    for mut child in children {
        child.wait()?;
    }
    for pid in pids {
        waitpid(pid, None)?;
    }
    Ok(())
}

#[allow(unsafe_code)]
fn fork_and_exit() -> nix::Result<Pid> {
    // SAFETY: the child calls `_exit` and nothing else, which is safe whatever other threads held
    // when it was forked.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => Ok(child),
        // SAFETY: `_exit` has no precondition.
        ForkResult::Child => unsafe { nix::libc::_exit(0) },
    }
}
