//! One function in a process of its own.

mod builder;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use rustix::process::{PidfdFlags, pidfd_open};
use serde::de::DeserializeOwned;

pub use builder::ProcessBuilder;

use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::future::take_one;
use crate::sys::signals::is_signal;
use crate::task::{Arguments, Task};

/// How long the report of an end may take.
const REPORT: Duration = Duration::from_secs(5);

/// A function that runs in a process of its own.
///
/// Made by [`Process::new`] or [`Process::builder`], and running from `start()` on. If this program
/// dies, the process dies with it.
///
/// Dropping it waits for the process to end, as leaving the program would in Python. If the process
/// may be waiting for something of yours by then (a message, an event, the end of a pipe), make it
/// a [daemon](ProcessBuilder::daemon), which is killed when it is dropped: else an early return
/// through `?` waits for ever. A panic kills it in any case.
///
/// It belongs to the process that started it. In a copy of that process every call fails with
/// [`Error::ForeignProcess`], it is not [alive](Process::is_alive), and dropping it does nothing.
///
/// Python's counterpart is `multiprocessing.Process`; there, the function's result is lost.
///
/// ```
/// use multiproc::Process;
///
/// fn add(a: u32, b: u32) -> u32 {
///     a + b
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let process = Process::new(add, (1, 2)).start()?;
/// assert_ne!(process.pid(), std::process::id());
/// assert_eq!(process.join()?, 3);
/// # Ok(()) }
/// ```
pub struct Process<R> {
    engine: Arc<Engine>,
    job: Arc<Job>,
    pid: u32,
    /// Readable once the process has ended. `None` if that was before anybody could ask.
    sentinel: Option<OwnedFd>,
    take: fn(&Job) -> Result<R>,
    taken: bool,
}

impl Process<()> {
    /// A process that will run `f(args…)` once it is [started](ProcessBuilder::start).
    #[expect(clippy::new_ret_no_self, reason = "like Command::new, this is where the making begins; start() ends it")]
    pub fn new<F: Task<Args>, Args: Arguments>(f: F, args: Args) -> ProcessBuilder<F, Args> {
        Process::builder().target(f, args)
    }

    /// Settings for a process: name, daemon, start method. Give the function with
    /// [`target`](ProcessBuilder::target).
    pub fn builder() -> ProcessBuilder<(), ()> {
        ProcessBuilder::empty()
    }
}

impl<R: DeserializeOwned + 'static> Process<R> {
    pub(super) fn running(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        let pid = engine.workers().first().map_or(0, |worker| worker.pid);
        // One that was reaped already is none. Its number is not another's so soon: numbers go round.
        let sentinel = sentinel(pid);
        Self { engine, job, pid, sentinel, take: take_one, taken: false }
    }
}

impl<R> Process<R> {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its name: the one it was given, or `Process-1`, `Process-2`, …
    pub fn name(&self) -> &str {
        &self.engine.config.name
    }

    /// Whether it has not ended yet. Python's counterpart is `Process.is_alive`.
    pub fn is_alive(&self) -> bool {
        self.engine.check().is_ok() && self.exit_status().is_none()
    }

    /// How it ended; `None` while it has not. It is `Exited(0)` if the function returned and
    /// `Exited(1)` if it panicked. Python's counterpart is `Process.exitcode`.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.engine.check().ok()?;
        self.engine.step();
        self.engine.last_exit()
    }

    /// Asks it to end (SIGTERM); [`join`](Process::join) tells when it has. Python's counterpart is
    /// `Process.terminate`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Disconnected`] if it cannot be reached. One that has ended already
    /// is no error.
    pub fn terminate(&self) -> Result<()> {
        self.send_signal(Signal::SIGTERM as i32)
    }

    /// Interrupts it (SIGINT), which ends it unless its function has set a handler. Python's
    /// counterpart is `Process.interrupt`.
    ///
    /// # Errors
    /// As [`terminate`](Process::terminate).
    pub fn interrupt(&self) -> Result<()> {
        self.send_signal(Signal::SIGINT as i32)
    }

    /// Kills it (SIGKILL). Python's counterpart is `Process.kill`. Errors as
    /// [`terminate`](Process::terminate).
    pub fn kill(&self) -> Result<()> {
        self.send_signal(Signal::SIGKILL as i32)
    }

    /// Sends it the signal of this number, which does what it does to any process: it runs the
    /// handler that the function has set, or has the signal's default effect.
    ///
    /// A signal that others send, such as one for the program's whole process group, has no default
    /// effect on it: what it means is for the program to decide. (SIGKILL and those that stop a
    /// process have it, whoever sends them.)
    ///
    /// ```
    /// use multiproc::{Error, Process};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let process = Process::new(|| std::thread::sleep(std::time::Duration::from_secs(60)), ()).start()?;
    /// process.send_signal(10)?;
    /// assert!(matches!(process.join(), Err(Error::WorkerLost { exit, .. }) if exit.signal_name() == Some("SIGUSR1")));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such signal; else as [`terminate`](Process::terminate).
    pub fn send_signal(&self, signal: i32) -> Result<()> {
        if !is_signal(signal) {
            return Err(Error::Config(format!("there is no signal {signal}")));
        }
        self.engine.signal(signal, false)
    }

    /// Waits until it has ended, and returns what its function returned. Python's counterpart is
    /// `Process.join`.
    ///
    /// # Errors
    /// What became of the function: see [`Error`].
    pub fn join(mut self) -> Result<R> {
        self.wait(None);
        self.take_result()
    }

    /// As [`join`](Process::join), but waits no longer than `patience`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if it has not ended by then: it goes on, and can be waited for again.
    /// [`Error::InvalidState`] after a call that returned the result, which can be taken once.
    pub fn join_timeout(&mut self, patience: Duration) -> Result<R> {
        if self.wait(Instant::now().checked_add(patience)) {
            return self.take_result();
        }
        Err(Error::TimedOut { after: patience, pid: None })
    }

    /// Sends it a signal that does nothing unless the function has set a handler for it. Errors as
    /// [`terminate`](Process::terminate).
    pub(crate) fn signal_handler(&self, signal: Signal) -> Result<()> {
        self.engine.signal(signal as i32, true)
    }

    /// Whether it has ended. Then it is known how, too.
    pub(crate) fn has_ended(&self) -> bool {
        if !self.is_alive() {
            return true;
        }
        if !self.has_hung_up() {
            return false;
        }
        // The report is on its way, unless who sends it was stopped.
        self.engine.wait_ended(Instant::now().checked_add(REPORT));
        true
    }

    /// Whether the kernel says that it has ended; how it ended may become known a little later.
    pub(crate) fn has_hung_up(&self) -> bool {
        let ended = |fd: &OwnedFd| {
            poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
        };
        self.engine.check().is_err() || self.sentinel.as_ref().is_none_or(ended)
    }

    /// Somebody waits at the [sentinel](Process::sentinel): what the process has to send before it
    /// can end is taken meanwhile.
    pub(crate) fn attend(&self) {
        self.engine.supervise(true);
    }

    /// Readable once the process has ended.
    pub(crate) fn sentinel(&self) -> BorrowedFd<'_> {
        self.sentinel.as_ref().map_or(self.engine.notifier(), |fd| fd.as_fd())
    }

    /// Waits until it has ended. In a process that it does not belong to there is nothing to wait
    /// for.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        self.engine.check().is_err() || self.engine.wait_done(&self.job, deadline) && self.engine.wait_ended(deadline)
    }

    fn take_result(&mut self) -> Result<R> {
        self.engine.check()?;
        if std::mem::replace(&mut self.taken, true) {
            return Err(Error::InvalidState("the process has been joined already".into()));
        }
        (self.take)(&self.job)
    }
}

/// What is readable once the process `pid` has ended.
fn sentinel(pid: u32) -> Option<OwnedFd> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        // Who unwinds will not do what the process may wait for.
        if !self.engine.config.daemon && !self.taken && !std::thread::panicking() {
            self.wait(None);
        }
        self.engine.terminate();
    }
}

impl<R> fmt::Debug for Process<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("name", &self.name())
            .field("pid", &self.pid)
            .field("exit_status", &self.exit_status())
            .finish()
    }
}
