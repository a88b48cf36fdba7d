//! The first line of `main`, where a child process leaves it.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use nix::errno::Errno;

use crate::bootstrap::{self, Failure, Role};
use crate::sys::exit::{exit_now, renew_death_signal};
use crate::sys::launch::InheritedFds;
use crate::sys::memory::stack_size;
use crate::sys::poll::is_hung_up;
use crate::sys::process::ForkPermit;
use crate::sys::signals;
use crate::worker::{self, WorkerFds};
use crate::zygote;

/// Takes over a process that a pool has started by exec, and does not return there; must be the
/// first line of `main`.
///
/// In every other process it only records that it was called. Starting a process by
/// [`Spawn`](crate::StartMethod::Spawn) or [`ForkServer`](crate::StartMethod::ForkServer) fails
/// with [`Error::InitMissing`](crate::Error::InitMissing) in a program that has not called it, so
/// that a forgotten line cannot run `main` a second time.
///
/// # Code before it
/// Code before it in `main` runs in every such process too: its output appears once more, its time
/// is added to each start ([`ForkServer`](crate::StartMethod::ForkServer) starts one such process
/// for all pools, [`Spawn`](crate::StartMethod::Spawn) one a worker), and if it ends the process,
/// pools fail with [`Error::NoWorkers`](crate::Error::NoWorkers). The files that it opens stay
/// open. It must not close descriptors 3 to 6, as daemons do that close all.
///
/// Threads that run by then (`#[tokio::main]`, an allocator's, those of a preloaded library) are
/// allowed, and make starts slower: a process with threads cannot be forked safely, so each worker
/// is executed, as with `Spawn`, and works in a new thread, outside of the event loop that `init`
/// was called in. A worker then starts in milliseconds rather than in a few hundred microseconds.
/// With tokio, call it before the runtime is built:
///
/// ```no_run
/// # #[cfg(any())] // Takes tokio's macros.
/// fn main() {
///     multiproc::init();
///     tokio::runtime::Runtime::new().unwrap().block_on(async { /* … */ });
/// }
/// # fn main() {}
/// ```
///
/// In tests and benches, where there is no `main` to edit, turn on the feature `test-support`,
/// which calls it before `main`.
///
/// # How it works
/// A child is recognised by a sealed piece of shared memory at descriptor 3: it holds a bootstrap
/// record that the parent has written for this very build of the program, and that can be used
/// once. Nothing is left in the environment that grandchildren could inherit.
///
/// Python's counterpart: the guard `if __name__ == "__main__":` (and `freeze_support()`).
///
/// ```
/// use multiproc::Executor;
///
/// fn main() -> multiproc::Result<()> {
///     multiproc::init();
///     let pool = multiproc::Pool::with_processes(2)?;
///     assert_eq!(pool.apply(|a: u32, b: u32| a + b, (1, 2))?, 3);
///     Ok(())
/// }
/// ```
#[doc(alias("freeze_support", "__main__"))]
pub fn init() {
    // Only the first call may find a bootstrap record: later, descriptor 3 may be one that this
    // process made for a child.
    if bootstrap::record_init_call() {
        return;
    }
    match bootstrap::take_record() {
        Some((role, parent, inherited)) => begin(role, parent, inherited),
        None => zygote::reap_leftover(),
    }
}

#[cfg(feature = "test-support")]
mod before_main {
    #![allow(unsafe_code)]

    // SAFETY: `init` relies on nothing that `main` would set up: in a child it never returns,
    // elsewhere it sets a flag.
    #[ctor::ctor(unsafe)]
    fn call_init() {
        super::init();
    }
}

fn begin(role: Role, parent: u32, InheritedFds { bootstrap, work }: InheritedFds) -> ! {
    let mut work = work.into_iter();
    match (role, work.next(), work.next(), work.next()) {
        (Role::Zygote, Some(root), ..) => zygote::serve_executed(bootstrap, root, parent, may_fork),
        (Role::Worker, Some(notifier), Some(handles), Some(lifeline)) => {
            if is_hung_up(lifeline.as_fd()) {
                exit_now(1);
            }
            renew_death_signal();
            signals::prepare();
            work_apart(WorkerFds { segment: bootstrap, notifier, handles, lifeline: Some(lifeline) })
        }
        _ => exit_now(70),
    }
}

/// Returns a permit to fork if no thread of this process would be missing in the copy, and no event
/// loop in the way there.
fn may_fork() -> Option<ForkPermit> {
    if is_in_runtime() { None } else { ForkPermit::if_single_threaded() }
}

/// Runs the worker: in a new thread if `init` was called inside of something that runs already,
/// such as an event loop.
fn work_apart(fds: WorkerFds) -> ! {
    let copy = fds.segment.try_clone();
    let work = move || -> Infallible {
        signals::accept_signals_of_zygote();
        worker::run(fds)
    };
    if may_fork().is_some() {
        match work() {}
    }
    match thread::Builder::new().name("main".into()).stack_size(stack_size()).spawn(work) {
        Ok(thread) => {
            signals::block_all();
            // The thread ends the process; it ends before only by a mistake.
            let _ = thread.join();
            exit_now(70)
        }
        Err(error) => cannot_work(copy, &error),
    }
}

fn cannot_work(segment: io::Result<OwnedFd>, error: &io::Error) -> ! {
    if let Ok(segment) = segment {
        bootstrap::fail(
            segment,
            Failure::Thread(Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EAGAIN as i32))),
        );
    }
    exit_now(70)
}

#[cfg(feature = "tokio")]
fn is_in_runtime() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

/// Without tokio there is none that would be in this crate's way.
#[cfg(not(feature = "tokio"))]
fn is_in_runtime() -> bool {
    false
}
