//! Results as an iterator.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::foreign;
use crate::threads::job::Job;

/// Has items run as a chunk of the job.
type Feed<R, Item> = Box<dyn FnMut(&Arc<Job<R>>, Vec<Item>) + Send>;

/// The results of [`ThreadPool::imap`](crate::ThreadPool::imap) and
/// [`ThreadPool::imap_unordered`](crate::ThreadPool::imap_unordered), one by one.
///
/// An item that failed is an `Err` in its place; the iteration goes on after it.
#[must_use = "items are taken from their source only as results are taken from the iterator"]
pub struct ThreadImap<I: Iterator, R> {
    job: Arc<Job<R>>,
    feed: Feed<R, I::Item>,
    /// `None` once it has run dry.
    source: Option<I>,
    chunksize: usize,
    window: usize,
    /// Items taken from the source and not yet returned.
    under_way: usize,
    /// Results that have come.
    ready: VecDeque<Result<R>>,
    /// It has said that it belongs to another process.
    over: bool,
}

impl<I: Iterator, R> ThreadImap<I, R> {
    pub(super) fn new(
        job: Arc<Job<R>>,
        feed: Feed<R, I::Item>,
        source: I,
        chunksize: usize,
        window: usize,
        workers: usize,
    ) -> Self {
        let source = Some(source);
        let mut this = Self { job, feed, source, chunksize, window, under_way: 0, ready: VecDeque::new(), over: false };
        // Something to do for every thread; the rest of the window is filled when the first result is asked
        // for.
        for _ in 0..workers {
            this.pull();
        }
        this
    }

    /// Takes a chunk from the source, if the window allows. Says whether it did.
    fn pull(&mut self) -> bool {
        let Some(source) = &mut self.source else { return false };
        if self.job.crew().check().is_err() || self.under_way.saturating_add(self.chunksize) > self.window {
            return false;
        }
        let mut items = Vec::new();
        let taken = catch_unwind(AssertUnwindSafe(|| items.extend(source.take(self.chunksize))));
        // Once it takes no more, the pool says so once, in the place of all that is left of the source.
        let open = self.job.crew().is_open();
        if !open {
            items.truncate(1);
        }
        self.under_way += items.len();
        let dry = items.len() < self.chunksize || !open || taken.is_err();
        if !items.is_empty() {
            (self.feed)(&self.job, items);
        }
        if dry {
            self.job.seal();
            let source = self.source.take();
            foreign::run_or_forget(|| drop(source));
        }
        taken.unwrap_or_else(|panic| resume_unwind(panic));
        !dry
    }

    /// The next result, waiting no longer than `patience`: `Err` with [`Error::TimedOut`] (without
    /// a pid) if it is not there by then, in which case it can be asked for again; `None` at
    /// the end. Python's counterpart is `IMapIterator.next(timeout)`.
    pub fn next_timeout(&mut self, patience: Duration) -> Option<Result<R>> {
        match self.advance(Instant::now().checked_add(patience)) {
            Some(next) => next,
            None => Some(Err(Error::TimedOut { after: patience, pid: None })),
        }
    }

    /// The next result or the end; `None` if the deadline came first.
    fn advance(&mut self, deadline: Option<Instant>) -> Option<Option<Result<R>>> {
        loop {
            if let Err(error) = self.job.crew().check() {
                // One error, and the end.
                let over = std::mem::replace(&mut self.over, true);
                return Some((!over).then_some(Err(error)));
            }
            if let Some(result) = self.ready.pop_front() {
                self.under_way = self.under_way.saturating_sub(1);
                return Some(Some(result));
            }
            // A slow source must not hold back a result that is there.
            while self.pull() && self.job.crew().check().is_ok() && !self.job.has_next() {}
            if self.job.crew().check().is_err() {
                continue;
            }
            match self.job.take_next() {
                Some(results) => self.ready.extend(results),
                None if self.job.is_done() => return Some(None),
                None => {
                    if !self.job.wait_next(deadline) {
                        return None;
                    }
                }
            }
        }
    }
}

impl<I: Iterator, R> Iterator for ThreadImap<I, R> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        self.advance(None).flatten()
    }
}

impl<I: Iterator, R> Drop for ThreadImap<I, R> {
    fn drop(&mut self) {
        if self.job.crew().check().is_ok() {
            self.job.cancel();
        }
    }
}

impl<I: Iterator, R> fmt::Debug for ThreadImap<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadImap")
            .field("chunksize", &self.chunksize)
            .field("window", &self.window)
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}
