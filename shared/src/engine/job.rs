//! A job: what one call of the pool has asked for, and what has come of it so far.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::engine::outcome::Outcome;
use crate::engine::relay::Relay;
use crate::fds::Payload;
use crate::task::{Function, Prepared};

/// Runs when the job is done, on the pool's callback thread.
pub(crate) type WhenDone = Box<dyn FnOnce() + Send>;

/// One call: `apply`, a map, a lazy map. Shared by the caller's handle and the job's chunks.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) function: Function,
    /// What the function is called, for people.
    pub(super) label: &'static str,
    /// The task's state, sent to a worker before its first chunk of this job, under the job's id.
    state: Option<Mutex<Payload>>,
    /// The cap on a result, in bytes.
    pub(crate) cap: u64,
    /// Whether outcomes are kept in order of submission, or in order of arrival.
    ordered: bool,
    /// Where outcomes go instead of to those who wait here.
    relay: Option<Arc<Relay>>,
    progress: Mutex<Progress>,
}

struct Progress {
    submitted: u64,
    finished: u64,
    /// No more chunks will be submitted.
    sealed: bool,
    /// Nobody wants what is still to be done.
    abandoned: bool,
    /// Outcomes not yet taken. In an ordered job the first is of chunk `taken`, and those not there
    /// are `None`.
    outcomes: VecDeque<Option<Outcome>>,
    taken: u64,
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
            outcomes: VecDeque::new(),
            taken: 0,
            wakers: Vec::new(),
            when_done: Vec::new(),
        };
        let Prepared { function, label, state } = prepared;
        Self {
            id,
            function,
            label,
            state: state.map(Mutex::new),
            cap,
            ordered,
            relay: None,
            progress: Mutex::new(progress),
        }
    }

    /// The job with its outcomes told to `relay`, under the numbers that the chunks came with.
    pub(super) fn relayed(self, relay: Arc<Relay>) -> Self {
        Self { relay: Some(relay), ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The task's state, if it has one.
    pub(crate) fn state(&self) -> Option<MutexGuard<'_, Payload>> {
        Some(self.state.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// Counts one more chunk; says its position.
    pub(super) fn add_chunk(&self) -> u64 {
        let mut progress = self.lock();
        progress.submitted += 1;
        progress.submitted - 1
    }

    /// Takes what has come of chunk `index`. What it returns must be dealt with once no lock is
    /// held.
    pub(super) fn finish(&self, index: u64, outcome: Outcome) -> Aftermath {
        let mut progress = self.lock();
        progress.finished += 1;
        if let Some(relay) = &self.relay {
            relay.add(index, outcome);
            return Aftermath::default();
        }
        if self.ordered {
            let at = (index - progress.taken) as usize;
            if progress.outcomes.len() <= at {
                if progress.sealed && progress.submitted == 1 {
                    // Of a million calls under way each has room for its own outcome, and no more.
                    progress.outcomes.reserve_exact(1);
                }
                progress.outcomes.resize_with(at + 1, || None);
            }
            progress.outcomes[at] = Some(outcome);
        } else {
            progress.outcomes.push_back(Some(outcome));
        }
        progress.aftermath()
    }

    /// Says that all chunks have been submitted.
    pub(super) fn seal(&self) -> Aftermath {
        let mut progress = self.lock();
        progress.sealed = true;
        progress.aftermath()
    }

    /// Whether everything has come.
    pub(crate) fn is_done(&self) -> bool {
        self.lock().is_done()
    }

    /// Whether none of the outcomes not yet taken has an error in it.
    pub(crate) fn all_well(&self) -> bool {
        self.lock().outcomes.iter().flatten().all(|outcome| outcome.failures == 0)
    }

    /// Whether the next outcome is there.
    pub(crate) fn has_next(&self) -> bool {
        matches!(self.lock().outcomes.front(), Some(Some(_)))
    }

    /// The next outcome, if it is there.
    pub(crate) fn take_next(&self) -> Option<Outcome> {
        let mut progress = self.lock();
        let next = progress.outcomes.front_mut()?.take()?;
        progress.outcomes.pop_front();
        progress.taken += 1;
        Some(next)
    }

    /// Marks what is left as unwanted; says whether anything was.
    pub(super) fn abandon(&self) -> bool {
        let mut progress = self.lock();
        progress.abandoned = true;
        progress.finished < progress.submitted
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Wakes `waker` when the job is done; `false` if it is done already.
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

    /// Wakes `waker` no more.
    pub(crate) fn forget_waker(&self, waker: &Waker) {
        self.lock().wakers.retain(|known| !known.will_wake(waker));
    }

    /// Whether a task was cancelled, as far as its outcome was not taken.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.lock().outcomes.iter().flatten().any(|outcome| outcome.cancelled() > 0)
    }

    /// Whether some of it has come already.
    pub(super) fn has_progressed(&self) -> bool {
        self.lock().finished > 0
    }

    /// Runs `run` when the job is done; hands it back if that is the case already.
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

    fn aftermath(&mut self) -> Aftermath {
        if !self.is_done() {
            return Aftermath::default();
        }
        Aftermath { wakers: std::mem::take(&mut self.wakers), when_done: std::mem::take(&mut self.when_done) }
    }
}

/// Whom the end of a job concerns.
#[derive(Default)]
pub(super) struct Aftermath {
    pub(super) wakers: Vec<Waker>,
    pub(super) when_done: Vec<WhenDone>,
}
