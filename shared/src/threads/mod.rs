//! A pool of threads with the calls of the pool of processes.
//!
//! [`inner`] has the threads, [`work_queue`] what they are to run, and [`state`] counts both.
//! [`thread_call`] makes a [`thread_job`] of each call of an [`Executor`], and a [`chunk`] of tasks
//! that a thread runs together. [`once`] has the initializer and the finalizer.

mod builder;
mod chunk;
mod inner;
mod once;
mod state;
mod thread_call;
mod thread_job;
mod work_queue;

pub use builder::ThreadPoolBuilder;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::executor::{Executor, Statistics, check_processes, joined, still_open};
use crate::threads::inner::Inner;

/// A pool of threads with the calls of [`Pool`](crate::Pool): change the one name, and the program
/// runs on threads instead of processes.
///
/// Threads suit tasks that wait (for files, for the network) rather than compute, and large
/// arguments: these are moved, not serialized, so a field that serde skips keeps its value here. A
/// panic is caught and becomes [`Error::Panicked`](crate::Error::Panicked) as in a process. But
/// what ends a process (an abort, a stack overflow) ends the program, nothing can stop a thread
/// that has begun a task, and tasks share the statics of the program.
///
/// Functions that capture are refused here, too, so that a program can go back to processes.
///
/// It belongs to the process that built it: in a copy of that process its calls fail with
/// [`Error::ForeignProcess`](crate::Error::ForeignProcess), and dropping it does nothing.
///
/// Dropping the pool terminates it: tasks that have not begun are cancelled
/// ([unless](ThreadPoolBuilder::finish_on_drop) it is to finish them), and those that run are
/// waited for. A task must not wait for another task of its own pool: with every thread waiting,
/// none would be left to run it.
///
/// The first pool of threads installs a panic hook that records the panics of tasks instead of
/// printing them, and leaves all others to the hook that was there before.
///
/// ```
/// use multiproc::{Executor, ThreadPool as Pool};
///
/// fn greet(name: String) -> String {
///     format!("Hello {name}")
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(3)?;
/// let names = ["Bob", "Alice", "Eve"].map(String::from);
/// assert_eq!(pool.map(greet, names)?, ["Hello Bob", "Hello Alice", "Hello Eve"]);
/// # Ok(()) }
/// ```
///
/// Python's counterparts: `multiprocessing.pool.ThreadPool` and
/// `concurrent.futures.ThreadPoolExecutor`.
#[doc(alias("ThreadPoolExecutor"))]
pub struct ThreadPool {
    inner: Arc<Inner>,
    finish_on_drop: bool,
}

impl ThreadPool {
    /// Starts a pool with one thread for each logical CPU that this process may use; see
    /// [`cpu_count`](crate::cpu_count).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if the variable that caps that number has another
    /// value than a number, [`Error::Io`](crate::Error::Io) if the system has no more threads to
    /// give.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Starts a pool with `processes` threads; the name is that of the pool of processes.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 threads or too many; else those of
    /// [`new`](ThreadPool::new).
    pub fn with_processes(processes: usize) -> Result<Self> {
        Self::builder().processes(processes).build()
    }

    /// Returns a builder, for a pool with other settings.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::default()
    }

    /// Changes the number of threads. New ones start at once; surplus ones finish the tasks they
    /// have begun, and end.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for 0 threads,
    /// [`Error::Closed`](crate::Error::Closed) if the pool is closed,
    /// [`Error::Io`](crate::Error::Io) if the system has no more threads to give.
    pub fn resize(&self, processes: usize) -> Result<()> {
        check_processes(processes)?;
        self.inner.resize(processes)
    }
}

impl Executor for ThreadPool {
    fn processes(&self) -> usize {
        self.inner.wanted()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn join(&self) -> Result<()> {
        self.inner.check()?;
        self.inner.join(None).map(drop).ok_or_else(still_open)
    }

    fn join_timeout(&self, timeout: Duration) -> Result<()> {
        self.inner.check()?;
        joined(self.inner.join(Instant::now().checked_add(timeout)), timeout)
    }

    fn terminate(&self) {
        self.inner.terminate();
    }

    fn cancel_pending(&self) {
        self.inner.cancel_pending();
    }

    fn statistics(&self) -> Statistics {
        self.inner.statistics()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        if self.finish_on_drop && !thread::panicking() {
            self.shutdown();
        }
        self.inner.terminate();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.inner.is_open() { "open" } else { "closed" };
        f.debug_struct("ThreadPool")
            .field("name", &self.inner.name())
            .field("state", &format_args!("{state}"))
            .field("processes", &self.inner.wanted())
            .finish()
    }
}
