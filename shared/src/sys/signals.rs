//! Signal dispositions: reading and restoring those of a program, and setting those of its zygotes
//! and workers.
//!
//! A signal that asks a program to end or to act often reaches its whole process group: from a
//! terminal, `timeout`, a service manager. What it means is for the program to decide, so it must
//! not end the processes below it. Ignoring the signals would do, but programs that a task starts
//! would ignore them too, because `exec` hands that on. A handler that does nothing is reset by
//! `exec`. Between `exec` and its installation, and in a zygote for ever, the signals are blocked.
//!
//! The processes stay in the program's process group: in one of their own they would not stop with
//! the program at Ctrl-Z, not be able to use its terminal, and not be found by those who signal the
//! group.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use nix::errno::Errno;
use nix::libc::{self, c_int, c_void, siginfo_t};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::unistd::{Pid, getppid};

/// What a signal does in this process: its handler, or none.
#[derive(Clone, Copy)]
pub(crate) struct Disposition(libc::sigaction);

impl Disposition {
    /// Returns what `signal` does in this process now.
    pub(crate) fn of(signal: Signal) -> io::Result<Self> {
        Self::of_number(signal as c_int)
    }

    fn of_number(signal: c_int) -> io::Result<Self> {
        let mut now = MaybeUninit::uninit();
        // SAFETY: without a new action the call only writes the present one to the given address.
        Errno::result(unsafe { libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) })?;
        // SAFETY: it was written, or the call had failed.
        Ok(Self(unsafe { now.assume_init() }))
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    /// Restores this disposition of `signal`, which it had before in this process.
    pub(crate) fn restore(&self, signal: Signal) {
        // SAFETY: the kernel has had this very action for this signal, and functions of a program
        // stay where they are. The call fails for signals that cannot be handled, and those never
        // had another disposition.
        unsafe { libc::sigaction(signal as i32, &self.0, std::ptr::null_mut()) };
    }
}

/// Runs `act` without the signal that the kernel sends to this thread if that fails: the error is
/// enough.
pub(crate) fn without_signal<R>(signal: Signal, act: impl FnOnce() -> nix::Result<R>) -> nix::Result<R> {
    let own: SigSet = [signal].into_iter().collect();
    let before = own.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let outcome = act();
    if outcome.is_err() && !before.contains(signal) {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time are valid, and nothing is to be written. It takes the signal
        // if there is one; it was not handled, since it was blocked.
        unsafe { libc::sigtimedwait(own.as_ref(), std::ptr::null_mut(), &now) };
    }
    // It fails only for an invalid mask.
    let _ = before.thread_set_mask();
    outcome
}

/// Returns the signals that ask a process to end or to act, and end it unless it has a handler.
/// Faults and limits are not among them.
fn requests() -> impl Iterator<Item = c_int> {
    const NAMED: [Signal; 12] = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
        Signal::SIGTERM,
        Signal::SIGSTKFLT,
        Signal::SIGVTALRM,
        Signal::SIGPROF,
        Signal::SIGIO,
        Signal::SIGPWR,
    ];
    NAMED.into_iter().map(|signal| signal as c_int).chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
}

/// Returns the set of all [`requests`].
pub(crate) fn request_set() -> SigSet {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set; sigaddset is then given an initialised set and valid
    // signal numbers.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        requests().for_each(|signal| {
            libc::sigaddset(set.as_mut_ptr(), signal);
        });
        SigSet::from_sigset_t_unchecked(set.assume_init())
    }
}

/// Blocks the signals of [`request_set`] in this thread while it lives; a process forked meanwhile
/// starts with them blocked.
pub(crate) struct Blocked(SigSet);

impl Blocked {
    pub(crate) fn new() -> Self {
        let mut before = SigSet::empty();
        // It fails only for an unknown `how`.
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, Some(&request_set()), Some(&mut before));
        Self(before)
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        let _ = self.0.thread_set_mask();
    }
}

/// The pid of the zygote that may end this worker by a signal; 0 outside a worker.
static ZYGOTE: AtomicI32 = AtomicI32::new(0);

/// Sets the dispositions of a zygote or worker: what the program ignores stays ignored,
/// [`requests`] get a handler that does nothing, all others their default. The mask stays as it is.
///
/// The handlers for memory faults stay: they are how the standard library reports a stack overflow.
/// So does what happens at a broken pipe. SIGCHLD gets its default even if the program ignores it,
/// because a zygote and tasks wait for children.
pub(crate) fn prepare() {
    ZYGOTE.store(0, Relaxed);
    let kept = [libc::SIGSEGV, libc::SIGBUS, libc::SIGPIPE, libc::SIGKILL, libc::SIGSTOP];
    for signal in (1..32).chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).filter(|signal| !kept.contains(signal)) {
        let ignored = Disposition::of_number(signal).is_ok_and(|now| now.is_ignored());
        if !ignored || signal == libc::SIGCHLD {
            set(signal, if is_request(signal) { Some(on_request) } else { None });
        }
    }
}

/// Unblocks all signals, in a worker whose parent is its zygote.
pub(crate) fn accept_signals_of_zygote() {
    ZYGOTE.store(getppid().as_raw(), Relaxed);
    let _ = SigSet::empty().thread_set_mask();
}

/// Blocks all signals in this thread, so that the other threads get them.
pub(crate) fn block_all() {
    let _ = SigSet::all().thread_set_mask();
}

/// Sends a worker a signal that does nothing unless the worker has set a handler for it. (A signal
/// that is sent by `kill` does what it would do to any process.)
pub(crate) fn send_to_handler(pid: Pid, signal: c_int) {
    let nothing = libc::sigval { sival_ptr: std::ptr::null_mut() };
    // SAFETY: the call takes no pointer that is followed. It fails if the process is gone, which is
    // no loss.
    unsafe { libc::sigqueue(pid.as_raw(), signal, nothing) };
}

/// Sends a signal, with its default effect if there is no handler; see [`send_to_handler`].
pub(crate) fn send(pid: Pid, signal: c_int) {
    // SAFETY: kill has no memory effects here.
    unsafe { libc::kill(pid.as_raw(), signal) };
}

/// Returns whether a signal of this number exists and can be sent.
pub(crate) fn is_signal(number: i32) -> bool {
    (1..32).contains(&number) || (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number)
}

fn is_request(signal: c_int) -> bool {
    requests().any(|request| request == signal)
}

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Sets the handler of `signal`, or its default.
fn set(signal: c_int, handler: Option<Handler>) {
    // SAFETY: all zero is a valid sigaction: the default, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    if let Some(handler) = handler {
        action.sa_sigaction = handler as *const () as usize;
        // Calls that wait are resumed. Handlers of several signals at a time do not nest, and they
        // do not run on the small stack that threads have for the report of a stack overflow.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        action.sa_mask = *request_set().as_ref();
    }
    // SAFETY: the only handler there is, `on_request`, calls nothing but async-signal-safe
    // functions.
    unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
}

/// Handles the [`requests`] in a worker. A signal that concerns the worker alone has its default
/// effect: one that its zygote sent, that the worker raised, or that comes from a timer or
/// descriptor of its own. Any other is for the program.
extern "C" fn on_request(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    let zygote = ZYGOTE.load(Relaxed);
    // SAFETY: with SA_SIGINFO the kernel passes a valid siginfo_t, and any of its fields can be
    // read as an integer.
    let (code, sender) = unsafe { ((*info).si_code, (*info).si_pid()) };
    let own_clock = [libc::SIGALRM, libc::SIGVTALRM, libc::SIGPROF].contains(&signal);
    let meant = match code {
        libc::SI_USER => sender == zygote,
        // SAFETY: getpid has no preconditions.
        libc::SI_TKILL => sender == unsafe { libc::getpid() },
        libc::SI_TIMER => true,
        libc::SI_KERNEL => own_clock,
        // A descriptor's: see F_SETSIG in fcntl(2).
        1.. => signal == libc::SIGIO,
        _ => false,
    };
    // A library that has put its own handler in the place of this one may call this one, too.
    let in_place =
        Disposition::of_number(signal).is_ok_and(|now| now.0.sa_sigaction == on_request as *const () as usize);
    if zygote != 0 && meant && in_place {
        set(signal, None);
        // SAFETY: raise is async-signal-safe. The signal is blocked here and takes effect when this
        // function returns.
        unsafe { libc::raise(signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_pipe_is_ignored_by_the_standard_library() -> io::Result<()> {
        assert!(Disposition::of(Signal::SIGPIPE)?.is_ignored());
        assert!(!Disposition::of(Signal::SIGUSR2)?.is_ignored());
        Ok(())
    }

    #[test]
    fn faults_and_stops_are_no_requests() {
        let set = request_set();
        assert!([Signal::SIGTERM, Signal::SIGALRM].into_iter().all(|signal| set.contains(signal)));
        let others = [Signal::SIGSEGV, Signal::SIGABRT, Signal::SIGCHLD, Signal::SIGTSTP, Signal::SIGXCPU];
        assert!(!others.into_iter().any(|signal| set.contains(signal)));
        assert!(is_signal(64) && is_signal(15) && !is_signal(0) && !is_signal(65) && !is_signal(32));
    }

    #[test]
    fn blocked_signals_are_unblocked_afterwards() -> io::Result<()> {
        let before = SigSet::thread_get_mask()?;
        let blocked = Blocked::new();
        assert!(SigSet::thread_get_mask()?.contains(Signal::SIGUSR2));
        drop(blocked);
        assert_eq!(SigSet::thread_get_mask()?, before);
        Ok(())
    }
}
