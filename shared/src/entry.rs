//! Where a child process leaves `main`.

use std::os::fd::AsFd;

use crate::nursery;
use crate::sys::lifeline;
use crate::sys::process::{self, TICKET_FD, WORK_FDS};
use crate::sys::signals;
use crate::ticket::{self, Role};
use crate::worker::{self, Seed};

/// Must be the first line of `main`: a process that the pool started by exec leaves `main` here and never comes back.
///
/// In every other process it does nothing but note that it was called. Starting a process by
/// [`Spawn`](crate::StartMethod::Spawn) or [`ForkServer`](crate::StartMethod::ForkServer) from a program that never called it
/// is refused with [`Error::InitMissing`](crate::Error::InitMissing), so a forgotten line cannot run `main` a second time.
///
/// What stands before it in `main` runs in every such child too. In tests and benches, where there is no `main` to edit, turn
/// on the feature `test-support`, which calls it before `main`.
///
/// A child is recognised by a sealed piece of shared memory at descriptor 3 that holds a ticket made by its parent for this
/// very build of the program, good for one use. Nothing is left in the environment that grandchildren could inherit.
///
/// Python's counterpart is the guard `if __name__ == "__main__":` (and `freeze_support()`).
///
/// ```
/// fn main() -> multiproc::Result<()> {
///     multiproc::init();
///     let pool = multiproc::Pool::with_processes(2)?;
///     assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
///     Ok(())
/// }
/// ```
pub fn init() {
    // Only the first call may find a ticket: later, descriptor 3 may be one that this process made for a child.
    if !ticket::note_init()
        && let Some(role) = ticket::take()
    {
        begin(role);
    }
}

#[cfg(feature = "test-support")]
mod before_main {
    #![allow(unsafe_code)]

    // SAFETY: `init` relies on nothing that `main` would set up: in a child it never returns, elsewhere it sets a flag.
    #[ctor::ctor(unsafe)]
    fn call_init() {
        super::init();
    }
}

fn begin((role, parent): (Role, u32)) -> ! {
    let adopt = |number| process::adopt_fd(number).unwrap_or_else(|| process::exit_now(70));
    let (ticket, work) = (adopt(TICKET_FD), adopt(WORK_FDS[0]));
    match role {
        Role::Nursery => {
            drop(ticket);
            nursery::serve_executed(work, parent)
        }
        Role::Worker => {
            let (handles, lifeline) = (adopt(WORK_FDS[1]), adopt(WORK_FDS[2]));
            if lifeline::has_ended(lifeline.as_fd()) {
                process::exit_now(1);
            }
            process::renew_death_signal();
            signals::prepare();
            signals::serve_zygote();
            worker::run(Seed { segment: ticket, bell: work, handles, lifeline: Some(lifeline) })
        }
    }
}
