//! Settings of a process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::engine::{Config, Engine};
use crate::error::Result;
use crate::limits::MAX_MESSAGE;
use crate::machine::cpu_count;
use crate::pool::{END_LIMIT, check_depth, submit_one};
use crate::process::Process;
use crate::task::{Arguments, Task};
use crate::zygote::StartMethod;

/// Bytes of each ring: a process has one task to receive and one result to send, and longer ones
/// stream.
const RING: usize = 64 * 1024;

/// Settings of a [`Process`] that has not started; made by [`Process::new`] and
/// [`Process::builder`].
///
/// ```
/// use multiproc::{Process, StartMethod};
///
/// # fn main() -> multiproc::Result<()> {
/// let process = Process::builder()
///     .name("greeter")
///     .start_method(StartMethod::Spawn)
///     .target(|name: String| format!("Hello {name}, I am {}", multiproc::current_process().name), ("Bob".to_string(),))
///     .start()?;
/// assert_eq!(process.join()?, "Hello Bob, I am greeter");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "the process does not run until `start`"]
pub struct ProcessBuilder<F, Args> {
    function: F,
    args: Args,
    name: Option<String>,
    daemon: bool,
    keep_started: bool,
    method: StartMethod,
}

impl ProcessBuilder<(), ()> {
    pub(super) fn empty() -> Self {
        Self { function: (), args: (), name: None, daemon: false, keep_started: false, method: StartMethod::default() }
    }
}

impl<F, Args> ProcessBuilder<F, Args> {
    /// The function to run, and its arguments.
    pub fn target<G: Task<New>, New: Arguments>(self, function: G, args: New) -> ProcessBuilder<G, New> {
        let Self { name, daemon, keep_started, method, .. } = self;
        ProcessBuilder { function, args, name, daemon, keep_started, method }
    }

    /// The process' name, which [`current_process`](crate::current_process) tells in it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether dropping the handle kills the process (`true`) or waits for it (`false`, the
    /// default).
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.daemon = daemon;
        self
    }

    /// Leaves running what the function has started (programs, processes of other kinds) when the
    /// process is killed; otherwise it is killed with the process. What a process that ends by
    /// itself has started is left running in any case.
    pub fn keep_started_processes(mut self, on: bool) -> Self {
        self.keep_started = on;
        self
    }

    /// How the process comes to be.
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.method = method;
        self
    }
}

impl<F: Task<Args>, Args: Arguments> ProcessBuilder<F, Args> {
    /// Starts the process.
    ///
    /// # Errors
    /// As [`Pool::builder`](crate::Pool::builder)'s `build`. What becomes of the function itself,
    /// and of its arguments on their way, [`join`](Process::join) tells.
    pub fn start(self) -> Result<Process<F::Output>> {
        static STARTED: AtomicU64 = AtomicU64::new(1);
        check_depth()?;
        let prepared = self.function.prepare()?;
        let cpus = cpu_count();
        let engine = Engine::start(Config {
            name: self.name.unwrap_or_else(|| format!("Process-{}", STARTED.fetch_add(1, Relaxed))),
            numbered: false,
            daemon: self.daemon,
            processes: 1,
            max_processes: 1,
            shrink_after: Duration::MAX,
            reject_at: u64::MAX,
            method: self.method,
            unchecked: None,
            initializer: None,
            finalizer: None,
            end_limit: END_LIMIT,
            keep_started: self.keep_started,
            max_tasks: u64::MAX,
            task_timeout: None,
            max_memory: None,
            memory_limit: None,
            max_message: MAX_MESSAGE,
            ring: RING,
            trace: false,
            replace: false,
            cpus,
            spin: false,
        })?;
        let job = engine.job(prepared, true);
        // Before it has anything to do, after which it may end at once.
        let process = Process::running(engine.clone(), job.clone());
        submit_one(&engine, &job, self.args);
        engine.finish_after_tasks();
        Ok(process)
    }
}
