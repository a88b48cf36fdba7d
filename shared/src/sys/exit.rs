//! The end of a process: at once, orderly and within a time limit, with its exit handlers, or with
//! its parent.
//!
//! `exit` runs the destructors of this thread's thread-locals, then the exit handlers, then flushes
//! the C streams. In a process that was executed all of that is its own. In a copy of the program
//! ([`mark_start`] marks one) those from before the copy was made are the program's, and must run
//! there alone: both lists are processed from the newest entry, and end at an entry of ours.
//!
//! With musl an exit handler is not told the exit code, and `exit` runs no destructors of
//! thread-locals: there, a copy ends at our entry if the pool ends it, and runs all handlers if a
//! task calls `exit`.
#![allow(unsafe_code)]

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc::{self, c_int};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getppid, pipe2};

/// The exit code of an orderly end, once one has begun.
static CODE: AtomicI32 = AtomicI32::new(NONE);
const NONE: i32 = -1;

#[cfg(not(target_env = "musl"))]
mod start {
    use std::ffi::c_void;
    use std::ptr;
    use std::sync::atomic::Ordering::Relaxed;

    use nix::libc::{self, c_int};

    use super::{CODE, NONE, end, end_of_handlers, exit_now};

    unsafe extern "C" {
        // Of the C++ ABI, which the C library implements: `exit` and thread-locals rest on them.
        fn __cxa_thread_atexit_impl(
            destroy: extern "C" fn(*mut c_void),
            object: *mut c_void,
            module: *mut c_void,
        ) -> c_int;
        fn __cxa_finalize(module: *mut c_void);
        // Of the C library: an exit handler that is given the exit code. `__cxa_finalize` leaves it
        // out.
        fn on_exit(handler: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        static __dso_handle: u8;
    }

    /// Marks the start of a copy: exit handlers and destructors of thread-locals that are
    /// registered already will not run in this process and its forks.
    pub(crate) fn mark_start() {
        let module = (&raw const __dso_handle).cast_mut().cast();
        // SAFETY: the functions are defined in this executable and stay; the object is not looked
        // at.
        unsafe {
            __cxa_thread_atexit_impl(end_of_destructors, ptr::null_mut(), module);
            libc::atexit(end_of_handlers);
            on_exit(end_at_exit, ptr::null_mut());
        }
    }

    /// Goes on with the exit handlers of this process, after its destructors have run.
    extern "C" fn end_of_destructors(_object: *mut c_void) {
        if CODE.load(Relaxed) == NONE {
            // A task has called `exit`.
            return;
        }
        // SAFETY: runs the exit handlers from the newest on. Ours is among them and does not
        // return, so none runs twice.
        unsafe { __cxa_finalize(ptr::null_mut()) };
        exit_now(CODE.load(Relaxed))
    }

    /// Does what [`end_of_handlers`] does, where a task has called `exit`.
    extern "C" fn end_at_exit(code: c_int, _argument: *mut c_void) {
        end(code);
    }
}

#[cfg(target_env = "musl")]
mod start {
    use nix::libc;

    use super::end_of_handlers;

    /// Marks the start of a copy: exit handlers that are registered already will not run when this
    /// process or a fork of it ends in order.
    pub(crate) fn mark_start() {
        // SAFETY: the function is defined in this executable and stays.
        unsafe { libc::atexit(end_of_handlers) };
    }
}

pub(crate) use start::mark_start;

/// Ends the process after its exit handlers have run, if they run for [`exit`].
extern "C" fn end_of_handlers() {
    let code = CODE.load(Relaxed);
    if code != NONE {
        end(code);
    }
}

fn end(code: c_int) -> ! {
    flush_stdio();
    coverage::write();
    exit_now(code)
}

/// Exits, and runs the destructors and exit handlers of this process.
pub(crate) fn exit(code: i32) -> ! {
    CODE.store(code, Relaxed);
    std::process::exit(code)
}

/// Has the kernel kill this process after this many nanoseconds.
pub(crate) fn kill_after(nanoseconds: u64) {
    let mut timer = MaybeUninit::uninit();
    // SAFETY: all zero is a valid sigevent and a valid itimerspec, whose fields are then set; the
    // timer is written if the call succeeds.
    unsafe {
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGKILL;
        if libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, timer.as_mut_ptr()) == 0 {
            let mut time: libc::itimerspec = std::mem::zeroed();
            time.it_value.tv_sec = (nanoseconds / 1_000_000_000).min(u32::MAX.into()) as i64;
            time.it_value.tv_nsec = (nanoseconds % 1_000_000_000) as libc::c_long;
            libc::timer_settime(timer.assume_init(), 0, &time, ptr::null_mut());
        }
    }
}

/// Flushes Rust's and C's standard output.
pub(crate) fn flush_stdio() {
    // A closed standard output is no reason to fail here: the code that prints gets the error.
    let _ = io::stdout().flush();
    // SAFETY: fflush(NULL) flushes all C streams and takes no pointer from us.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Exits at once: no destructors, and no exit handlers, which belong to the process that this one
/// was forked from.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit never returns and runs no code of this process.
    unsafe { libc::_exit(code) }
}

/// The profile of a program that was built with `-C instrument-coverage`. It is written by an exit
/// handler that was installed when the program began, which does not run in its copies.
mod coverage {
    use std::arch::global_asm;

    use nix::libc::c_int;

    global_asm!(
        ".pushsection .data.rel.ro.multiproc_write_profile,\"aw\"",
        ".balign 8",
        ".weak __llvm_profile_write_file",
        // A program may have several copies of this crate. One word does for all.
        ".weak multiproc_write_profile",
        ".hidden multiproc_write_profile",
        "multiproc_write_profile:",
        ".8byte __llvm_profile_write_file",
        ".popsection",
    );

    unsafe extern "C" {
        /// Null in any other program.
        static multiproc_write_profile: Option<unsafe extern "C" fn() -> c_int>;
    }

    pub(super) fn write() {
        // SAFETY: the word is never written. It holds the address of the profiler's function, which
        // takes nothing and may be called at any time, or null.
        if let Some(write) = unsafe { multiproc_write_profile } {
            // SAFETY: as above.
            unsafe { write() };
        }
    }
}

/// Has the kernel kill this process when its parent ends. `parent` must be single-threaded: the
/// kernel's "parent" is the thread that forked, not the process. Ends this process if the parent is
/// gone already.
pub(crate) fn die_with(parent: Pid) {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    if getppid() != parent {
        exit_now(1);
    }
}

/// Has the kernel kill this process when its parent ends, once more: a change of user resets that.
pub(crate) fn renew_death_signal() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

/// `F_SETSIG` in the kernel's `include/uapi/asm-generic/fcntl.h`, which the libc crate leaves out.
const F_SETSIG: libc::c_int = 10;

/// A parent's ends of a pipe by which the kernel kills its children when it ends.
#[derive(Debug)]
pub(crate) struct Lifeline {
    /// For the children.
    read: OwnedFd,
    /// Closed by the kernel when the parent ends. A child must not keep its copy.
    _write: OwnedFd,
}

impl Lifeline {
    pub(crate) fn new() -> nix::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        Ok(Self { read, _write: write })
    }

    /// Opens an end for a child, which passes it to [`kill_at_end`].
    pub(crate) fn open(&self) -> nix::Result<OwnedFd> {
        // An open file has one receiver of its signals, so each child has one of its own.
        let path = format!("/proc/self/fd/{}", self.read.as_raw_fd());
        open(path.as_str(), OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())
    }
}

/// Has the kernel kill this process, a child, when the parent ends, as long as `own` is open; also
/// after an exec, if it is open there. The child must drop its copy of the [`Lifeline`] afterwards.
/// Makes system calls only.
pub(crate) fn kill_at_end(own: BorrowedFd<'_>) -> nix::Result<()> {
    signal_at_end(own, Signal::SIGKILL)
}

/// Has the kernel send `signal` to this process when the other end of the pipe or socket `fd` is
/// closed, or sends something.
pub(crate) fn signal_at_end(fd: BorrowedFd<'_>, signal: Signal) -> nix::Result<()> {
    let raw = fd.as_raw_fd();
    // SAFETY: both calls take integers only, and an open descriptor.
    Errno::result(unsafe { libc::fcntl(raw, F_SETSIG, signal as libc::c_int) })?;
    // SAFETY: as above; getpid has no preconditions.
    Errno::result(unsafe { libc::fcntl(raw, libc::F_SETOWN, libc::getpid()) })?;
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_ASYNC)).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::poll::is_hung_up;

    #[test]
    fn the_end_of_the_other_side_is_seen() -> nix::Result<()> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        // The default of this signal is to do nothing.
        signal_at_end(read.as_fd(), Signal::SIGURG)?;
        assert!(!is_hung_up(read.as_fd()));
        drop(write);
        assert!(is_hung_up(read.as_fd()));
        Ok(())
    }
}
