//! The call below everything else in this lesson: `fork` makes a copy of the process, and returns
//! twice, once in each.
//!
//! Watch which process is whose parent, and what is left of a process between its end and the wait
//! of its parent: a zombie.
//!
//! The copy has one thread, the one that called `fork`. Had another thread been holding a lock at
//! that moment, say the allocator's, the child would have the lock, locked, and no thread to unlock
//! it. So fork before any thread is started, or let `multiproc::Process` do it: its children are
//! forked by a small process that has one thread and keeps to it.

// ANCHOR: program
use std::fs;
use std::io::{self, Write};
use std::process;

use multiproc::Error;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getppid};

/// The letter that the kernel gives the state of a process: R for running, S for sleeping, Z for
/// zombie.
fn state(pid: Pid) -> io::Result<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The line reads `4712 (program) Z …`, and a program's name may hold anything, even brackets.
    let (_, rest) = stat.rsplit_once(") ").unwrap_or_default();
    Ok(rest.chars().take(1).collect())
}

/// Runs the example.
#[allow(unsafe_code)]
pub fn main() -> multiproc::Result<()> {
    let threads = fs::read_dir("/proc/self/task")?.count();
    if threads > 1 {
        return Err(Error::ForkWithThreads { threads });
    }
    // What waits in a buffer would be copied too, and printed by both.
    io::stdout().flush()?;

    // ANCHOR: fork
    // SAFETY: this process has one thread, so no other can hold a lock that the child would wait
    // for in vain.
    let child = match unsafe { fork() }.map_err(io::Error::from)? {
        ForkResult::Child => {
            println!("child:  I am {}, and my parent is {}", process::id(), getppid());
            // The child is a copy, down to this very line: if it returned, it would go on with the
            // parent's work.
            process::exit(7);
        }
        ForkResult::Parent { child } => child,
    };
    // ANCHOR_END: fork
    println!("parent: I am {}, and my child is {child}", process::id());

    // ANCHOR: zombie
    // Waits until the child has ended, but leaves it as it is. It no longer runs and has no memory;
    // a line in the kernel's table, with the code it ended with, is kept until the parent asks for
    // it. That is a zombie.
    waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).map_err(io::Error::from)?;
    println!("parent: the child has ended, and its state is {}: a zombie", state(child)?);
    // ANCHOR_END: zombie

    // ANCHOR: reap
    // Asks for it. A parent that never does collects zombies, and pids are not without number.
    match waitpid(child, None).map_err(io::Error::from)? {
        WaitStatus::Exited(pid, code) => println!("parent: child {pid} exited with code {code}"),
        other => println!("parent: the child ended otherwise: {other:?}"),
    }
    // ANCHOR_END: reap
    let gone = if state(child).is_err() { "gone" } else { "still there" };
    println!("parent: now the zombie is {gone}");
    Ok(())
}
// ANCHOR_END: program
