//! One call of a pool of processes: its tasks on the engine.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Instant;

use crate::codec;
use crate::engine::{Engine, Job, TaskLimits};
use crate::error::{Error, Result};
use crate::executor::backend::{Backend, Call, LazyCall, MIN_WINDOW};
use crate::executor::{CallOptions, ChunkSizes};
use crate::future::{AsyncResult, Gathered, add_each, take_one};
use crate::pool::Pool;
use crate::pool::feed::{Feeder, submit_one};
use crate::task::{Arguments, ReturnValue, Task};

/// The window of a lazy call whose tasks travel further than to a worker of this process, where
/// each trip takes some twenty times as long.
const MIN_REMOTE_WINDOW: usize = 4096;

/// The tasks of one call, with arguments `Args` and results `R`.
pub struct ProcessCall<Args, R> {
    engine: Arc<Engine>,
    job: Arc<Job>,
    sizes: Sizes,
    types: PhantomData<fn(Args) -> R>,
}

/// The bytes of a task of a lazy call, estimated by those that have passed.
#[derive(Default)]
struct Sizes {
    arguments: AtomicU64,
    /// Plus one; 0 until there is a result.
    result: AtomicU64,
}

impl Sizes {
    /// Records the bytes of a task: up at once, down slowly, as it is with most programs that the
    /// next are like those before.
    fn record(estimate: &AtomicU64, bytes: usize, tasks: usize) {
        let (bytes, before) = ((bytes / tasks.max(1)) as u64, estimate.load(Relaxed));
        estimate.store(if bytes > before { bytes } else { before - (before - bytes) / 4 }, Relaxed);
    }

    /// Returns the bytes of a task's arguments and result, if there was a result.
    fn task(&self) -> Option<u64> {
        let result = self.result.load(Relaxed).checked_sub(1)?;
        Some(result.saturating_add(self.arguments.load(Relaxed)))
    }
}

impl Backend for Pool {
    type Call<F, Args>
        = ProcessCall<Args, F::Output>
    where
        F: Task<Args>,
        Args: Arguments;

    fn check(&self) -> Result<()> {
        self.engine.check()
    }

    fn breadth(&self) -> usize {
        self.engine.breadth()
    }

    fn min_window(&self) -> usize {
        if self.engine.is_remote() { MIN_REMOTE_WINDOW } else { MIN_WINDOW }
    }

    fn begin<F, Args>(&self, f: F, ordered: bool, options: CallOptions) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.engine.check()?;
        let grace = options.grace(self.engine.config.task_timeout)?;
        let limits = TaskLimits::new(options.timeout()?, grace, options.retries());
        let job = self.engine.limited_job(f.prepare()?, ordered, limits);
        Ok(ProcessCall { engine: self.engine.clone(), job, sizes: Sizes::default(), types: PhantomData })
    }

    fn wake_when_over(&self, waker: &Waker) -> bool {
        self.engine.wake_when_over(waker)
    }

    fn failed<R: Send + 'static>(&self, error: Error) -> AsyncResult<R> {
        AsyncResult::failed(&self.engine, error)
    }
}

impl<Args, R> ProcessCall<Args, R> {
    /// Has `take` take the results as they come, until the end.
    fn take_all(&self, mut take: impl FnMut(&Job)) -> Result<()> {
        loop {
            // The items' own code may have forked.
            self.engine.check()?;
            // Asked before the results are taken: those that come in between are of the next round.
            let done = self.job.is_done();
            take(&self.job);
            if done {
                break;
            }
            // What has come is decoded while it is in the caches, and its memory used again.
            self.engine.wait_next(&self.job, None);
        }
        self.engine.forget(&self.job);
        Ok(())
    }
}

impl<Args: Arguments, R: ReturnValue> Call<Args, R> for ProcessCall<Args, R> {
    fn submit_one(&self, args: Args) {
        submit_one(&self.engine, &self.job, args);
    }

    fn submit_all(&self, items: impl Iterator<Item = Args>, sizes: ChunkSizes) {
        Feeder::new(&self.engine, &self.job, sizes).add_all(items);
    }

    fn wait_one(self) -> Result<R> {
        self.engine.wait_done(&self.job, None);
        // The arguments' own code may have forked.
        self.engine.check()?;
        let result = take_one(&self.job);
        self.engine.forget(&self.job);
        result
    }

    fn wait_all(self, len: usize) -> Result<Vec<R>> {
        let mut gathered = Gathered::new(len);
        self.take_all(|job| gathered.take(job))?;
        gathered.into_result()
    }

    fn wait_each(self, len: usize) -> Result<Vec<Result<R>>> {
        let mut results = Vec::with_capacity(len);
        self.take_all(|job| add_each(job, &mut results))?;
        Ok(results)
    }

    fn into_one(self) -> AsyncResult<R> {
        self.engine.supervise(false);
        AsyncResult::one(self.engine, self.job)
    }

    fn into_all(self) -> AsyncResult<Vec<R>> {
        self.engine.supervise(false);
        AsyncResult::all(self.engine, self.job)
    }

    fn into_each(self) -> AsyncResult<Vec<Result<R>>> {
        self.engine.supervise(false);
        AsyncResult::each(self.engine, self.job)
    }
}

impl<Args: Arguments, R: ReturnValue> LazyCall<Args, R> for ProcessCall<Args, R> {
    fn check(&self) -> Result<()> {
        self.engine.check()
    }

    fn refusal(&self) -> Option<Error> {
        self.engine.refusal()
    }

    fn submit_chunk(&self, items: &mut dyn Iterator<Item = Args>, chunksize: usize) -> bool {
        let mut feeder = Feeder::new(&self.engine, &self.job, ChunkSizes::equal(chunksize));
        let dry = feeder.add(items, chunksize);
        feeder.flush();
        Sizes::record(&self.sizes.arguments, feeder.bytes(), chunksize);
        dry
    }

    fn submit_failed(&self, error: Error) {
        self.engine.submit_failed(&self.job, error, false);
    }

    fn seal(&self) {
        self.engine.seal(&self.job);
    }

    fn run_unattended(&self) {
        self.engine.supervise(false);
    }

    fn has_next(&self) -> bool {
        self.job.has_next()
    }

    fn is_done(&self) -> bool {
        self.job.is_done()
    }

    fn take_next(&self, results: &mut VecDeque<Result<R>>) -> Option<usize> {
        let (first, mut outcome) = self.job.take_next_of()?;
        let (bytes, before) = (outcome.bytes(), results.len());
        while let Some(result) = outcome.next(self.job.max_message, codec::decode_guarded) {
            results.push_back(result);
        }
        let tasks = results.len() - before;
        Sizes::record(&self.sizes.result, bytes + tasks, tasks);
        Some(first)
    }

    fn wait_next(&self, deadline: Option<Instant>) -> bool {
        self.engine.wait_next(&self.job, deadline)
    }

    #[cfg(feature = "stream")]
    fn wake_at_next(&self, waker: &Waker) -> bool {
        self.engine.wake_at_next(&self.job, waker)
    }

    fn abandon(&self) {
        self.engine.abandon(&self.job);
        self.engine.forget(&self.job);
    }

    fn task_bytes(&self) -> Option<u64> {
        self.sizes.task()
    }
}
