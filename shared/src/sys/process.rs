//! Making processes, becoming one, and ending.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
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

use crate::error::{Context, Error, Result};
use crate::sys::own::PerProcess;

/// Leave to fork: proof that somebody made sure no other thread can hold a lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkPermit(());

impl ForkPermit {
    /// Gives leave if this thread is the only one of the process, [`Harmless`] ones aside.
    pub(crate) fn checked() -> Result<Self> {
        match count_others_than_harmless()? {
            1 => Ok(Self(())),
            threads => Err(Error::ForkWithThreads { threads }),
        }
    }

    /// Gives leave if this thread is the only one of the process at this moment.
    pub(crate) fn if_alone() -> Option<Self> {
        (count_threads().ok()? == 1).then_some(Self(()))
    }

    /// Gives leave on the caller's word.
    ///
    /// # Safety
    /// No other thread may hold a lock that code in the child will take (or the child must exec).
    pub(crate) unsafe fn asserted() -> Self {
        Self(())
    }
}

/// A mark for a thread of ours that takes no lock which code in a forked child could want: it does
/// not stand in the way of a fork. (The allocator's lock does not count: the C library takes care
/// of it.)
pub(crate) struct Harmless(());

/// The threads that are marked so. A fork has none of them.
static HARMLESS: PerProcess<AtomicUsize> = PerProcess::new();

impl Harmless {
    /// Marks the thread that is about to be started, and takes this with it.
    pub(crate) fn new() -> Self {
        HARMLESS.get().fetch_add(1, SeqCst);
        Self(())
    }
}

impl Drop for Harmless {
    fn drop(&mut self) {
        HARMLESS.get().fetch_sub(1, SeqCst);
    }
}

/// Counts this process' threads but the harmless ones. A thread that was joined stays listed for a
/// moment, so a count over one is taken again for a while before it is believed.
fn count_others_than_harmless() -> Result<usize> {
    const PATIENCE: u32 = 50;
    let mut threads = 0;
    for _ in 0..PATIENCE {
        threads = count_threads()?.saturating_sub(HARMLESS.get().load(SeqCst)).max(1);
        if threads == 1 {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(threads)
}

/// The folder of this process' threads.
const THREADS: &str = "/proc/self/task";

/// Returns how many threads this process has. Their folder has a link more for each.
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

/// Fails if children of this thread would be in another PID namespace than it is itself: neither
/// would know the other's numbers.
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

/// Forks. `None` is the answer in the child. Buffered output is flushed first, so that it is not
/// written twice.
pub(crate) fn fork(_permit: ForkPermit) -> nix::Result<Option<Pid>> {
    flush_stdio();
    // SAFETY: the permit says that no lock can be held by a thread that the child lacks.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Some(child)),
        ForkResult::Child => Ok(None),
    }
}

/// Whether this is the only thread of the process, so that no other can begin to be one.
pub(crate) fn is_single_threaded() -> bool {
    // The C library's own word is free, but once it was no it stays so; then the kernel is asked, whose
    // folder of threads has a link from each.
    let threads = || std::fs::metadata("/proc/self/task").map_or(u64::MAX, |folder| folder.nlink());
    never_had_threads() || threads() <= 3
}

/// Whether the C library knows that no thread was ever started. It may not know.
fn never_had_threads() -> bool {
    static WORD: OnceLock<usize> = OnceLock::new();
    // SAFETY: the name is a C string, and looking it up has no effects.
    let find = || unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) } as usize;
    let word = *WORD.get_or_init(find) as *const AtomicU8;
    // SAFETY: either there is no such word, or it is the C library's `char` of this name, which lives
    // as long as the process and which only the library changes, when this very thread starts
    // another (`<sys/single_threaded.h>`).
    !word.is_null() && unsafe { &*word }.load(Relaxed) != 0
}

/// Flushes Rust's and C's standard output.
pub(crate) fn flush_stdio() {
    // A closed standard output is no reason to fail here: the one who printed will be told.
    let _ = io::stdout().flush();
    // SAFETY: fflush(NULL) flushes all C streams and takes no pointer from us.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Puts the null device in the place of standard input: children must not take the parent's input
/// away.
pub(crate) fn detach_stdin() {
    // SAFETY: what reads from standard input asks for it by its number, and finds the end of it.
    unsafe { replace_by_null(0) };
}

/// Puts the null device in the place of descriptor `number`.
///
/// # Safety
/// Nobody relies on what the descriptor refers to: its owner only closes it, or reads the null
/// device as well.
pub(crate) unsafe fn replace_by_null(number: RawFd) {
    if let Ok(null) = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        let flags = if number > 2 { libc::O_CLOEXEC } else { 0 };
        // SAFETY: the number stays open, so that its owner can close it, and its use is the caller's word;
        // dup3 has no memory effects.
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

/// Reaps a process that dies, if the death of its parent has made it a child of this one, as it
/// does where this is the first process of a pid namespace or a subreaper. Waits for its death
/// then, but not for long.
pub(crate) fn reap_adopted(pid: Pid) {
    const PATIENCE: u32 = 1000;
    for _ in 0..PATIENCE {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            Err(Errno::EINTR) => {}
            // Reaped, or the child of another.
            _ => return,
        }
    }
}

/// Asks the kernel again to kill this process when its parent ends: a change of user has it forget
/// that.
pub(crate) fn renew_death_signal() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
}

/// Has what is left of this process' descendants come to it when their parents end.
pub(crate) fn adopt_orphans() {
    // Without it they go to whoever adopts this process' own children.
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

/// Returns how large the stack of a thread should be that takes the place of the main one, in
/// bytes.
pub(crate) fn stack_size() -> usize {
    const USUAL: u64 = 8 << 20;
    const MOST: u64 = 1 << 30;
    match getrlimit(Resource::RLIMIT_STACK) {
        Ok((bytes, _)) if bytes <= MOST => bytes.max(1 << 20) as usize,
        _ => USUAL as usize,
    }
}

/// Bounds the memory this process may take for its data (heap, private mappings, stacks of new
/// threads), in bytes.
pub(crate) fn limit_memory(bytes: u64) -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)
}

/// Ends the process at once: no destructors, no exit handlers, which belong to the process this one
/// was forked from.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit never returns and runs no code of this process.
    unsafe { libc::_exit(code) }
}
