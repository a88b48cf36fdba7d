//! The standard output and standard error of workers: where they go ([`Output`]), and what is made
//! of them in the program.
//!
//! A worker replaces its descriptors 1 and 2 before it runs anything, so that C code and programs
//! that tasks start are included. What is captured comes through a pipe of its own for each worker
//! and stream ([`captured_stream`]), which the threads of [`capture`] read: for a handler of
//! [`lines`], and for the errors of tasks, which have the [`tail`] of what the task wrote.

mod capture;
mod captured_stream;
mod lines;
mod tail;

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};

pub(crate) use capture::Capture;
pub(crate) use captured_stream::Stream;

use crate::error::{Context, Result};
use crate::fds::Descriptor;
use crate::output::lines::LineHandler;
use crate::protocol::{MovedFd, Nonce, SharedFd, StreamTarget, Streams};

/// Where a standard stream of a pool's workers goes; for
/// [`PoolBuilder::stdout`](crate::PoolBuilder::stdout) and
/// [`stderr`](crate::PoolBuilder::stderr).
///
/// It holds for all that a worker's process writes to the descriptor, C code and the programs that
/// tasks start included, from the initializer to the last exit handler. What runs before
/// [`init`](crate::init) in an executed worker is not redirected.
///
/// ```
/// use std::sync::mpsc::channel;
///
/// use multiproc::{Executor, Output, Pool};
///
/// # fn main() -> multiproc::Result<()> {
/// let (sender, receiver) = channel();
/// let prefix = move |index, line: &str| sender.send(format!("[worker {index}] {line}")).unwrap();
/// let pool = Pool::builder().processes(1).stdout(Output::lines(prefix)).build()?;
/// pool.apply(|| println!("hello"), ())?;
/// assert_eq!(receiver.recv().unwrap(), "[worker 0] hello");
/// # Ok(()) }
/// ```
///
/// Python's `multiprocessing` has no counterpart.
#[derive(Debug, Clone, Default)]
pub struct Output(Target);

#[derive(Clone, Default)]
enum Target {
    #[default]
    Inherited,
    Null,
    File(Arc<Descriptor>),
    Captured(Option<LineHandler>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inherited => "inherit",
            Self::Null => "null",
            Self::File(_) => "file",
            Self::Captured(None) => "captured",
            Self::Captured(Some(_)) => "lines",
        })
    }
}

impl Output {
    /// Writes to what the program writes to, as it was when the pool was built. This is the
    /// default.
    pub fn inherit() -> Self {
        Self(Target::Inherited)
    }

    /// Writes to the null device: nothing is shown.
    pub fn null() -> Self {
        Self(Target::Null)
    }

    /// Writes to this file, pipe or socket. All workers write to it, each line of Rust's `println!`
    /// in one piece; in a file that was opened for appending, nothing is overwritten.
    ///
    /// ```
    /// use std::fs;
    ///
    /// use multiproc::{Executor, Output, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let file = tempfile::NamedTempFile::new()?;
    /// let log = fs::OpenOptions::new().append(true).open(&file)?;
    /// let pool = Pool::builder().processes(2).stderr(Output::file(log)).build()?;
    /// pool.map(|n: u32| eprintln!("task {n}"), 0..3u32)?;
    /// assert_eq!(fs::read_to_string(&file)?.lines().count(), 3);
    /// # Ok(()) }
    /// ```
    pub fn file(file: impl Into<OwnedFd>) -> Self {
        Self(Target::File(Arc::new(Descriptor::new(file.into()))))
    }

    /// Calls `handle` with each line, without its end, and the [number](crate::worker_index) of the
    /// worker that wrote it. If this is standard error, errors of tasks have the end of it, too, as
    /// with [`captured`](Output::captured).
    ///
    /// The handlers of a pool are called in a thread of the pool, one after the other, so that a
    /// slow one makes lines wait: up to 1 MiB of them, beyond which further lines are dropped, and
    /// one line says how many. The workers never wait for a handler. A line of more than 16 KiB is
    /// cut into several. Bytes that are not UTF-8 become `U+FFFD`. A handler's panic is ignored.
    ///
    /// At the end of the pool, its drop returns once the handlers have been called with everything
    /// that the workers have written. What a process that a task has left running writes later is
    /// lost, and its write fails.
    pub fn lines(handle: impl Fn(usize, &str) + Send + Sync + 'static) -> Self {
        Self(Target::Captured(Some(LineHandler(Arc::new(handle)))))
    }

    /// Shows nothing, but gives the errors of tasks the end of what the task wrote to standard
    /// error: [`Error::Panicked`](crate::Error::Panicked) and
    /// [`Error::WorkerLost`](crate::Error::WorkerLost) have up to 8 KiB of it, and say how much was
    /// before. That of a task which ended well is dropped. For standard output this is
    /// [`null`](Output::null).
    ///
    /// It costs two system calls a task, by which the output of one task is told from that of the
    /// next. What a thread or a program that a task has left running writes counts for the task
    /// that runs by then.
    ///
    /// ```
    /// use multiproc::{Error, Executor, Output, Pool};
    ///
    /// fn solve(size: u64) {
    ///     eprintln!("no room for {size} rows");
    ///     std::process::abort();
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::builder().processes(1).stderr(Output::captured()).build()?;
    /// let lost = pool.apply(solve, (5,)).unwrap_err();
    /// let Error::WorkerLost { stderr, .. } = lost else { panic!("{lost}") };
    /// assert_eq!(stderr.as_deref(), Some("no room for 5 rows\n"));
    /// # Ok(()) }
    /// ```
    pub fn captured() -> Self {
        Self(Target::Captured(None))
    }
}

/// Where the standard streams of a pool's workers go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outputs {
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl Outputs {
    /// Starts to capture, if anything is captured.
    pub(crate) fn capture(&self) -> Result<Option<Capture>> {
        let targets = [&self.stdout.0, &self.stderr.0];
        let handles_lines = targets.iter().any(|target| matches!(target, Target::Captured(Some(_))));
        let captures = handles_lines || matches!(self.stderr.0, Target::Captured(_));
        captures.then(|| Capture::start(handles_lines)).transpose()
    }

    /// Returns the streams of a new worker, and what is captured of its standard error.
    pub(crate) fn open(&self, index: usize, capture: Option<&Capture>) -> Result<(Streams, Option<Arc<Stream>>)> {
        let (stdout, _) = self.stdout.open(index, capture, None)?;
        let is_captured = capture.is_some() && matches!(self.stderr.0, Target::Captured(_));
        let nonce = is_captured.then(random).transpose()?;
        let (stderr, stream) = self.stderr.open(index, capture, nonce)?;
        Ok((Streams { stdout, stderr, nonce }, stream))
    }
}

impl Output {
    fn open(
        &self,
        index: usize,
        capture: Option<&Capture>,
        nonce: Option<Nonce>,
    ) -> Result<(StreamTarget, Option<Arc<Stream>>)> {
        let target = match (&self.0, capture) {
            (Target::Inherited, _) => StreamTarget::Inherited,
            (Target::File(file), _) => StreamTarget::File(SharedFd(file.clone())),
            (Target::Captured(handler), Some(capture)) if handler.is_some() || nonce.is_some() => {
                let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).context("cannot create a pipe")?;
                fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("cannot set up a pipe")?;
                let handler = handler.clone().map(|handler| (handler, capture.sink.clone()));
                let stream = Arc::new(Stream::new(Descriptor::new(ours), index, nonce, handler));
                capture.add(stream.clone());
                return Ok((StreamTarget::Pipe(MovedFd(Arc::new(Descriptor::new(theirs)))), Some(stream)));
            }
            (Target::Null | Target::Captured(_), _) => StreamTarget::Null,
        };
        Ok((target, None))
    }
}

/// Returns a nonce.
fn random() -> Result<Nonce> {
    let mut nonce = [0; size_of::<Nonce>()];
    // So few bytes come at once, see getrandom(2).
    retry_on_intr(|| getrandom(&mut nonce, GetRandomFlags::empty())).context("cannot get random bytes")?;
    Ok(nonce)
}
