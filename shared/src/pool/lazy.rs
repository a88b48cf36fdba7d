//! Results as an iterator.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::codec;
use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::foreign;
use crate::pool::feed::Feeder;
use crate::task::{Arguments, Prepared};

/// The results of [`Pool::imap`](crate::Pool::imap) and
/// [`Pool::imap_unordered`](crate::Pool::imap_unordered), one by one.
///
/// An item that failed is an `Err` in its place; the iteration goes on after it.
#[must_use = "items are taken from their source only as results are taken from the iterator"]
pub struct Imap<I, R> {
    engine: Arc<Engine>,
    /// `None` if the call failed as a whole; then `decoded` holds the error.
    job: Option<Arc<Job>>,
    /// `None` once it has run dry.
    source: Option<I>,
    chunksize: usize,
    window: usize,
    /// Items taken from the source and not yet returned.
    under_way: usize,
    /// Results that have come.
    decoded: VecDeque<Result<R>>,
}

impl<I, R> Imap<I, R>
where
    I: Iterator,
    (I::Item,): Arguments,
    R: DeserializeOwned + 'static,
{
    pub(super) fn new(
        engine: Arc<Engine>,
        prepared: Result<Prepared>,
        source: I,
        ordered: bool,
        chunksize: usize,
        window: usize,
        workers: usize,
    ) -> Self {
        let (job, decoded) = match prepared {
            Ok(prepared) => (Some(engine.job(prepared, ordered)), VecDeque::new()),
            Err(error) => (None, VecDeque::from([Err(error)])),
        };
        let source = job.is_some().then_some(source);
        let mut this = Self { engine, job, source, chunksize, window, under_way: 0, decoded };
        // Something to do for every worker; the rest of the window is filled when the first result is asked
        // for.
        for _ in 0..workers {
            this.pull();
        }
        this.engine.supervise(false);
        this
    }

    /// Takes a chunk from the source, if the window allows. Says whether it did.
    fn pull(&mut self) -> bool {
        let (Some(job), Some(source)) = (&self.job, &mut self.source) else { return false };
        if self.under_way.saturating_add(self.chunksize) > self.window {
            return false;
        }
        if let Some(error) = self.engine.refusal() {
            // Once, in the place of all that is left of the source.
            self.under_way += 1;
            self.engine.submit_failed(job, error, true);
            drop_foreign(&mut self.source);
            return false;
        }
        let mut feeder = Feeder::new(&self.engine, job, self.chunksize);
        let under_way = &mut self.under_way;
        let mut items = source.map(|item| {
            *under_way += 1;
            (item,)
        });
        let added = catch_unwind(AssertUnwindSafe(|| feeder.add(&mut items, self.chunksize)));
        feeder.flush();
        if !matches!(added, Ok(false)) {
            // A source that has panicked is not asked again.
            self.engine.seal(job);
            drop_foreign(&mut self.source);
        }
        !added.unwrap_or_else(|panic| resume_unwind(panic))
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
        if self.job.is_some()
            && let Err(error) = self.engine.check()
        {
            // One error, and the end.
            (self.job, self.source, self.decoded) = (None, None, VecDeque::from([Err(error)]));
        }
        loop {
            if let Some(result) = self.decoded.pop_front() {
                self.under_way = self.under_way.saturating_sub(1);
                return Some(Some(result));
            }
            let Some(job) = self.job.clone() else { return Some(None) };
            // A slow source must not hold back a result that is there.
            while self.pull() && self.engine.check().is_ok() && !job.has_next() {}
            if self.engine.check().is_err() {
                return self.advance(deadline);
            }
            match job.take_next() {
                Some(mut outcome) => {
                    while let Some(source) = outcome.next(job.cap) {
                        self.decoded.push_back(source.and_then(codec::decode_guarded));
                    }
                }
                None if job.is_done() => return Some(None),
                None => {
                    if !self.engine.wait_next(&job, deadline) {
                        return None;
                    }
                }
            }
        }
    }
}

/// Drops a source, whose panic would be in the way of whoever waits for results.
fn drop_foreign<I>(source: &mut Option<I>) {
    let source = source.take();
    foreign::run_or_forget(|| drop(source));
}

impl<I, R> Iterator for Imap<I, R>
where
    I: Iterator,
    (I::Item,): Arguments,
    R: DeserializeOwned + 'static,
{
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        self.advance(None).flatten()
    }
}

impl<I, R> Drop for Imap<I, R> {
    fn drop(&mut self) {
        if let Some(job) = &self.job {
            self.engine.abandon(job);
            self.engine.forget(job);
        }
    }
}

impl<I, R> fmt::Debug for Imap<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap")
            .field("chunksize", &self.chunksize)
            .field("window", &self.window)
            .field("under_way", &self.under_way)
            .finish_non_exhaustive()
    }
}
