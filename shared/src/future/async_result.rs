//! A result that will be there later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::future::called::Called;
use crate::future::decode::{first_error, take_all, take_one};
use crate::future::elsewhere::Elsewhere;
use crate::future::engine::ByEngine;
use crate::future::{FutureState, Later};
use crate::sys::pid::Owner;
use crate::task::Prepared;

/// The result of a call that does not block: of one task, or of a whole map.
///
/// Dropping it lets the task go on; [`cancel`](AsyncResult::cancel) stops it. It is also a
/// [`Future`], for any runtime.
///
/// It belongs to the process of its pool. In a copy of that process it is ready, and its result is
/// [`Error::ForeignProcess`].
///
/// Python's counterpart is `multiprocessing.pool.AsyncResult`.
///
/// ```
/// # fn main() -> multiproc::Result<()> {
/// let pool = multiproc::Pool::with_processes(2)?;
/// let later = pool.map_async(|n: u32| n + 1, 0..3u32);
/// assert_eq!(pollster::block_on(later)?, [1, 2, 3]);
/// # Ok(()) }
/// ```
#[must_use = "the task runs anyway, but its result and its errors are lost"]
pub struct AsyncResult<R> {
    source: Source<R>,
    /// Made when a callback is registered.
    called: Option<Arc<Called<R>>>,
    taken: bool,
}

/// Where the result comes from.
struct Source<R> {
    /// The process that it belongs to, and what it is in all others.
    elsewhere: Elsewhere,
    runner: Runner<R>,
}

/// Who runs the task. Of processes it is known without looking it up, so that a call costs no
/// allocation for that.
enum Runner<R> {
    Processes(ByEngine<R>),
    Threads(Arc<dyn Later<R>>),
    /// Nobody: the call was made elsewhere than where its pool is.
    Nobody,
}

impl<R> Source<R> {
    fn later(&self) -> &dyn Later<R> {
        match &self.runner {
            _ if !self.elsewhere.0.is_here() => &self.elsewhere,
            Runner::Processes(job) => job,
            Runner::Threads(job) => &**job,
            Runner::Nobody => &self.elsewhere,
        }
    }
}

impl<R> Clone for Source<R> {
    fn clone(&self) -> Self {
        let runner = match &self.runner {
            Runner::Processes(job) => Runner::Processes(job.clone()),
            Runner::Threads(job) => Runner::Threads(job.clone()),
            Runner::Nobody => Runner::Nobody,
        };
        Self { elsewhere: self.elsewhere, runner }
    }
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

impl<R> AsyncResult<R> {
    /// The result of a job of the engine, to be taken by `take` once it is done.
    pub(crate) fn by_engine(engine: Arc<Engine>, job: Arc<Job>, take: fn(&Job) -> Result<R>) -> Self {
        let owner = engine.owner();
        Self::from_runner(owner, Runner::Processes(ByEngine { engine, job, take }))
    }

    /// The result of something that runs in process `owner`.
    pub(crate) fn of(owner: Owner, job: Arc<dyn Later<R>>) -> Self {
        Self::from_runner(owner, Runner::Threads(job))
    }

    /// The result of a call to what belongs to another process.
    pub(crate) fn elsewhere(owner: Owner) -> Self {
        Self::from_runner(owner, Runner::Nobody)
    }

    fn from_runner(owner: Owner, runner: Runner<R>) -> Self {
        Self { source: Source { elsewhere: Elsewhere(owner), runner }, called: None, taken: false }
    }

    /// A result that is an error from the start.
    pub(crate) fn failed(engine: &Arc<Engine>, error: Error) -> Self {
        if !engine.owner().is_here() {
            return Self::elsewhere(engine.owner());
        }
        let job = engine.job(Prepared::nothing(), true);
        engine.submit_failed(&job, error, true);
        Self::by_engine(engine.clone(), job, |job| Err(first_error(job).unwrap_or(Error::Cancelled)))
    }

    fn later(&self) -> &dyn Later<R> {
        self.source.later()
    }

    /// Waits for the result.
    ///
    /// # Errors
    /// What became of the task (of the first task, in order, that failed): see [`Error`].
    pub fn get(mut self) -> Result<R> {
        self.wait();
        self.take_result()
    }

    /// Waits for the result, but not longer than `patience`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the result is not there by then: the task goes on, and the result can
    /// be asked for again. Else as [`get`](AsyncResult::get). A result can be taken once.
    pub fn get_timeout(&mut self, patience: Duration) -> Result<R> {
        if self.wait_timeout(patience) {
            return self.take_result();
        }
        Err(Error::TimedOut { after: patience, pid: None })
    }

    /// Waits until the task has ended, well or not.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until the task has ended, but not longer than `patience`. Says whether it has.
    pub fn wait_timeout(&self, patience: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(patience))
    }

    /// Whether the task has ended, well or not, and its callbacks have run.
    pub fn ready(&self) -> bool {
        self.later().is_done() && self.settled()
    }

    /// Whether the task ended well.
    ///
    /// # Errors
    /// [`Error::InvalidState`] while it has not ended: ask [`ready`](AsyncResult::ready) first, or wait.
    pub fn successful(&self) -> Result<bool> {
        if !self.ready() {
            return Err(Error::InvalidState("the task has not ended yet: wait for it, or ask ready() first".into()));
        }
        Ok(self.ask(Result::is_ok).unwrap_or_else(|| self.later().all_well()))
    }

    /// How far the task is. Once the result was taken it is [`FutureState::Done`], whatever it was.
    ///
    /// ```
    /// use multiproc::{FutureState, Pool};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(1)?;
    /// let later = pool.apply_async(|n: u32| n + 1, (1,));
    /// later.wait();
    /// assert_eq!(later.state(), FutureState::Done);
    /// # Ok(()) }
    /// ```
    pub fn state(&self) -> FutureState {
        match self.later().state() {
            _ if self.taken => FutureState::Done,
            FutureState::Done | FutureState::Cancelled if !self.settled() => FutureState::Running,
            FutureState::Done if self.ask(|result| matches!(result, Err(Error::Cancelled))) == Some(true) => {
                FutureState::Cancelled
            }
            state => state,
        }
    }

    /// Stops the task: if it has not begun, it never will; if it runs in a process, its worker is
    /// killed and replaced. A thread cannot be stopped: what it has begun goes on. Other tasks
    /// are not touched. Says whether there was anything to stop. The result is
    /// [`Error::Cancelled`] then, unless the task ended in the last moment.
    ///
    /// Python's counterpart is `Future.cancel`, which stops no task that runs.
    pub fn cancel(&self) -> bool {
        self.later().cancel()
    }

    /// Wakes `waker` when the result is ready; `false` if it is.
    pub(super) fn wake_when_ready(&self, waker: &Waker) -> bool {
        self.later().wake_when_done(waker) || self.called().is_some_and(|called| called.wake_when_settled(waker))
    }

    pub(super) fn forget_waker(&self, waker: &Waker) {
        self.later().forget_waker(waker);
        if let Some(called) = self.called() {
            called.forget_waker(waker);
        }
    }

    /// The callbacks that were registered in this process.
    fn called(&self) -> Option<&Arc<Called<R>>> {
        self.called.as_ref().filter(|called| called.owner().is_here())
    }

    /// Asks about the result, if a callback has seen it.
    fn ask<A>(&self, question: impl FnOnce(&Result<R>) -> A) -> Option<A> {
        self.called()?.ask(question)
    }

    fn settled(&self) -> bool {
        self.called().is_none_or(|called| called.is_settled())
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.later().wait_done(deadline) && (self.settled() || self.later().wait_for(deadline, &|| self.settled()))
    }

    pub(super) fn take_result(&mut self) -> Result<R> {
        if std::mem::replace(&mut self.taken, true) {
            return Err(Error::InvalidState("the result has been taken already".into()));
        }
        let kept = self.called().and_then(|called| called.take());
        kept.unwrap_or_else(|| self.later().take())
    }
}

impl<R: Send + 'static> AsyncResult<R> {
    /// Has `f` called with the result, if the task ends well, on the pool's callback thread.
    ///
    /// Callbacks of all tasks run on that one thread, one after the other: keep them short. A
    /// callback that panics makes this result an [`Error::Panicked`], and nothing else.
    /// [`get`](AsyncResult::get) waits until the callback has run.
    ///
    /// Python's counterpart is the argument `callback`.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let (sender, results) = std::sync::mpsc::channel();
    /// let pool = multiproc::Pool::with_processes(1)?;
    /// let later = pool.apply_async(|| 42u32, ()).callback(move |value| sender.send(*value).unwrap());
    /// assert_eq!(results.recv(), Ok(42));
    /// assert_eq!(later.get()?, 42);
    /// # Ok(()) }
    /// ```
    pub fn callback(self, f: impl FnOnce(&R) + Send + 'static) -> Self {
        self.done_callback(move |result| {
            if let Ok(value) = result {
                f(value)
            }
        })
    }

    /// Has `f` called with the error, if the task fails; for a map, with that of the first task, in
    /// order, that failed, once all have ended. Else as [`callback`](AsyncResult::callback).
    /// Python's counterpart is the argument `error_callback`.
    pub fn error_callback(self, f: impl FnOnce(&Error) + Send + 'static) -> Self {
        self.done_callback(move |result| {
            if let Err(error) = result {
                f(error)
            }
        })
    }

    /// Has `f` called with the result, whatever it is. Else as [`callback`](AsyncResult::callback).
    /// Python's counterpart is `Future.add_done_callback`.
    pub fn done_callback(mut self, f: impl FnOnce(&Result<R>) + Send + 'static) -> Self {
        if self.called().is_none() {
            self.called = None;
        }
        let called = self.called.get_or_insert_with(|| Arc::new(Called::new()));
        called.expect_one_more();
        let (called, source) = (called.clone(), self.source.clone());
        self.later().run_when_done(Box::new(move || called.call(source.later(), f)));
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
