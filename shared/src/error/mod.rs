//! The crate's error type.
//!
//! Every call of this crate that can fail returns [`Error`], and so does every task: what went
//! wrong in a worker reaches the caller as a value, with the facts needed to act on it. The type is
//! `Clone`, because one failure can have several readers: the caller of `get`, an error callback
//! and the trace. It can travel to other processes, so that a task may return a [`Result`] of this
//! crate.

mod io_error;
mod origin;
mod task_error;
#[cfg(test)]
mod tests;

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use origin::{Origin, Reason};
pub use task_error::TaskError;

use crate::exit_status::ExitStatus;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every call and every task of this crate.
///
/// The variants that concern one task (`Panicked`, `WorkerLost`, `TimedOut`, `Cancelled`, `Encode`,
/// `Decode`) leave the pool and every other task as they were. They say which
/// [function](Error::function) it was, and which [item](Error::index) of a map.
///
/// A task may return it: `fn work(queue: Queue<u64>) -> multiproc::Result<()>` can use `?` on what
/// it calls.
///
/// ```
/// use multiproc::{Error, Process, Queue, Result};
///
/// fn produce(queue: Queue<u64>) -> Result<()> {
///     queue.put(1)?;
///     queue.close()?;
///     Ok(queue.put(2)?)
/// }
///
/// # fn main() -> Result<()> {
/// let process = Process::new(produce, (Queue::new()?,)).start()?;
/// assert!(matches!(process.join()?, Err(Error::Closed)));
/// # Ok(()) }
/// ```
///
/// `{:?}` prints the same message as `{}`, so that a `main` that returns an error ends with its
/// text.
#[derive(Clone, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
#[doc(alias("ProcessError"))]
pub enum Error {
    /// The function panicked. The worker caught the panic and goes on.
    #[error("{origin}the task panicked{}: {message} (pid {pid}){}", at(location), written(stderr))]
    #[doc(alias("RemoteTraceback"))]
    Panicked {
        /// The panic's message.
        message: String,
        /// File, line and column of the panic, where known.
        location: Option<String>,
        /// The backtrace, if `RUST_BACKTRACE` asked for one.
        backtrace: Option<String>,
        /// The end of what the task wrote to standard error, if the pool
        /// [captures](crate::Output::captured) that.
        stderr: Option<String>,
        /// The process that panicked.
        pid: u32,
        /// The task that it was.
        origin: Origin,
    },
    /// The worker process ended while it ran the task: `exit`, `abort`, a signal, a stack overflow,
    /// memory exhausted. A call can have such tasks [begun again](crate::Executor::with_retries).
    #[error(
        "{origin}the worker (pid {pid}) was lost ({exit}) while it ran task {task}, {} after it began{}{}",
        seconds(ran_for),
        origin.tries(),
        written(stderr)
    )]
    #[doc(alias("BrokenProcessPool"))]
    WorkerLost {
        /// The process that ended.
        pid: u32,
        /// How it ended.
        exit: ExitStatus,
        /// The task's number in its pool, counted from 0 in order of submission.
        task: u64,
        /// How long the task had been running.
        ran_for: Duration,
        /// The end of what the task wrote to standard error, if the pool
        /// [captures](crate::Output::captured) that.
        stderr: Option<String>,
        /// The task that it was.
        origin: Origin,
    },
    /// Time ran out: the task's own limit (then its worker was ended), or the caller's timeout
    /// (then the task goes on).
    #[error("{origin}timed out after {}{}", seconds(after), if pid.is_some() { " and was stopped" } else { "" })]
    #[doc(alias("TimeoutError"))]
    TimedOut {
        /// The limit or timeout.
        after: Duration,
        /// The process that was ended; `None` if only the wait ended.
        pid: Option<u32>,
        /// The task whose limit it was; none if only the wait ended.
        origin: Origin,
    },
    /// The task was cancelled, or its pool was terminated before the task was done.
    #[error("the task was cancelled")]
    #[doc(alias("CancelledError"))]
    Cancelled,
    /// An argument or a result could not be serialized.
    #[error("{origin}cannot encode: {0}", origin = .0.origin())]
    #[doc(alias("PicklingError"))]
    Encode(Reason),
    /// An argument or a result could not be deserialized.
    #[error("{origin}cannot decode: {0}", origin = .0.origin())]
    Decode(Reason),
    /// The task returned an error of its own, and the caller passed it on with `?`.
    #[error(transparent)]
    Task(TaskError),
    /// A message is larger than `max_message` allows.
    #[error("{origin}a message of {bytes} bytes is over the maximum of {max} bytes; raise it with `max_message`")]
    TooLarge {
        /// The size of the message.
        bytes: u64,
        /// The largest size that is allowed.
        max: u64,
        /// The task that it was for, if it was for one.
        origin: Origin,
    },
    /// The pool takes no more tasks, or the queue no more values and has none left: it was closed.
    #[error("closed: it takes no more tasks or values")]
    Closed,
    /// The other side is gone: a pipe's end was dropped, the last process that could have put
    /// something into a queue has ended, or a manager has.
    #[error("the other side is gone")]
    #[doc(alias("EOFError"))]
    Disconnected,
    /// There is no room now: the queue is full, or the pool has as many tasks as it
    /// [takes](crate::PoolBuilder::reject_when_reached).
    #[error("full: there is no room now")]
    Full,
    /// There is nothing to take now.
    #[error("empty: there is nothing to take now")]
    Empty,
    /// A process died, or a thread panicked, while it held the lock: what it guards may be half
    /// changed.
    #[error(
        "process {pid} died or panicked while it held the lock, so what it guards may be half changed; `recover` takes the lock all the same"
    )]
    Poisoned {
        /// The process that held it.
        pid: u32,
    },
    /// The barrier was broken: a participant stopped waiting at it, or aborted it.
    #[error("the barrier is broken: a participant gave up waiting or aborted it; `reset` makes it whole")]
    #[doc(alias("BrokenBarrierError"))]
    BrokenBarrier,
    /// An initializer returned this error, as text: no call receives an initializer's result.
    #[error("{0}")]
    Failed(String),
    /// The pool's initializer panicked or returned an error, so no worker can run tasks.
    #[error("the pool's initializer failed: {0}")]
    Initializer(#[serde(deserialize_with = "task_error::nested")] Box<Error>),
    /// No worker could be brought up: each new one ended before it could take a task.
    #[error("workers end before they can take a task; the last one {exit}")]
    NoWorkers {
        /// How the last of them ended.
        exit: ExitStatus,
    },
    /// `init()` was not called, so a child process could not be distinguished from the program.
    #[error(
        "multiproc::init() was not called. Add it as the first line of main:\n\n    fn main() {{\n        multiproc::init();\n        …\n    }}\n\n(in tests and benches, turn on the feature \"test-support\" instead)"
    )]
    InitMissing,
    /// A new run of the program would not run the code that asks for it, or it can't be found out:
    /// the program was started through a loader, under valgrind, or where there is no /proc, or the
    /// pool is part of a shared library. Nothing was started.
    #[error("cannot start this program once more for its workers: {0}")]
    Executable(String),
    /// `StartMethod::Fork` in a process with several threads: the child could deadlock on a lock
    /// that another thread held.
    #[error(
        "cannot fork safely: this process has {threads} threads. Use StartMethod::ForkServer or Spawn, or build the pool before any thread is started"
    )]
    ForkWithThreads {
        /// The number of threads of the process.
        threads: usize,
    },
    /// The object belongs to another process, of which this one is a copy: made by a fork, by
    /// [`StartMethod::Fork`](crate::StartMethod) or by the program itself. In the process that it
    /// belongs to, it goes on working.
    #[error(
        "this object belongs to process {owner}, and process {current}, a copy of it, cannot use it: make another one here, or send what can be sent as an argument"
    )]
    ForeignProcess {
        /// The process that it belongs to.
        owner: u32,
        /// The process that has called.
        current: u32,
    },
    /// One side of a connection did not prove to the other that it has the key.
    #[error("authentication failed: {0}")]
    #[doc(alias("AuthenticationError"))]
    Denied(String),
    /// A rank of a cluster is gone, or cannot be reached: its process or machine ended, or the
    /// network between them failed. Whether the task has run is not known.
    #[error(
        "{origin}rank {rank} on {host} was lost: nothing was heard from it for {}{}",
        seconds(silent_for),
        origin.tries()
    )]
    RankLost {
        /// The rank's number.
        rank: usize,
        /// The machine that it ran on.
        host: String,
        /// The time since its last message.
        silent_for: Duration,
        /// The task that it had, if the error is of one.
        origin: Origin,
    },
    /// A rank of a cluster runs another build of the program, in which the names of functions mean
    /// something else.
    #[error("rank {rank} on {host} runs another build of this program: every machine must have the same executable")]
    RankMismatch {
        /// The rank's number.
        rank: usize,
        /// The machine that it runs on.
        host: String,
    },
    /// A setting or an argument makes no sense. The text says which and what to do.
    #[error("{0}")]
    Config(String),
    /// The object, or the process, isn't in a state in which the call is possible: a pool that is
    /// joined before it is closed, a result that is taken twice. The text says which and what to
    /// do.
    #[error("{0}")]
    #[doc(alias("InvalidStateError"))]
    InvalidState(String),
    /// The operating system refused.
    #[error("{context}: {source}")]
    Io {
        /// What could not be done.
        context: Cow<'static, str>,
        /// The system's error.
        #[serde(with = "io_error")]
        source: Arc<io::Error>,
    },
}

impl Error {
    pub(crate) fn io(context: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Io { context: context.into(), source: Arc::new(source.into()) }
    }

    /// Returns the error of a wait whose time is over.
    pub(crate) fn timed_out(after: Duration) -> Self {
        Self::TimedOut { after, pid: None, origin: Origin::default() }
    }

    /// Returns the error of a message that is too large.
    pub(crate) fn too_large(bytes: u64, max: u64) -> Self {
        Self::TooLarge { bytes, max, origin: Origin::default() }
    }

    /// Returns the error with the end of what its task wrote to standard error, if it is one that
    /// has it.
    pub(crate) fn with_stderr(mut self, written: impl FnOnce() -> Option<String>) -> Self {
        if let Self::Panicked { stderr, .. } | Self::WorkerLost { stderr, .. } = &mut self {
            *stderr = written();
        }
        self
    }

    /// Returns the error for code that serializes a `T` and has panicked with this message.
    pub(crate) fn panicked_in_encoding<T: ?Sized>(message: &str) -> Self {
        Self::Encode(format!("serializing panicked: {message} (in `{}`)", type_name::<T>()).into())
    }

    /// Returns the error for code that deserializes a `T` and has panicked with this message.
    pub(crate) fn panicked_in_decoding<T: ?Sized>(message: &str) -> Self {
        Self::Decode(format!("deserializing panicked: {message} (in `{}`)", type_name::<T>()).into())
    }
}

/// Prints the message, as [`Display`](fmt::Display) does: a `main` that returns this error shows it
/// to the program's user.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<TaskError> for Error {
    fn from(error: TaskError) -> Self {
        Self::Task(error)
    }
}

/// Converts errors of the program's own input and output, so that `?` works on them, too.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::io("input or output failed", error)
    }
}

/// Adds what was being done to an error of the operating system.
pub(crate) trait Context<T> {
    fn context(self, context: &'static str) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, context: &'static str) -> Result<T> {
        self.map_err(|error| Error::io(context, error))
    }
}

fn at(location: &Option<String>) -> impl fmt::Display {
    location.as_ref().map(|place| format!(" at {place}")).unwrap_or_default()
}

/// Returns the end of a message that shows what the task wrote.
fn written(stderr: &Option<String>) -> impl fmt::Display {
    let text = stderr.as_ref().map(|text| text.trim_end()).filter(|text| !text.is_empty());
    text.map(|text| format!("; the end of what it wrote to standard error:\n{text}")).unwrap_or_default()
}

fn seconds(time: &Duration) -> impl fmt::Display {
    format!("{:.3} s", time.as_secs_f64())
}
