//! How far a call is: the results of its chunks, put in order as they come.

use std::collections::VecDeque;
use std::task::Waker;

use crate::engine::WhenDone;

/// The state of one call, whose chunks have outcomes of type `C`: a reorder buffer, and what waits
/// for the end. Its owner keeps it under a lock.
pub(crate) struct Progress<C> {
    /// Whether outcomes are kept in order of submission, or in order of arrival.
    ordered: bool,
    submitted: u64,
    finished: u64,
    /// No more chunks will be submitted.
    sealed: bool,
    /// Outcomes not yet taken. In an ordered call the first is of chunk `taken`, and those not
    /// there are `None`.
    outcomes: VecDeque<Option<C>>,
    taken: u64,
    wakers: Vec<Waker>,
    when_done: Vec<WhenDone>,
}

/// What the end of a call wakes and runs, once no lock is held.
#[derive(Default)]
pub(crate) struct Completions {
    pub(crate) wakers: Vec<Waker>,
    pub(crate) when_done: Vec<WhenDone>,
}

impl<C> Progress<C> {
    pub(crate) fn new(ordered: bool) -> Self {
        Self {
            ordered,
            submitted: 0,
            finished: 0,
            sealed: false,
            outcomes: VecDeque::new(),
            taken: 0,
            wakers: Vec::new(),
            when_done: Vec::new(),
        }
    }

    /// Counts one more chunk. Returns its position.
    pub(crate) fn add_chunk(&mut self) -> u64 {
        self.submitted += 1;
        self.submitted - 1
    }

    /// Counts a chunk whose outcome is kept elsewhere as finished.
    pub(crate) fn finish_without_outcome(&mut self) {
        self.finished += 1;
    }

    /// Keeps the outcome of chunk `index`.
    pub(crate) fn finish(&mut self, index: u64, outcome: C) {
        self.finished += 1;
        if !self.ordered {
            return self.outcomes.push_back(Some(outcome));
        }
        let at = (index - self.taken) as usize;
        if self.outcomes.len() <= at {
            if self.sealed && self.submitted == 1 {
                // Of a million calls under way each has room for its own outcome, and no more.
                self.outcomes.reserve_exact(1);
            }
            self.outcomes.resize_with(at + 1, || None);
        }
        self.outcomes[at] = Some(outcome);
    }

    /// Declares that all chunks have been submitted.
    pub(crate) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Returns whether all outcomes have come, and no more chunks will.
    pub(crate) fn is_done(&self) -> bool {
        self.sealed && self.is_up_to_date()
    }

    /// Returns whether the outcomes of all chunks so far have come.
    pub(crate) fn is_up_to_date(&self) -> bool {
        self.finished == self.submitted
    }

    /// Returns whether any outcome has come.
    pub(crate) fn has_progressed(&self) -> bool {
        self.finished > 0
    }

    /// Returns the number of chunks so far.
    pub(crate) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Returns whether the next outcome is there.
    pub(crate) fn has_next(&self) -> bool {
        matches!(self.outcomes.front(), Some(Some(_)))
    }

    /// Takes the next outcome, if it is there.
    pub(crate) fn take_next(&mut self) -> Option<C> {
        let next = self.outcomes.front_mut()?.take()?;
        self.outcomes.pop_front();
        self.taken += 1;
        Some(next)
    }

    /// Returns the outcomes that have come and were not taken.
    pub(crate) fn outcomes(&self) -> impl Iterator<Item = &C> {
        self.outcomes.iter().flatten()
    }

    /// Keeps `waker` until the call is done. Returns `false` if it is.
    pub(crate) fn wake_when_done(&mut self, waker: &Waker) -> bool {
        if self.is_done() {
            return false;
        }
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
        true
    }

    /// Drops `waker`.
    pub(crate) fn forget_waker(&mut self, waker: &Waker) {
        self.wakers.retain(|known| !known.will_wake(waker));
    }

    /// Keeps `run` until the call is done. Returns it if the call is done already.
    pub(crate) fn run_when_done(&mut self, run: WhenDone) -> Option<WhenDone> {
        if self.is_done() {
            return Some(run);
        }
        self.when_done.push(run);
        None
    }

    /// Takes what the end of the call wakes and runs, if it is done.
    pub(crate) fn take_completions(&mut self) -> Completions {
        if !self.is_done() {
            return Completions::default();
        }
        Completions { wakers: std::mem::take(&mut self.wakers), when_done: std::mem::take(&mut self.when_done) }
    }
}
