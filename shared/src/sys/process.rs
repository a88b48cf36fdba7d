//! Processes: whether this one may be forked beside its threads, the fork, and what the kernel does
//! for processes and tells of them.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpid, gettid};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::error::{Context, Error, Result};
use crate::sys::exit::flush_stdio;
use crate::sys::pid::PerProcess;

/// A permit to fork: proof that no other thread can hold a lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkPermit(());

impl ForkPermit {
    /// Returns a permit if this thread is the only one of the process, [`ForkSafe`] ones aside.
    pub(crate) fn checked() -> Result<Self> {
        match count_fork_unsafe()? {
            1 => Ok(Self(())),
            threads => Err(Error::ForkWithThreads { threads }),
        }
    }

    /// Returns a permit if this thread is the only one of the process at this moment.
    pub(crate) fn if_single_threaded() -> Option<Self> {
        (count_threads().ok()? == 1).then_some(Self(()))
    }

    /// Returns a permit without a check.
    ///
    /// # Safety
    /// No other thread may hold a lock that code in the child will take (or the child must exec).
    pub(crate) unsafe fn unchecked() -> Self {
        Self(())
    }
}

/// A mark for a thread of this crate that takes no lock which code in a forked child could need:
/// the process may be forked beside it. (The allocator's lock does not count: the C library takes
/// care of it.)
pub(crate) struct ForkSafe(());

/// The number of threads that are marked. A fork has none of them.
static FORK_SAFE: PerProcess<AtomicUsize> = PerProcess::new();

impl ForkSafe {
    /// Marks the thread that is about to be started, and that owns the mark.
    pub(crate) fn new() -> Self {
        FORK_SAFE.get().fetch_add(1, SeqCst);
        Self(())
    }
}

impl Drop for ForkSafe {
    fn drop(&mut self) {
        FORK_SAFE.get().fetch_sub(1, SeqCst);
    }
}

/// Counts this process' threads but the fork-safe ones. A thread that was joined stays listed for a
/// moment, so a count over one is repeated for a while.
fn count_fork_unsafe() -> Result<usize> {
    const MAX_TRIES: u32 = 50;
    let mut threads = 0;
    for _ in 0..MAX_TRIES {
        threads = count_threads()?.saturating_sub(FORK_SAFE.get().load(SeqCst)).max(1);
        if threads == 1 {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(threads)
}

/// The folder of this process' threads.
const THREADS: &str = "/proc/self/task";

/// Returns the number of threads of this process. Their folder has one more link for each.
pub(crate) fn count_threads() -> Result<usize> {
    let context = "cannot count this process' threads (is /proc mounted?)";
    match std::fs::metadata(THREADS).context(context)?.nlink() {
        links @ 3.. => Ok(links as usize - 2),
        _ => Ok(std::fs::read_dir(THREADS).context(context)?.count()),
    }
}

/// Lists the threads of this process. One that ends while the list is read may keep others from it.
pub(crate) fn list_threads() -> std::io::Result<Vec<i32>> {
    let id = |thread: std::io::Result<std::fs::DirEntry>| thread.ok()?.file_name().to_str()?.parse().ok();
    Ok(std::fs::read_dir(THREADS)?.filter_map(id).collect())
}

/// Returns whether this is the only thread of the process, so that no other can start.
pub(crate) fn is_single_threaded() -> bool {
    // The C library's own flag costs nothing, but stays unset once a thread was started; then the
    // kernel is asked, whose folder of threads has a link for each.
    let threads = || std::fs::metadata(THREADS).map_or(u64::MAX, |folder| folder.nlink());
    never_had_threads() || threads() <= 3
}

/// Returns whether the C library has a flag that no thread was ever started, and it is set.
fn never_had_threads() -> bool {
    static WORD: OnceLock<usize> = OnceLock::new();
    // SAFETY: the name is a C string, and looking it up has no effects.
    let find = || unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) } as usize;
    let word = *WORD.get_or_init(find) as *const AtomicU8;
    // SAFETY: either there is no such word, or it is the C library's `char` of this name, which
    // lives as long as the process and which only the library changes, when this very thread starts
    // another (`<sys/single_threaded.h>`).
    !word.is_null() && unsafe { &*word }.load(Relaxed) != 0
}

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

/// Opens a descriptor that is readable once the process `pid` has ended.
pub(crate) fn open_pidfd(pid: Pid) -> nix::Result<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Errno::ESRCH)?;
    pidfd_open(pid, PidfdFlags::empty()).map_err(|error| Errno::from_raw(error.raw_os_error()))
}

/// Reaps a process that is about to end, if the end of its parent has made it a child of this one:
/// where this is the first process of a pid namespace, or a subreaper. Waits for the end then, for
/// about a second at most.
pub(crate) fn reap_if_adopted(pid: u32) {
    const MAX_TRIES: u32 = 1000;
    let pid = Pid::from_raw(pid.cast_signed());
    for _ in 0..MAX_TRIES {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::EINTR) => {}
            // Reaped, or no child of this process.
            _ => return,
        }
    }
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
