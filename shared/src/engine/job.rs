//! A job, which is what one call of the pool has asked for, and its chunks: tasks that travel to a
//! worker together.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::engine::outcome::Outcome;
use crate::engine::remote::RemoteOutcomes;
use crate::error::Error;
use crate::fds::{Descriptor, Handles, Payload};
use crate::kind::ObjectKind;
use crate::progress::{CallProgress, Completions, WhenDone};
use crate::protocol::{FrameHead, Items};
use crate::sys::sealed;
use crate::task::{Function, Prepared};
use crate::trace::TaskEvent;

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
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) function: Function,
    /// The function's name, for people.
    label: &'static str,
    /// The task's state, sent to a worker before its first chunk of this job, under the job's id.
    state: Option<JobState>,
    /// The largest size of a result, in bytes.
    pub(crate) max_message: u64,
    limits: TaskLimits,
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
            state: state.map(|state| JobState::new(state, has_workers)),
            max_message,
            limits: TaskLimits::default(),
            remote: None,
            progress: Mutex::new(progress),
        }
    }

    /// Returns the function's name, for people.
    pub(crate) fn label(&self) -> &'static str {
        self.label
    }

    /// Sets what its tasks may take.
    pub(super) fn with_limits(self, limits: TaskLimits) -> Self {
        Self { limits, ..self }
    }

    /// Returns what its tasks may take, where that differs from the pool's settings.
    #[inline]
    pub(crate) fn limits(&self) -> TaskLimits {
        self.limits
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
        self.state.as_ref()
    }

    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Counts one more chunk, of `tasks` tasks, and returns its [number](CallProgress::add_chunk).
    #[inline]
    fn add_chunk(&self, tasks: u32) -> u64 {
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

/// Some tasks of one job, on their way from the backlog to a worker and back to their job. A chunk
/// whose worker is killed goes on elsewhere from where it was.
pub(crate) struct Chunk {
    job: Arc<Job>,
    /// Its number in the job; of a remote job's chunk, the client's number for it.
    number: u64,
    /// The number of its first task in the pool.
    first_task: u64,
    /// Tasks whose outcome is known.
    done: u32,
    tasks: Tasks,
    outcome: Outcome,
    /// Workers that ended with this chunk before they began any of it.
    false_starts: u32,
    /// Workers that ended while they ran a task of this chunk, and how many tasks were done before
    /// it.
    losses: (u32, u32),
}

/// Encoded tasks.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) count: u32,
    /// The arguments of one task, or those of several as [`Items`].
    pub(crate) payload: Vec<u8>,
    pub(crate) handles: Handles,
}

impl Chunk {
    #[inline]
    pub(super) fn new(job: Arc<Job>, first_task: u64, tasks: Tasks) -> Self {
        let number = job.add_chunk(tasks.count);
        Self::with_number(number, job, first_task, tasks)
    }

    #[inline]
    fn with_number(number: u64, job: Arc<Job>, first_task: u64, tasks: Tasks) -> Self {
        Self { job, number, first_task, done: 0, tasks, outcome: Outcome::default(), false_starts: 0, losses: (0, 0) }
    }

    #[inline]
    pub(crate) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    #[inline]
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Returns the number of its tasks, done or not.
    #[inline]
    pub(super) fn count(&self) -> u64 {
        self.tasks.count.into()
    }

    /// Returns the number of tasks whose outcome is to come.
    #[inline]
    pub(super) fn left(&self) -> u32 {
        self.tasks.count - self.done
    }

    /// Returns the number of tasks whose outcome is known.
    pub(super) fn done(&self) -> u32 {
        self.done
    }

    /// Returns the number in the pool of the task that is next.
    pub(super) fn next_task(&self) -> u64 {
        self.first_task + u64::from(self.done)
    }

    /// Returns a task of this chunk for the trace: which worker (number, name, pid) ran it, from
    /// when to when.
    pub(super) fn event(
        &self,
        task: u64,
        (worker, name, pid): (u64, &Arc<str>, u32),
        (start, end): (u64, u64),
        failed: bool,
    ) -> TaskEvent {
        TaskEvent { task, function: self.job.label, worker, name: name.clone(), pid, start, end, failed }
    }

    /// Returns where the bytes of up to `max` of the tasks that are left stand in the payload.
    pub(super) fn payload(&self, max: u32) -> Range<usize> {
        let all = &self.tasks.payload;
        if self.tasks.count == 1 || (self.done == 0 && max >= self.tasks.count) {
            return 0..all.len();
        }
        let mut items = Items(all);
        let skip = |items: &mut Items<'_>, count: u32| {
            for _ in 0..count {
                items.next();
            }
        };

        skip(&mut items, self.done);
        let start = all.len() - items.0.len();
        skip(&mut items, max);
        start..all.len() - items.0.len()
    }

    /// Takes the buffer of the arguments of a chunk's only task, which has them.
    pub(super) fn take_payload(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.tasks.payload)
    }

    pub(super) fn handles_mut(&mut self) -> &mut Handles {
        &mut self.tasks.handles
    }

    /// Adds the frames of the next `count` tasks, of which `failures` bring no value.
    pub(super) fn add_frames(&mut self, frames: &[u8], count: u32, failures: u32, pid: u32) {
        self.outcome.add(frames, failures, pid);
        self.done += count;
    }

    /// Adds the handles of a result whose frame is added next.
    pub(super) fn add_handles(&mut self, handles: Handles) {
        self.outcome.add_handles(handles);
    }

    /// Adds the next task's frame, whose body has a buffer of its own.
    pub(super) fn add_large(&mut self, head: FrameHead, body: Vec<u8>, pid: u32) {
        let only = self.tasks.count == 1;
        self.outcome.add_large(head, body, only, pid);
        self.done += 1;
    }

    /// Records that the next task failed.
    pub(super) fn fail(&mut self, error: Error) {
        self.outcome.add_error(error);
        self.done += 1;
    }

    /// Records that all tasks that are left failed.
    pub(super) fn fail_rest(&mut self, error: &Error) {
        while self.left() > 0 {
            self.fail(error.clone());
        }
    }

    /// Counts a worker that ended with this chunk before it began any of it. Returns how many did.
    pub(super) fn add_false_start(&mut self) -> u32 {
        self.false_starts += 1;
        self.false_starts
    }

    /// Counts the end of a worker that ran the next task. Returns `None` if that task is to be
    /// begun again, else the loss with the number of times that it was begun.
    pub(crate) fn lose_next(&mut self, loss: Error) -> Option<Error> {
        let retries = self.job.limits().retries;
        if retries == 0 {
            return Some(loss);
        }
        let losses = if self.losses.1 == self.done { self.losses.0 + 1 } else { 1 };
        self.losses = (losses, self.done);
        // A handle of one owner in the state has gone to one worker, and no other can have it.
        let spent = self.job.state().is_some_and(|state| state.handles().is_spent());
        (losses > retries || spent).then(|| loss.after_tries(losses))
    }

    /// Returns what has come of its tasks so far.
    #[inline]
    pub(super) fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Returns its job, its number and what came of its tasks.
    #[inline]
    pub(super) fn into_outcome(self) -> (Arc<Job>, u64, Outcome) {
        (self.job, self.number, self.outcome)
    }
}

#[cfg(feature = "mpi")]
impl Chunk {
    /// Returns a chunk that came from elsewhere. The client has numbered it and its tasks, and its
    /// outcome is sent back under `number`.
    pub(crate) fn remote(job: Arc<Job>, number: u64, first_task: u64, tasks: Tasks) -> Self {
        job.add_chunk(tasks.count);
        Self::with_number(number, job, first_task, tasks)
    }

    pub(crate) fn first_task(&self) -> u64 {
        self.first_task
    }

    /// Records what came of all of its tasks.
    pub(crate) fn set_outcome(&mut self, outcome: Outcome) {
        self.done = self.tasks.count;
        self.outcome = outcome;
    }

    /// Fails all of its tasks.
    pub(crate) fn failed(mut self, error: &Error) -> Self {
        self.fail_rest(error);
        self
    }
}
