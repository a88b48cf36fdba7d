//! Forks processes, and sets what the kernel does for them.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpid, getppid, gettid};

use crate::error::{Error, Result};
use crate::sys::exit::{exit_now, flush_stdio};
use crate::sys::threads::ForkPermit;

/// Fails if children of this thread would be in another PID namespace than it is itself: pids of
/// one have no meaning in the other.
pub(crate) fn check_namespace() -> Result<()> {
    let namespace = |name| std::fs::read_link(format!("/proc/thread-self/ns/{name}")).ok();
    let own = namespace("pid");
    // One without a process has no name yet.
    if own.is_none() || own == namespace("pid_for_children") {
        return Ok(());
    }
    let why = "this thread's children are in another PID namespace (unshare, setns): build the pool in one of them";
    Err(Error::Config(why.into()))
}

/// Forks. Returns `None` in the child. Buffered output is flushed before, so that it is not written
/// twice.
pub(crate) fn fork(_permit: ForkPermit) -> nix::Result<Option<Pid>> {
    flush_stdio();
    // SAFETY: the permit says that no lock can be held by a thread that the child lacks.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Replaces standard input by the null device: children must not read the parent's input.
pub(crate) fn detach_stdin() {
    // SAFETY: what reads from standard input asks for it by its number, and finds the end of it.
    unsafe { replace_by_null(0) };
}

/// Replaces descriptor `number` by the null device.
///
/// # Safety
/// No code relies on what the descriptor refers to: its owner only closes it, or can read the null
/// device as well.
pub(crate) unsafe fn replace_by_null(number: RawFd) {
    if let Ok(null) = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        let flags = if number > 2 { libc::O_CLOEXEC } else { 0 };
        // SAFETY: the number stays open, so that its owner can close it, and that its use is right
        // is the caller's contract; dup3 has no memory effects.
        unsafe { libc::dup3(null.as_raw_fd(), number, flags) };
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

/// Reaps a process that is about to end, if the end of its parent has made it a child of this one:
/// where this is the first process of a pid namespace, or a subreaper. Waits for the end then, for
/// about a second at most.
pub(crate) fn reap_if_adopted(pid: Pid) {
    const MAX_TRIES: u32 = 1000;
    for _ in 0..MAX_TRIES {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::EINTR) => {}
            // Reaped, or no child of this process.
            _ => return,
        }
    }
}

/// Has the kernel kill this process when its parent ends, once more: a change of user resets that.
pub(crate) fn renew_death_signal() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

/// Makes this process the parent of its descendants whose parents end.
pub(crate) fn adopt_orphans() {
    // Without it they become children of the process that adopts this process' own children.
    let _ = prctl::set_child_subreaper(true);
}

/// Names this process in `ps` and `top`; the kernel keeps 15 bytes.
pub(crate) fn set_title(title: &str) {
    let short: Vec<u8> = title.bytes().filter(|byte| *byte != 0).take(15).collect();
    if let Ok(title) = CString::new(short) {
        let _ = prctl::set_name(&title);
        if gettid() != getpid() {
            // The name that is listed is the main thread's.
            let _ = std::fs::write("/proc/self/comm", title.as_bytes());
        }
    }
}

/// Returns the size in bytes of the stack for a thread that takes the place of the main one.
pub(crate) fn stack_size() -> usize {
    const USUAL: u64 = 8 << 20;
    const MAX: u64 = 1 << 30;
    match getrlimit(Resource::RLIMIT_STACK) {
        Ok((bytes, _)) if bytes <= MAX => bytes.max(1 << 20) as usize,
        _ => USUAL as usize,
    }
}

/// Limits the memory that this process may take for its data (heap, private mappings, stacks of new
/// threads), in bytes.
pub(crate) fn limit_memory(bytes: u64) -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)
}
