//! A job: what one call of the pool has asked for, and what has come of it so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use crate::engine::WhenDone;
use crate::error::{Error, Result};
use crate::foreign;
use crate::future::{FutureState, Later};
use crate::task::{Arguments, Task};
use crate::threads::chunk::Chunk;
use crate::threads::crew::Crew;

/// One call whose tasks return `R`. Shared by the caller's handle and the job's chunks.
pub(super) struct Job<R> {
    crew: Arc<Crew>,
    /// Whether results are kept in order of submission, or in order of arrival.
    ordered: bool,
    /// Nobody wants what has not begun.
    abandoned: AtomicBool,
    progress: Mutex<Progress<R>>,
    changed: Condvar,
}

struct Progress<R> {
    submitted: u64,
    finished: u64,
    /// Chunks that have not begun, and how many tasks each has.
    waiting: BTreeMap<u64, usize>,
    /// A chunk of several tasks was submitted.
    batched: bool,
    /// No more chunks will be submitted.
    sealed: bool,
    /// Results not yet taken. In an ordered job the first are of chunk `taken`, and those not there
    /// are `None`.
    outcomes: VecDeque<Option<Vec<Result<R>>>>,
    taken: u64,
    wakers: Vec<Waker>,
    when_done: Vec<WhenDone>,
}

impl<R> Progress<R> {
    fn is_done(&self) -> bool {
        self.sealed && self.finished == self.submitted
    }

    fn has_next(&self) -> bool {
        matches!(self.outcomes.front(), Some(Some(_)))
    }

    fn results(&self) -> impl Iterator<Item = &Result<R>> {
        self.outcomes.iter().flatten().flatten()
    }
}

impl<R> Job<R> {
    pub(super) fn new(crew: Arc<Crew>, ordered: bool) -> Arc<Self> {
        let progress = Progress {
            submitted: 0,
            finished: 0,
            waiting: BTreeMap::new(),
            batched: false,
            sealed: false,
            outcomes: VecDeque::new(),
            taken: 0,
            wakers: Vec::new(),
            when_done: Vec::new(),
        };
        let progress = Mutex::new(progress);
        Arc::new(Self { crew, ordered, abandoned: AtomicBool::new(false), progress, changed: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Progress<R>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn crew(&self) -> &Crew {
        &self.crew
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Relaxed)
    }

    /// Counts one more chunk, of so many tasks; says its position.
    fn add_chunk(&self, tasks: usize) -> u64 {
        let mut progress = self.lock();
        let index = progress.submitted;
        progress.submitted += 1;
        progress.batched |= tasks > 1;
        progress.waiting.insert(index, tasks);
        index
    }

    /// A thread is about to run a chunk. `false` if it was cancelled.
    pub(super) fn begin(&self, index: u64) -> bool {
        self.lock().waiting.remove(&index).is_some()
    }

    /// Takes the results of a chunk.
    pub(super) fn finish(&self, index: u64, results: Vec<Result<R>>) {
        let cancelled = results.iter().filter(|result| matches!(result, Err(Error::Cancelled))).count();
        let completed = results.iter().filter(|result| result.is_ok()).count();
        let failed = results.len() - completed - cancelled;
        self.crew.settle(completed as u64, failed as u64, cancelled as u64);
        let mut progress = self.lock();
        progress.finished += 1;
        if self.ordered {
            let at = (index - progress.taken) as usize;
            if progress.outcomes.len() <= at {
                progress.outcomes.resize_with(at + 1, || None);
            }
            progress.outcomes[at] = Some(results);
        } else {
            progress.outcomes.push_back(Some(results));
        }
        self.tell(progress);
    }

    /// Says that all chunks have been submitted.
    pub(super) fn seal(&self) {
        if self.crew.check().is_err() {
            return;
        }
        let mut progress = self.lock();
        progress.sealed = true;
        self.tell(progress);
    }

    /// Tells everybody whom the job's progress concerns.
    fn tell(&self, mut progress: MutexGuard<'_, Progress<R>>) {
        let done = progress.is_done();
        let wakers = if done { std::mem::take(&mut progress.wakers) } else { Vec::new() };
        let when_done = if done { std::mem::take(&mut progress.when_done) } else { Vec::new() };
        drop(progress);
        self.changed.notify_all();
        wakers.into_iter().for_each(|waker| foreign::run_or_forget(|| waker.wake()));
        when_done.into_iter().for_each(|run| self.crew.call_back(run));
    }

    pub(super) fn is_done(&self) -> bool {
        self.lock().is_done()
    }

    pub(super) fn has_next(&self) -> bool {
        self.lock().has_next()
    }

    /// The next chunk's results, if they are there.
    pub(super) fn take_next(&self) -> Option<Vec<Result<R>>> {
        let mut progress = self.lock();
        let next = progress.outcomes.front_mut()?.take()?;
        progress.outcomes.pop_front();
        progress.taken += 1;
        Some(next)
    }

    /// Waits until the next results are there, or the end. `false` if the deadline came first.
    pub(super) fn wait_next(&self, deadline: Option<Instant>) -> bool {
        self.wait(deadline, |progress| progress.has_next() || progress.is_done())
    }

    pub(super) fn wait_done(&self, deadline: Option<Instant>) -> bool {
        self.wait(deadline, Progress::is_done)
    }

    /// In a process that the job does not belong to, there is nothing to wait for.
    fn wait(&self, deadline: Option<Instant>, mut done: impl FnMut(&Progress<R>) -> bool) -> bool {
        if self.crew.check().is_err() {
            return true;
        }
        let mut progress = self.lock();
        while !done(&progress) {
            progress = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return false,
                Some(left) => self.changed.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }

    /// Cancels what has not begun; says whether there was anything.
    pub(super) fn cancel(&self) -> bool {
        let mut progress = self.lock();
        if progress.sealed && progress.is_done() {
            return false;
        }
        self.abandoned.store(true, Relaxed);
        let waiting = std::mem::take(&mut progress.waiting);
        // A chunk that has begun stops before its next task.
        let any = !waiting.is_empty() || progress.batched;
        drop(progress);
        for (index, tasks) in waiting {
            self.finish(index, (0..tasks).map(|_| Err(Error::Cancelled)).collect());
        }
        any
    }

    /// Submits tasks of this job.
    pub(super) fn submit<F, Args>(self: &Arc<Self>, function: &Arc<F>, items: Vec<Args>)
    where
        F: Task<Args, Output = R> + Send + Sync,
        Args: Arguments + Send,
        R: Send + 'static,
    {
        if self.crew.check().is_ok() {
            self.crew.submit(self.chunk(function, items));
        }
    }

    /// Fails tasks of this job that are not to be queued.
    pub(super) fn refuse<F, Args>(self: &Arc<Self>, function: &Arc<F>, items: Vec<Args>, error: &Error)
    where
        F: Task<Args, Output = R> + Send + Sync,
        Args: Arguments + Send,
        R: Send + 'static,
    {
        self.crew.refuse(self.chunk(function, items), error);
    }

    fn chunk<F, Args>(self: &Arc<Self>, function: &Arc<F>, items: Vec<Args>) -> Box<Chunk<F, Args, R>> {
        let index = self.add_chunk(items.len());
        Box::new(Chunk { job: self.clone(), function: function.clone(), index, items })
    }
}

/// The results of a job that is done, or the first error.
pub(super) fn take_all<R>(job: &Job<R>) -> Result<Vec<R>> {
    let mut results = Vec::new();
    while let Some(chunk) = job.take_next() {
        for result in chunk {
            results.push(result?);
        }
    }
    Ok(results)
}

/// The result of a job of one task that is done.
pub(super) fn take_one<R>(job: &Job<R>) -> Result<R> {
    job.take_next().and_then(|mut results| results.pop()).unwrap_or(Err(Error::Cancelled))
}

/// A job as a handle sees it, and how to take its results.
pub(super) struct ByThreads<R, All> {
    pub(super) job: Arc<Job<R>>,
    pub(super) take: fn(&Job<R>) -> Result<All>,
}

impl<R: Send, All> Later<All> for ByThreads<R, All> {
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
        // Under the lock: who has just looked in vain is asleep by then.
        let _progress = self.job.lock();
        self.job.changed.notify_all();
    }

    fn wake_when_done(&self, waker: &Waker) -> bool {
        let mut progress = self.job.lock();
        if progress.is_done() {
            return false;
        }
        if !progress.wakers.iter().any(|known| known.will_wake(waker)) {
            progress.wakers.push(waker.clone());
        }
        true
    }

    fn forget_waker(&self, waker: &Waker) {
        self.job.lock().wakers.retain(|known| !known.will_wake(waker));
    }

    fn run_when_done(&self, run: WhenDone) {
        let mut progress = self.job.lock();
        if !progress.is_done() {
            return progress.when_done.push(run);
        }
        drop(progress);
        self.job.crew.call_back(run);
    }

    fn cancel(&self) -> bool {
        self.job.cancel()
    }

    fn state(&self) -> FutureState {
        let progress = self.job.lock();
        if !progress.is_done() {
            let begun = progress.submitted > progress.waiting.len() as u64;
            return if begun { FutureState::Running } else { FutureState::Pending };
        }
        let cancelled = progress.results().any(|result| matches!(result, Err(Error::Cancelled)));
        if cancelled { FutureState::Cancelled } else { FutureState::Done }
    }

    fn all_well(&self) -> bool {
        self.job.lock().results().all(Result::is_ok)
    }

    fn take(&self) -> Result<All> {
        (self.take)(&self.job)
    }
}
