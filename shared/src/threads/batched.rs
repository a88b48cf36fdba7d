//! The calls for several tasks, with settings for one call.

use std::sync::Arc;

use crate::error::Result;
use crate::future::AsyncResult;
use crate::pool::{check_end, default_chunksize};
use crate::task::{Arguments, Task};
use crate::threads::job::{ByThreads, Job, take_all};
use crate::threads::{ThreadImap, ThreadPool};

/// Items in the window of a lazy call, if the caller says nothing.
const LEAST_WINDOW: usize = 256;

/// A pool of threads with a chunk size or a window for the calls made through it; made by
/// [`ThreadPool::with_chunksize`] and [`ThreadPool::with_window`].
///
/// Each call is documented at the method of the same name of [`Pool`](crate::Pool).
#[derive(Debug, Clone, Copy)]
pub struct ThreadBatched<'p> {
    pool: &'p ThreadPool,
    chunksize: Option<usize>,
    window: Option<usize>,
}

impl<'p> ThreadBatched<'p> {
    pub(super) fn new(pool: &'p ThreadPool) -> Self {
        Self { pool, chunksize: None, window: None }
    }

    /// Sets the number of tasks that a thread takes at a time; 0 counts as 1.
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
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.starmap(f, items.into_iter().map(|item| (item,)))
    }

    /// See [`Pool::starmap`](crate::Pool::starmap).
    pub fn starmap<F, I>(self, f: F, items: I) -> Result<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments + Send,
        F: Task<I::Item> + Send + Sync,
        F::Output: Send,
    {
        self.pool.crew().check()?;
        let job = self.feed(f, items);
        job.wait_done(None);
        // The items' own code may have forked.
        self.pool.crew().check()?;
        take_all(&job)
    }

    /// See [`Pool::map_async`](crate::Pool::map_async).
    pub fn map_async<F, I>(self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.starmap_async(f, items.into_iter().map(|item| (item,)))
    }

    /// See [`Pool::starmap_async`](crate::Pool::starmap_async).
    pub fn starmap_async<F, I>(self, f: F, items: I) -> AsyncResult<Vec<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments + Send,
        F: Task<I::Item> + Send + Sync,
        F::Output: Send,
    {
        let crew = self.pool.crew();
        if crew.check().is_err() {
            return AsyncResult::elsewhere(crew.owner());
        }
        AsyncResult::of(crew.owner(), Arc::new(ByThreads { job: self.feed(f, items), take: take_all }))
    }

    /// See [`Pool::imap`](crate::Pool::imap).
    pub fn imap<F, I>(self, f: F, items: I) -> ThreadImap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.lazy(f, items, true)
    }

    /// See [`Pool::imap_unordered`](crate::Pool::imap_unordered).
    pub fn imap_unordered<F, I>(self, f: F, items: I) -> ThreadImap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        self.lazy(f, items, false)
    }

    fn lazy<F, I>(self, f: F, items: I, ordered: bool) -> ThreadImap<I::IntoIter, F::Output>
    where
        I: IntoIterator,
        (I::Item,): Arguments + Send,
        F: Task<(I::Item,)> + Send + Sync,
        F::Output: Send,
    {
        let crew = self.pool.crew();
        let (chunksize, workers) = (self.chunksize.unwrap_or(1), crew.wanted());
        let window = self.window.unwrap_or(chunksize.saturating_mul(4 * workers).max(LEAST_WINDOW)).max(chunksize);
        let (job, function) = (Job::new(crew.clone(), ordered), Arc::new(f));
        let feed = move |job: &Arc<Job<F::Output>>, items: Vec<I::Item>| {
            job.submit(&function, items.into_iter().map(|item| (item,)).collect());
        };
        ThreadImap::new(job, Box::new(feed), items.into_iter(), chunksize, window, workers)
    }

    /// Submits everything as one job.
    fn feed<F, I>(self, f: F, items: I) -> Arc<Job<F::Output>>
    where
        I: IntoIterator,
        I::Item: Arguments + Send,
        F: Task<I::Item> + Send + Sync,
        F::Output: Send,
    {
        let (job, function) = (Job::new(self.pool.crew().clone(), true), Arc::new(f));
        let mut items = items.into_iter();
        if let Err(error) = check_end(&items) {
            job.refuse(&function, items.next().into_iter().collect(), &error);
            job.seal();
            return job;
        }
        let (least, most) = items.size_hint();
        let workers = self.pool.crew().wanted().max(1);
        let submit = |items: &mut dyn Iterator<Item = I::Item>, chunksize: usize| {
            loop {
                let chunk: Vec<_> = items.take(chunksize).collect();
                if chunk.is_empty() {
                    break;
                }
                job.submit(&function, chunk);
            }
        };
        match self.chunksize {
            Some(chunksize) => submit(&mut items, chunksize),
            None if most == Some(least) => submit(&mut items, default_chunksize(least, workers)),
            None => {
                let items: Vec<_> = items.collect();
                let chunksize = default_chunksize(items.len(), workers);
                submit(&mut items.into_iter(), chunksize);
            }
        }
        job.seal();
        job
    }
}
