//! A job: what one call of the pool has asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::engine::outcome::Outcome;
use crate::engine::remote::RemoteOutcomes;
use crate::fds::{Descriptor, Handles, Payload};
use crate::kind::ObjectKind;
use crate::progress::{CallProgress, Completions, WhenDone};
use crate::sys::sealed;
use crate::task::{Function, Prepared};

/// What the tasks of one job may take, where that differs from the pool's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TaskLimits {
    /// Nanoseconds that each task may run.
    pub(crate) time: Option<u64>,
    /// Nanoseconds that a task has after its time, if it is to be warned; else 0.
    pub(crate) grace: u64,
    /// How often a task is begun again that was lost with its worker.
    pub(crate) retries: u32,
}

impl TaskLimits {
    /// Returns these limits; 584 years count as for ever.
    pub(crate) fn new(timeout: Option<Duration>, grace: Duration, retries: u32) -> Self {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self { time: timeout.map(nanoseconds), grace: nanoseconds(grace), retries }
    }
}

/// One call: `apply`, a map, a lazy map. Shared by the caller's handle and the job's chunks.
///
/// Small, because a program may have a million of them; what most jobs do not have is kept apart.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) function: Function,
    /// The function's name, for people.
    label: &'static str,
    /// The task's state, sent to a worker before its first chunk of this job, under the job's id.
    state: Option<Box<JobState>>,
    /// The largest size of a result, in bytes.
    pub(crate) max_message: u64,
    /// None if they are the pool's settings.
    limits: Option<Box<TaskLimits>>,
    /// Where outcomes go instead of to callers of this process.
    remote: Option<Arc<RemoteOutcomes>>,
    progress: Mutex<Progress>,
}

/// The state of a job's task.
pub(crate) struct JobState {
    /// Shared with those that send it; empty if it is in shared memory.
    pub(crate) bytes: Arc<Vec<u8>>,
    /// Those in it, and behind them its shared memory.
    handles: Mutex<Handles>,
    is_shared: bool,
}

/// The size from which a state goes to the workers in shared memory, of which all read one copy. A
/// smaller one is copied into their rings, which needs no descriptors and fewer system calls.
const SHARE_FROM: usize = 256 << 10;

impl JobState {
    fn new(Payload { mut bytes, mut handles }: Payload, has_workers: bool) -> Self {
        let shared = (has_workers && bytes.len() >= SHARE_FROM)
            .then(|| sealed::seal(&ObjectKind::State.memory_name(), &bytes).ok())
            .flatten();
        // Without a descriptor, or memory, it goes the other way.
        let is_shared = shared.is_some_and(|shared| handles.push(Descriptor::new(shared), ObjectKind::State));
        if is_shared {
            bytes = Vec::new();
        }
        Self { bytes: Arc::new(bytes), handles: Mutex::new(handles), is_shared }
    }

    /// Returns whether it is in shared memory.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(crate) fn handles(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Progress {
    call: CallProgress<Outcome>,
    /// What is still to be done is not wanted any more.
    abandoned: bool,
}

impl Job {
    /// `has_workers` is whether the tasks run in workers of this process.
    pub(super) fn new(id: u64, prepared: Prepared, ordered: bool, max_message: u64, has_workers: bool) -> Self {
        let progress = Progress { call: CallProgress::new(ordered), abandoned: false };
        let Prepared { function, label, state } = prepared;
        Self {
            id,
            function,
            label,
            state: state.map(|state| Box::new(JobState::new(state, has_workers))),
            max_message,
            limits: None,
            remote: None,
            progress: Mutex::new(progress),
        }
    }

    /// Returns the function's name, for people.
    pub(crate) fn label(&self) -> &'static str {
        self.label
    }

    /// Sets what its tasks may take.
    #[inline]
    pub(super) fn with_limits(self, limits: TaskLimits) -> Self {
        let limits = (limits != TaskLimits::default()).then(|| Box::new(limits));
        Self { limits, ..self }
    }

    /// Returns what its tasks may take, where that differs from the pool's settings.
    #[inline]
    pub(crate) fn limits(&self) -> TaskLimits {
        self.limits.as_deref().copied().unwrap_or_default()
    }

    /// Sends the job's outcomes to `outcomes`, under the numbers that the chunks came with.
    #[cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only with the feature `mpi` are there such jobs.
    pub(super) fn remote(self, outcomes: Arc<RemoteOutcomes>) -> Self {
        Self { remote: Some(outcomes), ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the task's state, if it has one.
    #[inline]
    pub(crate) fn state(&self) -> Option<&JobState> {
        self.state.as_deref()
    }

    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Counts one more chunk, of `tasks` tasks, and returns its [number](CallProgress::add_chunk).
    #[inline]
    pub(super) fn add_chunk(&self, tasks: u32) -> u64 {
        self.lock().call.add_chunk(tasks.into())
    }

    /// Adds what came of chunk `number`. The completions that it returns are for when no lock is
    /// held.
    #[inline]
    pub(super) fn add_outcome(&self, number: u64, outcome: Outcome) -> Completions {
        let mut progress = self.lock();
        if let Some(remote) = &self.remote {
            progress.call.finish_elsewhere();
            remote.add(number, outcome);
            return Completions::default();
        }
        progress.call.finish(number, outcome);
        progress.call.take_completions()
    }

    /// Records that all chunks have been submitted.
    pub(super) fn seal(&self) -> Completions {
        let mut progress = self.lock();
        progress.call.seal();
        progress.call.take_completions()
    }

    /// Returns `true` once all outcomes have arrived.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.lock().call.is_done()
    }

    /// Returns `true` if none of the outcomes not yet taken has an error in it.
    pub(crate) fn all_well(&self) -> bool {
        self.lock().call.results().all(|outcome| outcome.failures() == 0)
    }

    /// Returns `true` if the next outcome has arrived.
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        self.lock().call.has_next()
    }

    /// Takes the next outcome, if it has arrived.
    #[inline]
    pub(crate) fn take_next(&self) -> Option<Outcome> {
        Some(self.lock().call.take_next()?.1)
    }

    /// Takes the next outcome, if it has arrived, with the index of the first one of its items,
    /// which means nothing if the job is ordered.
    #[inline]
    pub(crate) fn take_next_of(&self) -> Option<(usize, Outcome)> {
        let (number, outcome) = self.lock().call.take_next()?;
        Some((number as usize, outcome))
    }

    /// Marks what is left as unwanted. Returns `true` if there was anything.
    pub(super) fn abandon(&self) -> bool {
        let mut progress = self.lock();
        progress.abandoned = true;
        progress.call.is_behind()
    }

    #[inline]
    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Wakes `waker` when the job is done. Returns `false` if it is done already.
    pub(super) fn wake_when_done(&self, waker: &Waker) -> bool {
        self.lock().call.wake_when_done(waker)
    }

    /// Wakes `waker` when the next outcome arrives, or the job is done. Returns `false` if that is
    /// so already.
    #[cfg(feature = "stream")]
    pub(super) fn wake_at_next(&self, waker: &Waker) -> bool {
        self.lock().call.wake_at_next(waker)
    }

    /// Removes `waker` from those that are woken.
    pub(crate) fn forget_waker(&self, waker: &Waker) {
        self.lock().call.forget_waker(waker);
    }

    /// Returns `true` if a task was cancelled whose outcome was not taken yet.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.lock().call.results().any(|outcome| outcome.failure_kinds().cancelled > 0)
    }

    /// Returns `true` if an outcome has arrived already.
    pub(super) fn has_progressed(&self) -> bool {
        self.lock().call.has_progressed()
    }

    /// Runs `run` when the job is done. Returns it if the job is done already.
    pub(super) fn run_when_done(&self, run: WhenDone) -> Option<WhenDone> {
        self.lock().call.run_when_done(run)
    }
}
