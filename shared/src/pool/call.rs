//! One call of a pool of processes: its tasks on the engine.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use crate::codec;
use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::executor::backend::{Backend, Call, LazyCall, MIN_WINDOW};
use crate::future::{AsyncResult, Gathered, take_one};
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
    types: PhantomData<fn(Args) -> R>,
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

    fn begin<F, Args>(&self, f: F, ordered: bool) -> Result<Self::Call<F, Args>>
    where
        F: Task<Args>,
        Args: Arguments,
    {
        self.engine.check()?;
        let job = self.engine.job(f.prepare()?, ordered);
        Ok(ProcessCall { engine: self.engine.clone(), job, types: PhantomData })
    }

    fn wake_when_over(&self, waker: &Waker) -> bool {
        self.engine.wake_when_over(waker)
    }

    fn failed<R: Send + 'static>(&self, error: Error) -> AsyncResult<R> {
        AsyncResult::failed(&self.engine, error)
    }
}

impl<Args: Arguments, R: ReturnValue> Call<Args, R> for ProcessCall<Args, R> {
    fn submit_one(&self, args: Args) {
        submit_one(&self.engine, &self.job, args);
    }

    fn submit_all(&self, items: impl Iterator<Item = Args>, chunksize: usize) {
        Feeder::new(&self.engine, &self.job, chunksize).add_all(items);
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
        loop {
            // The items' own code may have forked.
            self.engine.check()?;
            // Asked before the results are taken: those that come in between are of the next round.
            let done = self.job.is_done();
            gathered.take(&self.job);
            if done {
                break;
            }
            // What has come is decoded while it is in the caches, and its memory used again.
            self.engine.wait_next(&self.job, None);
        }
        self.engine.forget(&self.job);
        gathered.into_result()
    }

    fn into_one(self) -> AsyncResult<R> {
        self.engine.supervise(false);
        AsyncResult::one(self.engine, self.job)
    }

    fn into_all(self) -> AsyncResult<Vec<R>> {
        self.engine.supervise(false);
        AsyncResult::all(self.engine, self.job)
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
        let mut feeder = Feeder::new(&self.engine, &self.job, chunksize);
        let dry = feeder.add(items, chunksize);
        feeder.flush();
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

    fn take_next(&self, results: &mut VecDeque<Result<R>>) -> bool {
        let Some(mut outcome) = self.job.take_next() else { return false };
        while let Some(source) = outcome.next(self.job.max_message) {
            results.push_back(source.and_then(codec::decode_guarded));
        }
        true
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
}
