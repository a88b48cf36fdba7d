//! Processes that run one function each.

mod builder;

use std::fmt;
use std::future::Future;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde::de::DeserializeOwned;

pub use builder::ProcessBuilder;

use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::future::take_one;
use crate::sys::poll::await_readable;
use crate::sys::process::open_pidfd;
use crate::sys::signals::is_signal;
use crate::task::{Arguments, Task};

/// The time that the zygote's report of an end may take.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A process that runs one function.
///
/// Made by [`Process::new`] or [`Process::builder`]; it runs from `start()` on. If this program is
/// killed, the process is killed with it.
///
/// It is also a [`Future`], for any runtime, of what [`join`](Process::join) returns.
///
/// Dropping the handle waits for the process to end, as leaving the program would in Python. If the
/// process may be waiting for this program by then (for a message, an event, the end of a pipe),
/// make it a [daemon](ProcessBuilder::daemon), which is killed when the handle is dropped:
/// otherwise an early return through `?` waits for ever. If the thread that drops the handle
/// panics, the process is killed in any case.
///
/// The handle belongs to the process that started it. In a copy of that process every call fails
/// with [`Error::ForeignProcess`], [`is_alive`](Process::is_alive) returns `false`, and dropping
/// does nothing.
///
/// Python's counterpart: `multiprocessing.Process`, which drops the function's result.
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
#[doc(alias("BaseProcess"))]
pub struct Process<R> {
    engine: Arc<Engine>,
    job: Arc<Job>,
    pid: u32,
    /// Readable once the process has ended. `None` if that was before the descriptor was opened.
    sentinel: Option<OwnedFd>,
    take: fn(&Job) -> Result<R>,
    taken: bool,
}

impl Process<()> {
    /// Returns the settings of a process that will run `f(args…)` once it is
    /// [started](ProcessBuilder::start).
    #[expect(clippy::new_ret_no_self, reason = "as with Command::new, start() makes the process")]
    pub fn new<F: Task<Args>, Args: Arguments>(f: F, args: Args) -> ProcessBuilder<F, Args> {
        Process::builder().target(f, args)
    }

    /// Returns the default settings of a process; [`target`](ProcessBuilder::target) sets the
    /// function.
    pub fn builder() -> ProcessBuilder<(), ()> {
        ProcessBuilder::empty()
    }
}

impl<R: DeserializeOwned + 'static> Process<R> {
    pub(super) fn running(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        let pid = engine.workers().first().map_or(0, |worker| worker.pid);
        // It fails if it was reaped already. Its number isn't used again so soon: numbers go round.
        let sentinel = open_pidfd(Pid::from_raw(pid.cast_signed())).ok();
        Self { engine, job, pid, sentinel, take: take_one, taken: false }
    }
}

impl<R> Process<R> {
    /// Returns the process id.
    #[must_use]
    #[doc(alias("ident"))]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the name: the one that was set, or `Process-1`, `Process-2`, …
    #[must_use]
    pub fn name(&self) -> &str {
        &self.engine.config.name
    }

    /// Returns whether the process is running.
    ///
    /// Python's counterpart: `Process.is_alive`.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.engine.check().is_ok() && self.exit_status().is_none()
    }

    /// Returns how the process ended, or `None` while it is running. It is `Exited(0)` if the
    /// function returned and `Exited(1)` if it panicked.
    ///
    /// Python's counterpart: `Process.exitcode`.
    #[must_use]
    #[doc(alias("exitcode"))]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.engine.check().ok()?;
        self.engine.step();
        self.engine.last_exit()
    }

    /// Sends SIGTERM to the process, which ends it unless its function has set a handler.
    /// [`join`](Process::join) waits for the end.
    ///
    /// Does nothing if the process has ended already.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Disconnected`] if the process cannot be reached.
    ///
    /// Python's counterpart: `Process.terminate`.
    pub fn terminate(&self) -> Result<()> {
        self.send_signal(Signal::SIGTERM as i32)
    }

    /// Sends SIGINT to the process, which ends it unless its function has set a handler.
    ///
    /// # Errors
    /// As [`terminate`](Process::terminate).
    ///
    /// Python's counterpart: `Process.interrupt`.
    pub fn interrupt(&self) -> Result<()> {
        self.send_signal(Signal::SIGINT as i32)
    }

    /// Kills the process (SIGKILL).
    ///
    /// # Errors
    /// As [`terminate`](Process::terminate).
    ///
    /// Python's counterpart: `Process.kill`.
    pub fn kill(&self) -> Result<()> {
        self.send_signal(Signal::SIGKILL as i32)
    }

    /// Sends the signal of this number to the process. It does what it does to any process: it runs
    /// the handler that the function has set, or has the signal's default effect.
    ///
    /// A signal from elsewhere, such as one for the program's whole process group, has no default
    /// effect on the process: the program decides what it means. (SIGKILL, and the signals that
    /// stop a process, have their effect in any case.)
    ///
    /// ```
    /// use std::thread::sleep;
    /// use std::time::Duration;
    ///
    /// use multiproc::{Error, Process};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let process = Process::new(|| sleep(Duration::from_secs(60)), ()).start()?;
    /// process.send_signal(10)?;
    /// let Err(Error::WorkerLost { exit, .. }) = process.join() else { panic!("it was killed") };
    /// assert_eq!(exit.signal_name(), Some("SIGUSR1"));
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

    /// Waits until the process has ended, and returns what its function returned.
    ///
    /// # Errors
    /// The error that ended the function, such as [`Error::Panicked`] or [`Error::WorkerLost`]; see
    /// [`Error`]. [`Error::InvalidState`] after a [`join_timeout`](Process::join_timeout) that
    /// returned the result.
    ///
    /// Python's counterpart: `Process.join`.
    pub fn join(mut self) -> Result<R> {
        self.wait(None);
        self.take_result()
    }

    /// Waits until the process has ended, for at most `timeout`, and returns what its function
    /// returned.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the process has not ended by then: it goes on, and can be waited for
    /// again. [`Error::InvalidState`] after a call that returned the result, which can be taken
    /// once; otherwise as [`join`](Process::join).
    pub fn join_timeout(&mut self, timeout: Duration) -> Result<R> {
        if self.wait(Instant::now().checked_add(timeout)) {
            return self.take_result();
        }
        Err(Error::timed_out(timeout))
    }

    /// Sends a signal that does nothing unless the function has set a handler for it.
    pub(crate) fn signal_handler(&self, signal: Signal) -> Result<()> {
        self.engine.signal(signal as i32, true)
    }

    /// Returns whether the process has ended; then its exit status is known, too.
    pub(crate) fn has_ended(&self) -> bool {
        if !self.is_alive() {
            return true;
        }
        if !self.has_hung_up() {
            return false;
        }
        // The report comes soon, unless the zygote was stopped.
        self.engine.wait_ended(Instant::now().checked_add(REPORT_TIMEOUT));
        true
    }

    /// Returns whether the kernel reports that the process has ended. The exit status may arrive a
    /// little later.
    pub(crate) fn has_hung_up(&self) -> bool {
        let ended = |fd: &OwnedFd| await_readable(fd, Some(Instant::now())).unwrap_or(false);
        self.engine.check().is_err() || self.sentinel.as_ref().is_none_or(ended)
    }

    /// Receives what the process has to send before it can end, while the caller waits for the
    /// [sentinel](Process::sentinel).
    pub(crate) fn attend(&self) {
        self.engine.supervise(true);
    }

    /// Returns a descriptor that is readable once the process has ended; `None` if that was before
    /// it could be opened.
    pub(crate) fn sentinel(&self) -> Option<BorrowedFd<'_>> {
        self.sentinel.as_ref().map(AsFd::as_fd)
    }

    /// Waits until the process has ended. Returns at once in a process that the handle does not
    /// belong to.
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

/// Waits until the process has ended, and gives what [`join`](Process::join) returns. It needs no
/// runtime of its own kind, and for each process that is awaited one thread, which receives what it
/// sends.
///
/// As the handle itself is the future, to drop it half-way is to drop the handle, which waits. So
/// where the wait may be given up, await a reference: nothing is lost with it.
///
/// ```
/// use multiproc::Process;
///
/// # fn main() -> multiproc::Result<()> {
/// # pollster::block_on(async {
/// let mut process = Process::new(|n: u32| n + 1, (1,)).start()?;
/// assert_eq!((&mut process).await?, 2);
/// assert_eq!(Process::new(|n: u32| n + 2, (1,)).start()?.await?, 3);
/// # Ok(()) })
/// # }
/// ```
impl<R> Future for Process<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        if self.engine.wake_when_over(context.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.take_result())
    }
}

impl<R> Drop for Process<R> {
    fn drop(&mut self) {
        // A thread that unwinds will not do what the process may wait for.
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
