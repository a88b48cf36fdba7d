//! The settings of a process.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::cpu::cpu_count;
use crate::engine::{Config, Engine};
use crate::error::Result;
use crate::identity::check_depth;
use crate::output::Outputs;
use crate::pool::{END_LIMIT, submit_one};
use crate::process::Process;
use crate::protocol::MAX_MESSAGE;
use crate::task::{Arguments, Task};
use crate::zygote::StartMethod;

/// Bytes of each ring: a process has one task to receive and one result to send, and longer ones
/// stream.
const RING: usize = 64 * 1024;

/// The settings of a [`Process`] that has not started.
///
/// Made by [`Process::new`] and [`Process::builder`].
///
/// ```
/// use multiproc::{Process, StartMethod, current_process};
///
/// fn greet(name: String) -> String {
///     format!("Hello {name}, I am {}", current_process().name)
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let process = Process::builder()
///     .name("greeter")
///     .start_method(StartMethod::Spawn)
///     .target(greet, ("Bob".to_string(),))
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
    /// Sets the function to run, and its arguments.
    pub fn target<G: Task<New>, New: Arguments>(self, function: G, args: New) -> ProcessBuilder<G, New> {
        let Self { name, daemon, keep_started, method, .. } = self;
        ProcessBuilder { function, args, name, daemon, keep_started, method }
    }

    /// Sets the name, which [`current_process`](crate::current_process) returns in the process.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets whether dropping the handle kills the process (`true`) or waits for it (`false`, the
    /// default).
    pub fn daemon(mut self, daemon: bool) -> Self {
        self.daemon = daemon;
        self
    }

    /// Sets whether the processes that the function has started stay when the process is killed
    /// (`true`) or are killed with it (`false`, the default). If the process ends by itself, they
    /// stay in any case.
    pub fn keep_started_processes(mut self, on: bool) -> Self {
        self.keep_started = on;
        self
    }

    /// Sets how the process is started.
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.method = method;
        self
    }
}

impl<F: Task<Args>, Args: Arguments> ProcessBuilder<F, Args> {
    /// Starts the process.
    ///
    /// # Errors
    /// As [`PoolBuilder::build`](crate::PoolBuilder::build). Errors of the function itself, and of
    /// encoding its arguments, are returned by [`join`](Process::join).
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
            output: Outputs::default(),
            replace: false,
            cpus,
            spin: false,
        })?;
        let job = engine.job(prepared, true);
        // Before it has a task, after which it may end at once.
        let process = Process::running(engine.clone(), job.clone());
        submit_one(&engine, &job, self.args);
        engine.finish_after_tasks();
        Ok(process)
    }
}
