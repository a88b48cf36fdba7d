//! The handle of a call that does not block.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::future::callback::CalledBack;
use crate::future::gather::{add_each, first_error, take_all, take_one};
use crate::future::source::Source;
use crate::future::{FutureState, PendingResult};
use crate::sys::pid::Owner;
use crate::task::Prepared;

/// The result of a call that does not block: of one task, or of a whole map.
///
/// Dropping it lets the task go on; [`cancel`](AsyncResult::cancel) stops it, and
/// [`cancel_on_drop`](AsyncResult::cancel_on_drop) has the drop do so. It is also a [`Future`], for
/// any runtime.
///
/// It belongs to the process of its pool. In a copy of that process it is ready, and its result is
/// [`Error::ForeignProcess`].
///
/// ```
/// use multiproc::{Executor, Pool};
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(2)?;
/// let later = pool.map_async(|n: u32| n + 1, 0..3u32);
/// assert_eq!(pollster::block_on(later)?, [1, 2, 3]);
/// # Ok(()) }
/// ```
///
/// Python's counterpart: `multiprocessing.pool.AsyncResult`.
#[must_use = "its result and its errors are lost, and so is the task if the pool ends first"]
#[doc(alias("ApplyResult", "MapResult", "Future"))]
pub struct AsyncResult<R> {
    source: Source<R>,
    /// Made when a callback is registered.
    callbacks: Option<Arc<CalledBack<R>>>,
    taken: bool,
}

impl<R: DeserializeOwned + 'static> AsyncResult<R> {
    pub(crate) fn one(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        Self::by_engine(engine, job, take_one)
    }
}

impl<R: DeserializeOwned + 'static> AsyncResult<Vec<R>> {
    pub(crate) fn all(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        Self::by_engine(engine, job, |job| take_all(job, 0))
    }
}

impl<R: DeserializeOwned + 'static> AsyncResult<Vec<Result<R>>> {
    pub(crate) fn each(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        Self::by_engine(engine, job, |job| {
            let mut results = Vec::new();
            add_each(job, &mut results);
            Ok(results)
        })
    }
}

impl<R> AsyncResult<R> {
    /// Returns the handle of a job of the engine, whose result `take` takes once it is done.
    fn by_engine(engine: Arc<Engine>, job: Arc<Job>, take: fn(&Job) -> Result<R>) -> Self {
        Self::from_source(Source::engine(engine, job, take))
    }

    /// Returns the handle of a result that belongs to the process `owner`.
    pub(crate) fn of(owner: Owner, job: Arc<dyn PendingResult<R>>) -> Self {
        Self::from_source(Source::threads(owner, job))
    }

    /// Returns the handle of a call to what belongs to another process.
    pub(crate) fn foreign(owner: Owner) -> Self {
        Self::from_source(Source::foreign(owner))
    }

    fn from_source(source: Source<R>) -> Self {
        Self { source, callbacks: None, taken: false }
    }

    /// Returns a handle whose result is an error from the start.
    pub(crate) fn failed(engine: &Arc<Engine>, error: Error) -> Self {
        if !engine.owner().is_here() {
            return Self::foreign(engine.owner());
        }
        let job = engine.job(Prepared::nothing(), true);
        engine.submit_failed(&job, error, true);
        Self::by_engine(engine.clone(), job, |job| Err(first_error(job).unwrap_or(Error::Cancelled)))
    }

    fn pending(&self) -> &dyn PendingResult<R> {
        self.source.pending()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// What became of the task (of the first task, in order, that failed): see [`Error`].
    #[doc(alias("result"))]
    pub fn get(mut self) -> Result<R> {
        self.wait();
        self.take_result()
    }

    /// Waits for the result, for at most `timeout`. A result can be taken once.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the result is not there by then: the task goes on, and the result can
    /// be asked for again. Else those of [`get`](AsyncResult::get).
    pub fn get_timeout(&mut self, timeout: Duration) -> Result<R> {
        if self.wait_timeout(timeout) {
            return self.take_result();
        }
        Err(Error::timed_out(timeout))
    }

    /// Waits until the task has ended, successfully or not.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until the task has ended, for at most `timeout`. Returns whether it has.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// Returns whether the task has ended, successfully or not, and its callbacks have run.
    #[must_use]
    #[doc(alias("done"))]
    pub fn ready(&self) -> bool {
        self.pending().is_done() && self.settled()
    }

    /// Returns whether the task ended successfully.
    ///
    /// # Errors
    /// [`Error::InvalidState`] while it has not ended: ask [`ready`](AsyncResult::ready) first, or
    /// wait.
    pub fn successful(&self) -> Result<bool> {
        if !self.ready() {
            return Err(Error::InvalidState("the task has not ended yet: wait for it, or ask ready() first".into()));
        }
        Ok(self.ask(Result::is_ok).unwrap_or_else(|| self.pending().all_well()))
    }

    /// Returns how far the task is. Once the result was taken it is [`FutureState::Done`], whatever
    /// it was.
    ///
    /// ```
    /// use multiproc::{Executor, FutureState, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let later = pool.apply_async(|n: u32| n + 1, (1,));
    /// later.wait();
    /// assert_eq!(later.state(), FutureState::Done);
    /// # Ok(()) }
    /// ```
    #[must_use]
    #[doc(alias("running", "cancelled"))]
    pub fn state(&self) -> FutureState {
        match self.pending().state() {
            _ if self.taken => FutureState::Done,
            FutureState::Done | FutureState::Cancelled if !self.settled() => FutureState::Running,
            FutureState::Done if self.ask(|result| matches!(result, Err(Error::Cancelled))) == Some(true) => {
                FutureState::Cancelled
            }
            state => state,
        }
    }

    /// Stops the task, and returns whether there was anything to stop. A task that has not begun
    /// never will. If it runs in a process, its worker is killed and replaced; a thread cannot be
    /// stopped, and finishes the task that it has begun. Other tasks are not touched. The result is
    /// [`Error::Cancelled`] then, unless the task ended at the last moment.
    ///
    /// Python's counterpart: `Future.cancel`, which does not stop a task that runs.
    pub fn cancel(&self) -> bool {
        self.pending().cancel()
    }

    /// Keeps `waker` until the result is ready. Returns `false` if it is.
    pub(crate) fn wake_when_ready(&self, waker: &Waker) -> bool {
        self.pending().wake_when_done(waker)
            || self.callbacks().is_some_and(|callbacks| callbacks.wake_when_settled(waker))
    }

    /// Drops `waker`.
    pub(crate) fn forget_waker(&self, waker: &Waker) {
        self.pending().forget_waker(waker);
        if let Some(callbacks) = self.callbacks() {
            callbacks.forget_waker(waker);
        }
    }

    /// Returns the callbacks that were registered in this process.
    fn callbacks(&self) -> Option<&Arc<CalledBack<R>>> {
        self.callbacks.as_ref().filter(|callbacks| callbacks.owner().is_here())
    }

    /// Answers a question about the result, if a callback has seen it.
    fn ask<A>(&self, question: impl FnOnce(&Result<R>) -> A) -> Option<A> {
        self.callbacks()?.ask(question)
    }

    fn settled(&self) -> bool {
        self.callbacks().is_none_or(|callbacks| callbacks.is_settled())
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.pending().wait_done(deadline) && (self.settled() || self.pending().wait_for(deadline, &|| self.settled()))
    }

    pub(super) fn take_result(&mut self) -> Result<R> {
        if std::mem::replace(&mut self.taken, true) {
            return Err(Error::InvalidState("the result has been taken already".into()));
        }
        let kept = self.callbacks().and_then(|callbacks| callbacks.take());
        kept.unwrap_or_else(|| self.pending().take())
    }
}

impl<R: Send + 'static> AsyncResult<R> {
    /// Calls `f` with the result, if the task succeeds, on the pool's callback thread.
    ///
    /// Callbacks of all tasks run on that one thread, one after the other: keep them short. A
    /// callback that panics makes this result an [`Error::Panicked`], and nothing else.
    /// [`get`](AsyncResult::get) waits until the callback has run.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let (sender, results) = std::sync::mpsc::channel();
    /// let pool = Pool::with_processes(1)?;
    /// let later = pool.apply_async(|| 42u32, ());
    /// let later = later.callback(move |value| sender.send(*value).unwrap());
    /// assert_eq!(results.recv(), Ok(42));
    /// assert_eq!(later.get()?, 42);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: the argument `callback`.
    pub fn callback(self, f: impl FnOnce(&R) + Send + 'static) -> Self {
        self.done_callback(move |result| {
            if let Ok(value) = result {
                f(value)
            }
        })
    }

    /// Calls `f` with the error, if the task fails; for a map, with that of the first task, in
    /// order, that failed, once all have ended. Else like [`callback`](AsyncResult::callback).
    ///
    /// Python's counterpart: the argument `error_callback`.
    pub fn error_callback(self, f: impl FnOnce(&Error) + Send + 'static) -> Self {
        self.done_callback(move |result| {
            if let Err(error) = result {
                f(error)
            }
        })
    }

    /// Calls `f` with the result, whatever it is. Else like [`callback`](AsyncResult::callback).
    ///
    /// Python's counterpart: `Future.add_done_callback`.
    #[doc(alias("add_done_callback"))]
    pub fn done_callback(mut self, f: impl FnOnce(&Result<R>) + Send + 'static) -> Self {
        if self.callbacks().is_none() {
            self.callbacks = None;
        }
        let callbacks = self.callbacks.get_or_insert_with(|| Arc::new(CalledBack::new()));
        callbacks.expect_one_more();
        let (callbacks, source) = (callbacks.clone(), self.source.clone());
        self.pending().run_when_done(Box::new(move || callbacks.call(source.pending(), f)));
        self
    }
}

impl<R> Future for AsyncResult<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        if self.wake_when_ready(context.waker()) {
            return Poll::Pending;
        }
        Poll::Ready(self.take_result())
    }
}

impl<R> fmt::Debug for AsyncResult<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncResult").field("ready", &self.ready()).finish()
    }
}
