//! How far a call is.

use std::task::Waker;

use crate::progress::WhenDone;
use crate::progress::result_order::ResultOrder;

/// The state of one call, whose chunks have results of type `T`: how many have come, in which order
/// they are taken, and what waits for the end. Its owner keeps it under a lock.
pub(crate) struct CallProgress<T> {
    submitted: u64,
    finished: u64,
    /// No more chunks will be submitted.
    sealed: bool,
    results: ResultOrder<T>,
    wakers: Vec<Waker>,
    when_done: Vec<WhenDone>,
}

/// What the end of a call wakes and runs, once no lock is held.
#[derive(Default)]
pub(crate) struct Completions {
    pub(crate) wakers: Vec<Waker>,
    pub(crate) when_done: Vec<WhenDone>,
}

impl<T> CallProgress<T> {
    /// Returns that of a call without chunks. `ordered` keeps results in order of submission, else
    /// they are taken in order of arrival.
    pub(crate) fn new(ordered: bool) -> Self {
        let results = ResultOrder::new(ordered);
        Self { submitted: 0, finished: 0, sealed: false, results, wakers: Vec::new(), when_done: Vec::new() }
    }

    /// Counts one more chunk. Returns its number in the call.
    #[inline]
    pub(crate) fn add_chunk(&mut self) -> u64 {
        self.submitted += 1;
        self.submitted - 1
    }

    /// Counts a chunk whose result is kept elsewhere as finished.
    pub(crate) fn finish_elsewhere(&mut self) {
        self.finished += 1;
        debug_assert!(self.finished <= self.submitted, "a chunk ends once");
    }

    /// Keeps the result of chunk `number`.
    #[inline]
    pub(crate) fn finish(&mut self, number: u64, result: T) {
        self.finished += 1;
        debug_assert!(self.finished <= self.submitted, "a chunk ends once");
        let only = self.sealed && self.submitted == 1;
        self.results.add(number, result, only);
    }

    /// Declares that all chunks have been submitted.
    pub(crate) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Returns whether all results have come, and no more chunks will.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.sealed && !self.is_behind()
    }

    /// Returns whether results of chunks so far are still to come.
    #[inline]
    pub(crate) fn is_behind(&self) -> bool {
        self.finished < self.submitted
    }

    /// Returns whether any result has come.
    pub(crate) fn has_progressed(&self) -> bool {
        self.finished > 0
    }

    /// Returns the number of chunks so far.
    pub(crate) fn submitted(&self) -> u64 {
        self.submitted
    }

    /// Returns whether the next result is there.
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        self.results.has_next()
    }

    /// Takes the next result, if it is there.
    #[inline]
    pub(crate) fn take_next(&mut self) -> Option<T> {
        self.results.take_next()
    }

    /// Iterates over the results that have come and were not taken.
    pub(crate) fn results(&self) -> impl Iterator<Item = &T> {
        self.results.iter()
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
    #[inline]
    pub(crate) fn take_completions(&mut self) -> Completions {
        if !self.is_done() {
            return Completions::default();
        }
        Completions { wakers: std::mem::take(&mut self.wakers), when_done: std::mem::take(&mut self.when_done) }
    }
}
