//! The settings that a pool is built with.

use std::time::Duration;

use crate::fds::Payload;
use crate::output::Outputs;
use crate::sys::process::ForkPermit;
use crate::task::Prepared;
use crate::zygote::StartMethod;

/// Settings of a pool, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The pool's name; its workers' names are this and a number.
    pub(crate) name: String,
    /// The workers have numbers in their names. Else the single one is a
    /// [`Process`](crate::Process) of this very name.
    pub(crate) numbered: bool,
    pub(crate) daemon: bool,
    /// The number of workers at first, and the minimum.
    pub(crate) processes: usize,
    /// The maximum number of workers, while there is a backlog.
    pub(crate) max_processes: usize,
    /// The time that a worker beyond the minimum may have nothing to do.
    pub(crate) shrink_after: Duration,
    /// The number of tasks that may be outstanding; further ones are refused.
    pub(crate) reject_at: u64,
    pub(crate) method: StartMethod,
    /// The caller's leave to fork beside other threads, without a check.
    pub(crate) unchecked: Option<ForkPermit>,
    /// Runs in each worker first, on these encoded arguments.
    pub(crate) initializer: Option<(Prepared, Payload)>,
    /// Runs in each worker last, if the worker ends by itself.
    pub(crate) finalizer: Option<(Prepared, Payload)>,
    /// The time that a worker's own exit may take, finalizer and exit handlers included.
    pub(crate) end_limit: Duration,
    /// Processes that tasks have started are left running when their worker is killed.
    pub(crate) keep_started: bool,
    /// The number of tasks a worker may run before it is replaced; `u64::MAX` for no limit.
    pub(crate) max_tasks: u64,
    pub(crate) task_timeout: Option<Duration>,
    /// Bytes of resident memory past which a worker is replaced.
    pub(crate) max_memory: Option<u64>,
    /// Bytes of data a worker may allocate.
    pub(crate) memory_limit: Option<u64>,
    /// Bytes a message may have.
    pub(crate) max_message: u64,
    /// Bytes of each of a worker's two rings.
    pub(crate) ring: usize,
    pub(crate) trace: bool,
    /// Where the workers' standard streams go.
    pub(crate) output: Outputs,
    /// A lost worker is replaced.
    pub(crate) replace: bool,
    /// The number of CPUs.
    pub(crate) cpus: usize,
    /// There is more than one CPU, so that a thread may wait busily.
    pub(crate) spin: bool,
}

impl Config {
    /// Returns the time limit of a task, in nanoseconds; 584 years count as for ever.
    pub(super) fn task_limit(&self) -> Option<u64> {
        self.task_timeout.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Returns [`shrink_after`](Config::shrink_after) in nanoseconds.
    pub(super) fn shrink_ns(&self) -> u64 {
        u64::try_from(self.shrink_after.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Returns `true` if each of `workers` workers and the parent can have a CPU of their own.
    pub(super) fn roomy(&self, workers: usize) -> bool {
        workers < self.cpus
    }
}
