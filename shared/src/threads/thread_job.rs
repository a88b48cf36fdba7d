//! The tasks of one call of a pool of threads, and what has become of them so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::future::{FutureState, PendingResult};
use crate::progress::{CallProgress, FailureKinds, WhenDone};
use crate::threads::inner::{Inner, wake_all};

/// One call whose tasks return `R`. Shared by the caller's handle and the job's chunks.
pub(super) struct ThreadJob<R> {
    pool: Arc<Inner>,
    /// The function's name, for people.
    label: &'static str,
    /// What has not begun is not wanted any more.
    abandoned: AtomicBool,
    state: Mutex<State<R>>,
    changed: Condvar,
}

struct State<R> {
    progress: CallProgress<Vec<Result<R>>>,
    /// Chunks that have not begun, and how many tasks each has.
    waiting: BTreeMap<u64, usize>,
    /// A chunk of several tasks was submitted.
    batched: bool,
}

impl<R> State<R> {
    fn results(&self) -> impl Iterator<Item = &Result<R>> {
        self.progress.results().flatten()
    }
}

impl<R> ThreadJob<R> {
    pub(super) fn new(pool: Arc<Inner>, label: &'static str, ordered: bool) -> Arc<Self> {
        let state = State { progress: CallProgress::new(ordered), waiting: BTreeMap::new(), batched: false };
        let abandoned = AtomicBool::new(false);
        Arc::new(Self { pool, label, abandoned, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pool(&self) -> &Inner {
        &self.pool
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Relaxed)
    }

    /// Counts one more chunk, of `tasks` tasks. Returns its position.
    pub(super) fn add_chunk(&self, tasks: usize) -> u64 {
        let mut state = self.lock();
        let index = state.progress.add_chunk(tasks as u64);
        state.batched |= tasks > 1;
        state.waiting.insert(index, tasks);
        index
    }

    /// Marks a chunk as begun. Returns `false` if it was cancelled.
    pub(super) fn begin(&self, index: u64) -> bool {
        self.lock().waiting.remove(&index).is_some()
    }

    /// Keeps the results of a chunk.
    pub(super) fn finish(&self, index: u64, results: Vec<Result<R>>) {
        let kinds = FailureKinds::of(results.iter().filter_map(|result| result.as_ref().err()));
        let completed = results.iter().filter(|result| result.is_ok()).count();
        let failed = (results.len() - completed) as u64 - kinds.cancelled;
        let mut state = self.lock();
        state.progress.finish(index, results);
        self.publish(state, || self.pool.count_ended(completed as u64, failed, kinds));
    }

    /// Declares that all chunks have been submitted.
    pub(super) fn seal(&self) {
        if self.pool.check().is_ok() {
            let mut state = self.lock();
            state.progress.seal();
            self.publish(state, Vec::new);
        }
    }

    /// Wakes every thread and task that waits for the progress made, which `count` counts. Who
    /// finds that all tasks have ended finds their callbacks queued, and who has a result finds it
    /// counted.
    fn publish(&self, mut state: MutexGuard<'_, State<R>>, count: impl FnOnce() -> Vec<Waker>) {
        let mut completions = state.progress.take_completions();
        completions.queue_callbacks(self.pool.callbacks());
        let end_wakers = count();
        drop(state);
        self.changed.notify_all();
        completions.run(self.pool.callbacks());
        wake_all(end_wakers);
    }

    pub(super) fn is_done(&self) -> bool {
        self.lock().progress.is_done()
    }

    pub(super) fn has_next(&self) -> bool {
        self.lock().progress.has_next()
    }

    /// Takes the next chunk's results, if they are there.
    pub(super) fn take_next(&self) -> Option<Vec<Result<R>>> {
        Some(self.take_next_of()?.1)
    }

    /// Takes the next chunk's results, if they are there, with the index of the first one's item,
    /// which means nothing if they are ordered.
    pub(super) fn take_next_of(&self) -> Option<(usize, Vec<Result<R>>)> {
        let (number, results) = self.lock().progress.take_next()?;
        Some((number as usize, results))
    }

    /// Waits until the next results are there, or the end. Returns `false` if the deadline came
    /// first.
    pub(super) fn wait_next(&self, deadline: Option<Instant>) -> bool {
        self.wait(deadline, |state| state.progress.has_next() || state.progress.is_done())
    }

    /// Keeps `waker` until the next results are there, or the end. Returns `false` if that is so,
    /// or in a process that the job does not belong to.
    #[cfg(feature = "stream")]
    pub(super) fn wake_at_next(&self, waker: &Waker) -> bool {
        self.pool.check().is_ok() && self.lock().progress.wake_at_next(waker)
    }

    /// Waits for the end, and returns at once in a process that the job does not belong to.
    pub(super) fn wait_done(&self, deadline: Option<Instant>) -> bool {
        self.wait(deadline, |state| state.progress.is_done())
    }

    fn wait(&self, deadline: Option<Instant>, mut done: impl FnMut(&State<R>) -> bool) -> bool {
        if self.pool.check().is_err() {
            return true;
        }
        let mut state = self.lock();
        while !done(&state) {
            state = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return false,
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }

    /// Cancels what has not begun. Returns whether there was anything.
    pub(super) fn cancel(&self) -> bool {
        let mut state = self.lock();
        if state.progress.is_done() {
            return false;
        }
        self.abandoned.store(true, Relaxed);
        let waiting = std::mem::take(&mut state.waiting);
        // A chunk that has begun stops before its next task.
        let any = !waiting.is_empty() || state.batched;
        drop(state);
        for (index, tasks) in waiting {
            self.finish(index, (0..tasks).map(|_| Err(Error::Cancelled)).collect());
        }
        any
    }

    /// Counts a task that failed before it could be submitted.
    pub(super) fn submit_failed(&self, error: Error) {
        let index = self.add_chunk(1);
        self.pool.count_submitted(1);
        if self.begin(index) {
            self.finish(index, vec![Err(error)]);
        }
    }
}

/// Takes the results of a job that is done, or the first error.
pub(super) fn take_all<R>(job: &ThreadJob<R>) -> Result<Vec<R>> {
    results(job).collect()
}

/// Takes the results of a job that is done, each with its own error.
pub(super) fn take_each<R>(job: &ThreadJob<R>) -> Result<Vec<Result<R>>> {
    Ok(results(job).collect())
}

/// Takes the results of a job that is done, one by one.
fn results<R>(job: &ThreadJob<R>) -> impl Iterator<Item = Result<R>> {
    let results = std::iter::from_fn(|| job.take_next()).flatten().enumerate();
    results.map(|(index, result)| result.map_err(|error| error.of(job.label, Some(index))))
}

/// Takes the result of a job of one task that is done.
pub(super) fn take_one<R>(job: &ThreadJob<R>) -> Result<R> {
    let result = job.take_next().and_then(|mut results| results.pop()).unwrap_or(Err(Error::Cancelled));
    result.map_err(|error| error.of(job.label, None))
}

/// A job as an [`AsyncResult`](crate::AsyncResult) sees it, and how to take its results.
pub(super) struct ThreadResult<R, All> {
    pub(super) job: Arc<ThreadJob<R>>,
    pub(super) take: fn(&ThreadJob<R>) -> Result<All>,
}

impl<R: Send, All> PendingResult<All> for ThreadResult<R, All> {
    fn is_done(&self) -> bool {
        self.job.is_done()
    }

    fn wait_done(&self, deadline: Option<Instant>) -> bool {
        self.job.wait_done(deadline)
    }

    fn wait_for(&self, deadline: Option<Instant>, done: &dyn Fn() -> bool) -> bool {
        self.job.wait(deadline, |_| done())
    }

    fn notify(&self) {
        // Under the lock: a thread that has just looked in vain sleeps by then.
        let _state = self.job.lock();
        self.job.changed.notify_all();
    }

    fn wake_when_done(&self, waker: &Waker) -> bool {
        self.job.lock().progress.wake_when_done(waker)
    }

    fn forget_waker(&self, waker: &Waker) {
        self.job.lock().progress.forget_waker(waker);
    }

    fn run_when_done(&self, run: WhenDone) {
        let run = self.job.lock().progress.run_when_done(run);
        if let Some(run) = run {
            self.job.pool.callbacks().run(run);
        }
    }

    fn cancel(&self) -> bool {
        self.job.cancel()
    }

    fn state(&self) -> FutureState {
        let state = self.job.lock();
        if !state.progress.is_done() {
            let begun = state.progress.submitted() > state.waiting.len() as u64;
            return if begun { FutureState::Running } else { FutureState::Pending };
        }
        let cancelled = state.results().any(|result| matches!(result, Err(Error::Cancelled)));
        if cancelled { FutureState::Cancelled } else { FutureState::Done }
    }

    fn all_well(&self) -> bool {
        self.job.lock().results().all(Result::is_ok)
    }

    fn take(&self) -> Result<All> {
        (self.take)(&self.job)
    }
}
