//! A pool of threads with the calls of the pool of processes.
//!
//! [`crew`] has the threads and what waits for them, [`job`] what one call has asked for, [`chunk`]
//! the pieces that a thread takes; [`call`], [`batched`] and [`lazy`] are the calls, [`builder`] is
//! what its name says.

mod batched;
mod builder;
mod call;
mod chunk;
mod crew;
mod job;
mod lazy;

use std::fmt;
use std::sync::Arc;

pub use batched::ThreadBatched;
pub use builder::ThreadPoolBuilder;
pub(crate) use crew::Crew;
pub use lazy::ThreadImap;

use crate::error::{Error, Result};
use crate::pool::check_processes;

/// A pool of threads with the calls of [`Pool`](crate::Pool): change the one name, and the program
/// runs on threads instead of processes.
///
/// That is of use where tasks wait (for files, for the network) rather than compute, or where their
/// arguments are large: they are moved, not serialized, so a field that serde skips keeps its value
/// here. A panic is caught and becomes [`Error::Panicked`] as in a process; but what ends a process
/// (an abort, a stack overflow) ends the program, nothing can stop a thread that has begun a task,
/// and tasks share the statics of the program.
///
/// What moves between threads must be `Send` beside what a task asks for anyway. Functions that
/// capture are refused here, too, so that the way back to processes is open.
///
/// It belongs to the process that built it: in a copy of that process its calls fail with
/// [`Error::ForeignProcess`], and dropping it does nothing.
///
/// Dropping the pool terminates it: tasks that have not begun are cancelled, and those that run are
/// waited for. A task must not wait for another task of its own pool: with every thread waiting,
/// nobody would be left to run it.
///
/// The first pool of threads installs a panic hook that notes the panics of tasks instead of
/// printing them, and leaves all others to the hook that was there before.
///
/// Python's counterparts are `multiprocessing.pool.ThreadPool` and
/// `concurrent.futures.ThreadPoolExecutor`.
///
/// ```
/// use multiproc::ThreadPool as Pool;
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
pub struct ThreadPool {
    crew: Arc<Crew>,
}

impl ThreadPool {
    /// A pool with one thread for each logical CPU that this process may use; see
    /// [`cpu_count`](crate::cpu_count).
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no more threads to give.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// A pool with `processes` threads; the name is that of the pool of processes. Errors as
    /// [`new`](ThreadPool::new).
    pub fn with_processes(processes: usize) -> Result<Self> {
        Self::builder().processes(processes).build()
    }

    /// A pool with settings of its own.
    pub fn builder() -> ThreadPoolBuilder {
        ThreadPoolBuilder::default()
    }

    pub(crate) fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }

    /// Takes no more tasks: every later call fails with [`Error::Closed`]. What was taken is still
    /// done; then the threads end.
    ///
    /// Python's counterpart is `Pool.close`.
    pub fn close(&self) {
        self.crew.close();
    }

    /// Waits until all tasks are done, their callbacks have run, and all threads have ended.
    ///
    /// Python's counterpart is `Pool.join`.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if the pool is neither closed nor terminated: it would wait for ever.
    pub fn join(&self) -> Result<()> {
        self.crew.check()?;
        if self.crew.join() {
            return Ok(());
        }
        Err(Error::InvalidState("the pool is still open: call close() before join()".into()))
    }

    /// Ends the pool. Tasks that have not begun fail with [`Error::Cancelled`]; those that run are
    /// waited for.
    ///
    /// Python's counterpart is `Pool.terminate`.
    pub fn terminate(&self) {
        self.crew.terminate();
    }

    /// Changes the number of threads. New ones start at once; surplus ones finish the tasks they
    /// have begun, and end.
    ///
    /// # Errors
    /// [`Error::Config`] for 0 threads, [`Error::Closed`] if the pool is closed, [`Error::Io`] if
    /// the system has no more threads to give.
    pub fn resize(&self, processes: usize) -> Result<()> {
        check_processes(processes)?;
        self.crew.resize(processes)
    }

    /// How many threads the pool keeps.
    pub fn processes(&self) -> usize {
        self.crew.wanted()
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.crew.terminate();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.crew.is_open() { "open" } else { "closed" };
        f.debug_struct("ThreadPool")
            .field("name", &self.crew.name())
            .field("state", &format_args!("{state}"))
            .field("processes", &self.crew.wanted())
            .finish()
    }
}
