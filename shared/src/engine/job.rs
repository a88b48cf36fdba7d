//! A job: what one call of the pool has asked for, and what has come of it so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::engine::outcome::Outcome;
use crate::engine::remote::RemoteOutcomes;
use crate::fds::Payload;
use crate::progress::{CallProgress, Completions, WhenDone};
use crate::task::{Function, Prepared};

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
    call: CallProgress<Outcome>,
    /// What is still to be done is not wanted any more.
    abandoned: bool,
}

impl Job {
    pub(super) fn new(id: u64, prepared: Prepared, ordered: bool, cap: u64) -> Self {
        let progress = Progress { call: CallProgress::new(ordered), abandoned: false };
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
    #[inline]
    pub(crate) fn state(&self) -> Option<MutexGuard<'_, Payload>> {
        Some(self.state.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Counts one more chunk and returns its position.
    #[inline]
    pub(super) fn add_chunk(&self) -> u64 {
        self.lock().call.add_chunk()
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
        self.lock().call.take_next()
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

    /// Removes `waker` from those that are woken.
    pub(crate) fn forget_waker(&self, waker: &Waker) {
        self.lock().call.forget_waker(waker);
    }

    /// Returns `true` if a task was cancelled whose outcome was not taken yet.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.lock().call.results().any(|outcome| outcome.cancelled() > 0)
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
