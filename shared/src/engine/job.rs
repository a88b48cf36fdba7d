//! A job: what one call of the pool has asked for, and what has come of it so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::engine::outcome::Outcome;
use crate::engine::remote::RemoteOutcomes;
use crate::engine::result_order::ResultOrder;
use crate::fds::Payload;
use crate::task::{Function, Prepared};

/// Runs when the job is done, on the pool's callback thread.
pub(crate) type WhenDone = Box<dyn FnOnce() + Send>;

/// One call: `apply`, a map, a lazy map. Shared by the caller's handle and the job's chunks.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) function: Function,
    /// The function's name, for people.
    pub(super) label: &'static str,
    /// The task's state, sent to a worker before its first chunk of this job, under the job's id.
    state: Option<Mutex<Payload>>,
    /// The largest size of a result, in bytes.
    pub(crate) cap: u64,
    /// Where outcomes go instead of to callers of this process.
    remote: Option<Arc<RemoteOutcomes>>,
    progress: Mutex<Progress>,
}

struct Progress {
    submitted: u64,
    finished: u64,
    /// No more chunks will be submitted.
    sealed: bool,
    /// What is still to be done is not wanted any more.
    abandoned: bool,
    results: ResultOrder,
    wakers: Vec<Waker>,
    when_done: Vec<WhenDone>,
}

impl Job {
    pub(super) fn new(id: u64, prepared: Prepared, ordered: bool, cap: u64) -> Self {
        let progress = Progress {
            submitted: 0,
            finished: 0,
            sealed: false,
            abandoned: false,
            results: ResultOrder::new(ordered),
            wakers: Vec::new(),
            when_done: Vec::new(),
        };
        let Prepared { function, label, state } = prepared;
        Self { id, function, label, state: state.map(Mutex::new), cap, remote: None, progress: Mutex::new(progress) }
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
    pub(crate) fn state(&self) -> Option<MutexGuard<'_, Payload>> {
        Some(self.state.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Counts one more chunk and returns its position.
    pub(super) fn add_chunk(&self) -> u64 {
        let mut progress = self.lock();
        progress.submitted += 1;
        progress.submitted - 1
    }

    /// Adds what came of chunk `number`. The completions that it returns are for when no lock is
    /// held.
    pub(super) fn add_outcome(&self, number: u64, outcome: Outcome) -> Completions {
        let mut progress = self.lock();
        progress.finished += 1;
        if let Some(remote) = &self.remote {
            remote.add(number, outcome);
            return Completions::default();
        }
        let only = progress.sealed && progress.submitted == 1;
        progress.results.add(number, outcome, only);
        progress.completions()
    }

    /// Records that all chunks have been submitted.
    pub(super) fn seal(&self) -> Completions {
        let mut progress = self.lock();
        progress.sealed = true;
        progress.completions()
    }

    /// Returns `true` once all outcomes have arrived.
    pub(crate) fn is_done(&self) -> bool {
        self.lock().is_done()
    }

    /// Returns `true` if none of the outcomes not yet taken has an error in it.
    pub(crate) fn all_well(&self) -> bool {
        self.lock().results.iter().all(|outcome| outcome.failures() == 0)
    }

    /// Returns `true` if the next outcome has arrived.
    pub(crate) fn has_next(&self) -> bool {
        self.lock().results.has_next()
    }

    /// Takes the next outcome, if it has arrived.
    pub(crate) fn take_next(&self) -> Option<Outcome> {
        self.lock().results.take_next()
    }

    /// Marks what is left as unwanted. Returns `true` if there was anything.
    pub(super) fn abandon(&self) -> bool {
        let mut progress = self.lock();
        progress.abandoned = true;
        progress.finished < progress.submitted
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Wakes `waker` when the job is done. Returns `false` if it is done already.
    pub(super) fn wake_when_done(&self, waker: &Waker) -> bool {
        let mut progress = self.lock();
        if progress.is_done() {
            return false;
        }
        if !progress.wakers.iter().any(|known| known.will_wake(waker)) {
            progress.wakers.push(waker.clone());
        }
        true
    }

    /// Removes `waker` from those that are woken.
    pub(crate) fn forget_waker(&self, waker: &Waker) {
        self.lock().wakers.retain(|known| !known.will_wake(waker));
    }

    /// Returns `true` if a task was cancelled whose outcome was not taken yet.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.lock().results.iter().any(|outcome| outcome.cancelled() > 0)
    }

    /// Returns `true` if an outcome has arrived already.
    pub(super) fn has_progressed(&self) -> bool {
        self.lock().finished > 0
    }

    /// Runs `run` when the job is done. Returns it if the job is done already.
    pub(super) fn run_when_done(&self, run: WhenDone) -> Option<WhenDone> {
        let mut progress = self.lock();
        if progress.is_done() {
            return Some(run);
        }
        progress.when_done.push(run);
        None
    }
}

impl Progress {
    fn is_done(&self) -> bool {
        self.sealed && self.finished == self.submitted
    }

    /// Takes what is to be woken and run, if the job is done.
    fn completions(&mut self) -> Completions {
        if !self.is_done() {
            return Completions::default();
        }
        Completions { wakers: std::mem::take(&mut self.wakers), when_done: std::mem::take(&mut self.when_done) }
    }
}

/// What is to be woken and run because a job is done.
#[derive(Default)]
pub(super) struct Completions {
    pub(super) wakers: Vec<Waker>,
    pub(super) when_done: Vec<WhenDone>,
}
