//! Copies of a process: what belongs to its original is of no use in a copy, and the original does
//! not notice.
//!
//! Copies are made by forks, which are for processes of one thread, so each test runs in a process
//! of its own; see `support/harness.rs`.

pub(crate) mod memory;
pub(crate) mod objects;
pub(crate) mod pools;
pub(crate) mod tasks;

use std::panic::{AssertUnwindSafe, catch_unwind};

use multiproc::{Error, Result};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, alarm, fork};

/// Runs `act` in a copy of this process, made without the crate, and fails unless it comes to its
/// end there.
#[allow(unsafe_code, reason = "it is what is tested")]
fn in_a_copy(act: impl FnOnce()) {
    // SAFETY: the child runs code that may take locks of the C library's allocator, which sees to
    // its own; other locks are what is tested, and the alarm ends a child that hangs.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            alarm::set(60);
            let outcome = catch_unwind(AssertUnwindSafe(act));
            // SAFETY: _exit runs no code of this process.
            unsafe { nix::libc::_exit(i32::from(outcome.is_err())) }
        }
        ForkResult::Parent { child } => assert_eq!(waitpid(child, None), Ok(WaitStatus::Exited(child, 0))),
    }
}

/// Forks; says whether this is the copy.
#[allow(unsafe_code, reason = "it is what is tested")]
fn fork_here() -> bool {
    // SAFETY: as in `in_a_copy`.
    matches!(unsafe { fork() }.unwrap(), ForkResult::Child)
}

/// Whether an error says that something of `owner` was used here.
fn names(error: &Error, owner: u32) -> bool {
    let both =
        format!("{error}").contains(&owner.to_string()) && format!("{error}").contains(&std::process::id().to_string());
    both && matches!(error, Error::ForeignProcess { owner: o, current } if *o == owner && *current == std::process::id())
}

/// Fails unless a call was refused because what it was made to belongs to process `owner`.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T>, owner: u32) {
    assert!(outcome.as_ref().is_err_and(|error| names(error, owner)), "{outcome:?}");
}
