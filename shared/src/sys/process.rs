//! Making processes, becoming one, and ending.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::libc;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, posix_spawn};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, Pid, execve, getppid};

use crate::error::{Context, Error, Result};

/// The running executable, even if its file was renamed, replaced or deleted since.
const SELF: &std::ffi::CStr = c"/proc/self/exe";

/// The descriptors that a child made by exec finds: its ticket, and what it works with.
pub(crate) const TICKET_FD: RawFd = 3;
/// See [`TICKET_FD`]. A nursery has its socket here; a worker has the bell, and its socket for handles.
pub(crate) const WORK_FDS: [RawFd; 2] = [4, 5];

/// Leave to fork: proof that somebody made sure no other thread can hold a lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkPermit(());

impl ForkPermit {
    /// Gives leave if this thread is the only one of the process, [`Harmless`] ones aside.
    pub(crate) fn checked() -> Result<Self> {
        match count_threads()? {
            1 => Ok(Self(())),
            threads => Err(Error::ForkWithThreads { threads }),
        }
    }

    /// Gives leave on the caller's word.
    ///
    /// # Safety
    /// No other thread may hold a lock that code in the child will take (or the child must exec).
    pub(crate) unsafe fn asserted() -> Self {
        Self(())
    }
}

/// A mark for a thread of ours that takes no lock which code in a forked child could want: it does not stand in the way of a
/// fork. (The allocator's lock does not count: the C library takes care of it.)
pub(crate) struct Harmless(());

static HARMLESS: AtomicUsize = AtomicUsize::new(0);

impl Harmless {
    /// Marks the thread that is about to be started, and takes this with it.
    pub(crate) fn new() -> Self {
        HARMLESS.fetch_add(1, SeqCst);
        Self(())
    }
}

impl Drop for Harmless {
    fn drop(&mut self) {
        HARMLESS.fetch_sub(1, SeqCst);
    }
}

/// Counts this process' threads but the harmless ones. A thread that was joined stays listed for a moment, so a count over one is
/// taken again for a while before it is believed.
fn count_threads() -> Result<usize> {
    const PATIENCE: u32 = 50;
    let mut threads = 0;
    for _ in 0..PATIENCE {
        let all = std::fs::read_dir("/proc/self/task").context("cannot count this process' threads")?.count();
        threads = all.saturating_sub(HARMLESS.load(SeqCst)).max(1);
        if threads == 1 {
            break;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(threads)
}

/// Forks. `None` is the answer in the child. Buffered output is flushed first, so that it is not written twice.
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
    // The C library's own word is free, but once it was no it stays so; then the kernel is asked, whose folder of threads has a link from each.
    let threads = || std::fs::metadata("/proc/self/task").map_or(u64::MAX, |folder| folder.nlink());
    never_had_threads() || threads() <= 3
}

/// Whether the C library knows that no thread was ever started. It may not know.
fn never_had_threads() -> bool {
    static WORD: OnceLock<usize> = OnceLock::new();
    // SAFETY: the name is a C string, and looking it up has no effects.
    let find = || unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_single_threaded".as_ptr()) } as usize;
    let word = *WORD.get_or_init(find) as *const AtomicU8;
    // SAFETY: either there is no such word, or it is the C library's `char` of this name, which lives as long as the process
    // and which only the library changes, when this very thread starts another (`<sys/single_threaded.h>`).
    !word.is_null() && unsafe { &*word }.load(Relaxed) != 0
}

/// Flushes Rust's and C's standard output.
pub(crate) fn flush_stdio() {
    // A closed standard output is no reason to fail here: the one who printed will be told.
    let _ = io::stdout().flush();
    // SAFETY: fflush(NULL) flushes all C streams and takes no pointer from us.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Starts this executable again as a new process that finds `ticket` and `work` at their numbers and nothing else beyond
/// standard input, output and error. Safe with any number of threads, and its cost does not depend on the memory in use.
pub(crate) fn spawn_self(ticket: BorrowedFd<'_>, work: BorrowedFd<'_>) -> Result<Pid> {
    let (ticket, work) = (out_of_the_way(ticket)?, out_of_the_way(work)?);
    let context = "cannot prepare a child process";
    let mut actions = PosixSpawnFileActions::init().context(context)?;
    actions.add_dup2(ticket.as_raw_fd(), TICKET_FD).context(context)?;
    actions.add_dup2(work.as_raw_fd(), WORK_FDS[0]).context(context)?;
    let attributes = PosixSpawnAttr::init().context(context)?;
    let (args, env) = (own_args(), own_env());
    posix_spawn(SELF, &actions, &attributes, &args, &env).context("cannot start a child process")
}

/// Replaces this process by a fresh run of its executable; see [`spawn_self`]. Comes back only with an error.
pub(crate) fn exec_self(ticket: OwnedFd, work: [OwnedFd; 2]) -> Result<Infallible> {
    let ticket = out_of_the_way(ticket.as_fd())?;
    let work = [out_of_the_way(work[0].as_fd())?, out_of_the_way(work[1].as_fd())?];
    for (fd, number) in [(&ticket, TICKET_FD), (&work[0], WORK_FDS[0]), (&work[1], WORK_FDS[1])] {
        // SAFETY: dup2 has no memory effects; whatever was open at the number belonged to this process' former life, which
        // ends with the exec below.
        Errno::result(unsafe { libc::dup2(fd.as_raw_fd(), number) }).context("cannot place a descriptor")?;
    }
    execve(SELF, &own_args(), &own_env()).context("cannot exec")
}

/// A copy of `fd` above the fixed numbers, so that placing one cannot overwrite another.
fn out_of_the_way(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(WORK_FDS[1] + 1)).context("cannot duplicate a descriptor")?;
    // SAFETY: fcntl has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// The same arguments as this process got, so that a task sees what its parent would.
fn own_args() -> Vec<CString> {
    std::env::args_os().filter_map(|arg| CString::new(arg.into_vec()).ok()).collect()
}

fn own_env() -> Vec<CString> {
    let pairs = std::env::vars_os().map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        CString::new(name.into_vec())
    });
    pairs.filter_map(|pair| pair.ok()).collect()
}

/// The descriptor that the parent placed at `number`, if there is one, set to close on exec.
///
/// Only for a process that was started by [`spawn_self`] or [`exec_self`], and once for each number.
pub(crate) fn adopt_fd(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: a borrowed look at the number; a closed one is an error from fcntl.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: it is open (fcntl said so), and by the contract above nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Looks at descriptor `number` without owning it; `None` if it is closed.
pub(crate) fn peek_fd(number: RawFd) -> Option<BorrowedFd<'static>> {
    // SAFETY: used at once, for calls that answer with an error if the number is closed or something else.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(fd, FcntlArg::F_GETFD).ok().map(|_| fd)
}

/// Closes every descriptor from `first` up: those that the parent had open without close-on-exec.
pub(crate) fn close_from(first: RawFd) {
    // SAFETY: called at the start of a fresh process, before it owns any descriptor from `first` up.
    unsafe { libc::close_range(first as u32, u32::MAX, 0) };
}

/// Puts the null device in the place of standard input: children must not take the parent's input away.
pub(crate) fn detach_stdin() {
    replace_by_null(0);
}

/// Puts the null device in the place of descriptor `number`.
pub(crate) fn replace_by_null(number: RawFd) {
    if let Ok(null) = open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        let flags = if number > 2 { libc::O_CLOEXEC } else { 0 };
        // SAFETY: the number stays open, now as the null device, so that its owner in this process can go on to use and close it;
        // dup3 has no memory effects.
        unsafe { libc::dup3(null.as_raw_fd(), number, flags) };
    }
}

/// Has the kernel kill this process when its parent ends. `parent` must be single-threaded: the kernel's "parent" is the
/// thread that forked, not the process. Ends this process if the parent is gone already.
pub(crate) fn die_with(parent: Pid) {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    if getppid() != parent {
        exit_now(1);
    }
}

/// Names this process in `ps` and `top`; the kernel keeps 15 bytes.
pub(crate) fn set_title(title: &str) {
    let short: Vec<u8> = title.bytes().filter(|byte| *byte != 0).take(15).collect();
    if let Ok(title) = CString::new(short) {
        let _ = prctl::set_name(&title);
    }
}

/// Forgets the signal handlers and the mask that came with a fork, and ignores Ctrl-C: the parent decides what it means.
/// The handlers for memory faults stay: they are how the standard library reports a stack overflow.
pub(crate) fn reset_signals() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for signal in Signal::iterator() {
        let action = match signal {
            Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGPIPE | Signal::SIGKILL | Signal::SIGSTOP => continue,
            Signal::SIGINT => &ignore,
            _ => &default,
        };
        // SAFETY: neither disposition runs any code of ours.
        let _ = unsafe { sigaction(signal, action) };
    }
    let _ = SigSet::empty().thread_set_mask();
}

/// Bounds the memory this process may take for its data (heap, private mappings, stacks of new threads), in bytes.
pub(crate) fn limit_memory(bytes: u64) -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, bytes, bytes)
}

/// Ends the process at once: no destructors, no exit handlers, which belong to the process this one was forked from.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit never returns and runs no code of this process.
    unsafe { libc::_exit(code) }
}
