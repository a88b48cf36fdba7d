//! The pool's map calls with settings for one call.

use std::fmt;
use std::sync::Arc;

use crate::engine::Engine;
use crate::error::Result;
use crate::future::{AsyncResult, Gathered};
use crate::pool::Imap;
use crate::pool::feed::{Feeder, check_end, default_chunksize};
use crate::task::{Arguments, Task};

/// Items in the window of a lazy call, if the caller says nothing: enough to keep the workers busy
/// with short tasks. Where tasks travel further than to a worker of this process, each trip takes
/// some twenty times as long.
const LEAST_WINDOW: usize = 256;
const LEAST_FAR_WINDOW: usize = 4096;

/// A pool with a chunk size or a window for the calls made through it; made by
/// [`Pool::with_chunksize`](crate::Pool::with_chunksize) and
/// [`Pool::with_window`](crate::Pool::with_window).
///
/// Each call is documented at the pool's method of the same name.
#[derive(Clone, Copy)]
pub struct Batched<'p> {
    engine: &'p Arc<Engine>,
    chunksize: Option<usize>,
    window: Option<usize>,
}

impl<'p> Batched<'p> {
    pub(crate) fn new(engine: &'p Arc<Engine>) -> Self {
        Self { engine, chunksize: None, window: None }
    }

    /// Sets the number of tasks that travel together; 0 counts as 1.
    pub fn with_chunksize(self, chunksize: usize) -> Self {
        Self { chunksize: Some(chunksize.max(1)), ..self }
    }

    /// Sets how many items of a lazy call may be under way; 0 counts as 1. It is at least the chunk
    /// size.
    pub fn with_window(self, window: usize) -> Self {
        Self { window: Some(window.max(1)), ..self }
    }

    /// See [`Pool::map`](crate::Pool::map).
    pub fn map<F, I>(self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.starmap(f, items.into_iter().map(|item| (item,)))
    }

    /// See [`Pool::starmap`](crate::Pool::starmap).
    pub fn starmap<F, I>(self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        self.engine.check()?;
        let (engine, items) = (self.engine, items.into_iter());
        check_end(&items)?;
        let job = engine.job(f.prepare()?, true);
        let (items, len, chunksize) = self.plan(items);
        Feeder::new(engine, &job, chunksize).add_all(items);
        let mut gathered = Gathered::new(len);
        loop {
            // The items' own code may have forked.
            engine.check()?;
            // Asked before the results are taken: those that come in between are of the next round.
            let done = job.is_done();
            gathered.take(&job);
            if done {
                break;
            }
            // What has come is decoded while it is in the caches, and its memory used again.
            engine.wait_next(&job, None);
        }
        engine.forget(&job);
        gathered.into_result()
    }

    /// See [`Pool::map_async`](crate::Pool::map_async).
    pub fn map_async<F, I>(self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.starmap_async(f, items.into_iter().map(|item| (item,)))
    }

    /// See [`Pool::starmap_async`](crate::Pool::starmap_async).
    pub fn starmap_async<F, I>(self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments,
        F: Task<I::Item>,
    {
        let (engine, items) = (self.engine, items.into_iter());
        let job = match engine.check().and_then(|()| check_end(&items)).and_then(|()| f.prepare()) {
            Ok(prepared) => engine.job(prepared, true),
            Err(error) => return AsyncResult::failed(engine, error),
        };
        let (items, _, chunksize) = self.plan(items);
        Feeder::new(engine, &job, chunksize).add_all(items);
        engine.supervise(false);
        AsyncResult::all(engine.clone(), job)
    }

    /// See [`Pool::imap`](crate::Pool::imap).
    pub fn imap<F, I>(self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.lazy(f, items, true)
    }

    /// See [`Pool::imap_unordered`](crate::Pool::imap_unordered).
    pub fn imap_unordered<F, I>(self, f: F, items: I) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        self.lazy(f, items, false)
    }

    fn lazy<F, I>(self, f: F, items: I, ordered: bool) -> Imap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments,
        F: Task<(I::Item,)>,
    {
        let engine = self.engine.clone();
        let chunksize = self.chunksize.unwrap_or(1);
        let workers = engine.breadth();
        let least = if engine.is_outside() { LEAST_FAR_WINDOW } else { LEAST_WINDOW };
        let window = self.window.unwrap_or(chunksize.saturating_mul(4 * workers).max(least)).max(chunksize);
        let prepared = engine.check().and_then(|()| f.prepare());
        Imap::new(engine, prepared, items.into_iter(), ordered, chunksize, window, workers)
    }

    /// The items, how many they are, and the chunk size. Items that do not say how many they are
    /// get collected first, unless the chunk size is given.
    fn plan<I: IntoIterator>(self, items: I) -> (Source<I::IntoIter>, usize, usize) {
        let items = items.into_iter();
        let (least, most) = items.size_hint();
        if most == Some(least) || self.chunksize.is_some() {
            let chunksize = self.chunksize.unwrap_or_else(|| self.default_chunksize(least));
            return (Source::Direct(items), least, chunksize);
        }
        let items: Vec<_> = items.collect();
        let len = items.len();
        (Source::Collected(items.into_iter()), len, self.default_chunksize(len))
    }

    fn default_chunksize(self, len: usize) -> usize {
        default_chunksize(len, self.engine.breadth())
    }
}

impl fmt::Debug for Batched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batched")
            .field("chunksize", &self.chunksize)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// Items as they come, or collected to be counted.
enum Source<I: Iterator> {
    Direct(I),
    Collected(std::vec::IntoIter<I::Item>),
}

impl<I: Iterator> Iterator for Source<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        match self {
            Self::Direct(items) => items.next(),
            Self::Collected(items) => items.next(),
        }
    }
}
