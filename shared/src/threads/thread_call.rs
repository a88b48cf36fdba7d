//! One call of a pool of threads: its tasks as chunks of a job.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::executor::backend::{Backend, Call, LazyCall};
use crate::executor::{CallOptions, ChunkSizes};
use crate::future::AsyncResult;
use crate::task::{Arguments, Task};
use crate::threads::ThreadPool;
use crate::threads::chunk::Chunk;
use crate::threads::thread_job::{ThreadJob, ThreadResult, take_all, take_each, take_one};

/// Why a time limit is refused.
const NO_TIME_LIMIT: &str = "a thread cannot be stopped, so a task on a ThreadPool can have no time limit: use a Pool, or wait for \
     its result with get_timeout";

/// The tasks of one call of the function `F` with the arguments `Args`.
pub struct ThreadCall<F, Args, R> {
    job: Arc<ThreadJob<R>>,
    function: Arc<F>,
    arguments: PhantomData<fn(Args)>,
}

impl<F, Args, R: Send + 'static> ThreadCall<F, Args, R> {
    fn result<All: 'static>(self, take: fn(&ThreadJob<R>) -> Result<All>) -> AsyncResult<All> {
        let owner = self.job.pool().owner();
        AsyncResult::of(owner, Arc::new(ThreadResult { job: self.job, take }))
    }
}

impl<F, Args, R> ThreadCall<F, Args, R>
where
    F: Task<Args, Output = R>,
    Args: Arguments,
    R: Send + 'static,
{
    /// Submits `items` as one chunk.
    fn submit(&self, items: Vec<Args>) {
        if self.job.pool().check().is_ok() {
            let (job, function) = (self.job.clone(), self.function.clone());
            let index = job.add_chunk(items.len());
            self.job.pool().submit(Box::new(Chunk { job, function, index, items }));
        }
    }
}

impl Backend for ThreadPool {
    type Call<F, Args>
        = ThreadCall<F, Args, F::Output>
    where
        F: Task<Args>,
        Args: Arguments;

    fn check(&self) -> Result<()> {
        self.inner.check()
    }

    fn breadth(&self) -> usize {
        self.inner.wanted()
    }

    fn begin<F, Args>(&self, f: F, ordered: bool, options: CallOptions) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.inner.check()?;
        if options.timeout()?.is_some() || !options.grace(None)?.is_zero() {
            return Err(Error::Config(NO_TIME_LIMIT.into()));
        }
        let job = ThreadJob::new(self.inner.clone(), F::label(), ordered);
        Ok(ThreadCall { job, function: Arc::new(f), arguments: PhantomData })
    }

    fn wake_when_over(&self, waker: &Waker) -> bool {
        self.inner.wake_when_over(waker)
    }

    fn failed<R: Send + 'static>(&self, error: Error) -> AsyncResult<R> {
        let owner = self.inner.owner();
        if !owner.is_here() {
            return AsyncResult::foreign(owner);
        }
        let job = ThreadJob::new(self.inner.clone(), "", true);
        job.submit_failed(error);
        job.seal();
        AsyncResult::of(owner, Arc::new(ThreadResult { job, take: take_one }))
    }
}

impl<F, Args, R> Call<Args, R> for ThreadCall<F, Args, R>
where
    F: Task<Args, Output = R>,
    Args: Arguments,
    R: Send + 'static,
{
    fn submit_one(&self, args: Args) {
        self.submit(vec![args]);
        self.job.seal();
    }

    fn submit_all(&self, mut items: impl Iterator<Item = Args>, mut sizes: ChunkSizes) {
        while !self.submit_chunk(&mut items, sizes.size()) {
            sizes.take(sizes.size());
        }
        self.job.seal();
    }

    fn wait_one(self) -> Result<R> {
        self.job.wait_done(None);
        // The arguments' own code may have forked.
        self.job.pool().check()?;
        take_one(&self.job)
    }

    fn wait_all(self, _len: usize) -> Result<Vec<R>> {
        self.job.wait_done(None);
        // The items' own code may have forked.
        self.job.pool().check()?;
        take_all(&self.job)
    }

    fn wait_each(self, _len: usize) -> Result<Vec<Result<R>>> {
        self.job.wait_done(None);
        self.job.pool().check()?;
        take_each(&self.job)
    }

    fn into_one(self) -> AsyncResult<R> {
        self.result(take_one)
    }

    fn into_all(self) -> AsyncResult<Vec<R>> {
        self.result(take_all)
    }

    fn into_each(self) -> AsyncResult<Vec<Result<R>>> {
        self.result(take_each)
    }
}

impl<F, Args, R> LazyCall<Args, R> for ThreadCall<F, Args, R>
where
    F: Task<Args, Output = R>,
    Args: Arguments,
    R: Send + 'static,
{
    fn check(&self) -> Result<()> {
        self.job.pool().check()
    }

    fn refusal(&self) -> Option<Error> {
        self.job.pool().refusal()
    }

    fn submit_chunk(&self, items: &mut dyn Iterator<Item = Args>, chunksize: usize) -> bool {
        let mut chunk = Vec::new();
        let taken = catch_unwind(AssertUnwindSafe(|| chunk.extend(items.take(chunksize))));
        let dry = chunk.len() < chunksize;
        if !chunk.is_empty() {
            self.submit(chunk);
        }
        taken.unwrap_or_else(|panic| resume_unwind(panic));
        dry
    }

    fn submit_failed(&self, error: Error) {
        self.job.submit_failed(error);
    }

    fn seal(&self) {
        self.job.seal();
    }

    fn run_unattended(&self) {}

    fn has_next(&self) -> bool {
        self.job.has_next()
    }

    fn is_done(&self) -> bool {
        self.job.is_done()
    }

    fn take_next(&self, results: &mut VecDeque<Result<R>>) -> Option<usize> {
        let (first, next) = self.job.take_next_of()?;
        results.extend(next);
        Some(first)
    }

    fn wait_next(&self, deadline: Option<Instant>) -> bool {
        self.job.wait_next(deadline)
    }

    #[cfg(feature = "stream")]
    fn wake_at_next(&self, waker: &Waker) -> bool {
        self.job.wake_at_next(waker)
    }

    fn abandon(&self) {
        if self.job.pool().check().is_ok() {
            self.job.cancel();
        }
    }
}
