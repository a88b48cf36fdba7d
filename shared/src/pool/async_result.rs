//! A result that will be there later.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::engine::{Engine, Job};
use crate::error::{Error, Result};
use crate::task::{Function, Prepared};
use crate::wire::{self, Source};

/// The result of a call that does not block: of one task, or of a whole map.
///
/// Dropping it lets the task go on; [`cancel`](AsyncResult::cancel) stops it. It is also a [`Future`], for any runtime.
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
    engine: Arc<Engine>,
    job: Arc<Job>,
    take: fn(&Job) -> Result<R>,
    /// Made when a callback is registered.
    called: Option<Arc<Called<R>>>,
    taken: bool,
}

/// A result that callbacks have seen or will see.
struct Called<R> {
    /// Callbacks that have not run yet.
    pending: AtomicUsize,
    state: Mutex<CallState<R>>,
}

struct CallState<R> {
    value: Option<Result<R>>,
    wakers: Vec<Waker>,
}

impl<R> Called<R> {
    fn lock(&self) -> MutexGuard<'_, CallState<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: DeserializeOwned + 'static> AsyncResult<R> {
    pub(super) fn one(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        Self { engine, job, take: take_one, called: None, taken: false }
    }
}

impl<R: DeserializeOwned + 'static> AsyncResult<Vec<R>> {
    pub(super) fn all(engine: Arc<Engine>, job: Arc<Job>) -> Self {
        Self { engine, job, take: |job| take_all(job, 0), called: None, taken: false }
    }
}

impl<R> AsyncResult<R> {
    /// A result that is an error from the start.
    pub(super) fn failed(engine: &Arc<Engine>, error: Error) -> Self {
        let job = engine.job(Prepared { function: Function(0), state: None }, true);
        engine.submit_failed(&job, error, true);
        let take = |job: &Job| Err(first_error(job).unwrap_or(Error::Cancelled));
        Self { engine: engine.clone(), job, take, called: None, taken: false }
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
    /// [`Error::TimedOut`] if the result is not there by then: the task goes on, and the result can be asked for again. Else as
    /// [`get`](AsyncResult::get). A result can be taken once.
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
        if !self.job.is_done() {
            self.engine.step();
        }
        self.job.is_done() && self.settled()
    }

    /// Whether the task ended well.
    ///
    /// # Errors
    /// [`Error::Config`] while it has not ended: ask [`ready`](AsyncResult::ready) first, or wait.
    pub fn successful(&self) -> Result<bool> {
        if !self.ready() {
            return Err(Error::Config("the task has not ended yet: wait for it, or ask ready() first".into()));
        }
        match self.called.as_ref().and_then(|called| called.lock().value.as_ref().map(Result::is_ok)) {
            Some(ok) => Ok(ok),
            None => Ok(self.job.all_well()),
        }
    }

    /// Stops the task: if it has not begun, it never will; if it runs, its worker is killed and replaced. Other tasks are
    /// not touched. Says whether there was anything to stop. The result is [`Error::Cancelled`] then, unless the task ended in the
    /// last moment. Beyond Python.
    pub fn cancel(&self) -> bool {
        self.engine.cancel(&self.job)
    }

    fn settled(&self) -> bool {
        self.called.as_ref().is_none_or(|called| called.pending.load(SeqCst) == 0)
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.engine.wait_done(&self.job, deadline)
            && (self.settled() || self.engine.wait_for(deadline, || self.settled()))
    }

    fn take_result(&mut self) -> Result<R> {
        if std::mem::replace(&mut self.taken, true) {
            return Err(Error::Config("the result has been taken already".into()));
        }
        self.engine.forget(&self.job);
        let kept = self.called.as_ref().and_then(|called| called.lock().value.take());
        kept.unwrap_or_else(|| (self.take)(&self.job))
    }
}

impl<R: Send + 'static> AsyncResult<R> {
    /// Has `f` called with the result, if the task ends well, on the pool's callback thread.
    ///
    /// Callbacks of all tasks run on that one thread, one after the other: keep them short. A callback that panics makes this
    /// result an [`Error::Panicked`], and nothing else. [`get`](AsyncResult::get) waits until the callback has run.
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
        self.call_when_done(move |result| {
            if let Ok(value) = result {
                f(value)
            }
        })
    }

    /// Has `f` called with the error, if the task fails; for a map, with that of the first task, in order, that failed, once all
    /// have ended. Else as [`callback`](AsyncResult::callback). Python's counterpart is the argument `error_callback`.
    pub fn error_callback(self, f: impl FnOnce(&Error) + Send + 'static) -> Self {
        self.call_when_done(move |result| {
            if let Err(error) = result {
                f(error)
            }
        })
    }

    fn call_when_done(mut self, f: impl FnOnce(&Result<R>) + Send + 'static) -> Self {
        let called = self.called.get_or_insert_with(|| {
            let state = Mutex::new(CallState { value: None, wakers: Vec::new() });
            Arc::new(Called { pending: AtomicUsize::new(0), state })
        });
        called.pending.fetch_add(1, SeqCst);
        let (called, engine, job, take) = (called.clone(), self.engine.clone(), self.job.clone(), self.take);
        let run = Box::new(move || {
            let known = called.lock().value.take();
            let mut value = known.unwrap_or_else(|| take(&job));
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| f(&value))) {
                value = Err(callback_panicked(&*payload));
                // Dropping a payload may panic again.
                std::mem::forget(payload);
            }
            let mut state = called.lock();
            state.value = Some(value);
            called.pending.fetch_sub(1, SeqCst);
            let wakers = std::mem::take(&mut state.wakers);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
            engine.notify();
        });
        self.engine.run_when_done(&self.job, run);
        self
    }
}

impl<R> Future for AsyncResult<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        if self.engine.wake_when_done(&self.job, context.waker()) {
            return Poll::Pending;
        }
        if let Some(called) = &self.called {
            let mut state = called.lock();
            if called.pending.load(SeqCst) > 0 {
                state.wakers.push(context.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(self.take_result())
    }
}

impl<R> fmt::Debug for AsyncResult<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncResult").field("ready", &self.ready()).finish()
    }
}

fn callback_panicked(payload: &(dyn std::any::Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    Error::Panicked {
        message: format!("in a callback: {}", text.unwrap_or_else(|| "a panic whose payload is not text".into())),
        location: None,
        backtrace: None,
        pid: std::process::id(),
    }
}

/// Runs a caller's deserialization code; its panic becomes an error of the task.
pub(super) fn decode<R: DeserializeOwned + 'static>(source: Source<'_>) -> Result<R> {
    let outcome = catch_unwind(AssertUnwindSafe(|| wire::decode(source)));
    outcome.map_or_else(|_| Err(decode_panicked()), |result| result.map_err(Error::Decode))
}

fn decode_panicked() -> Error {
    Error::Decode("deserializing the result panicked".into())
}

/// The result of a job of one task that is done.
pub(crate) fn take_one<R: DeserializeOwned + 'static>(job: &Job) -> Result<R> {
    let mut result = Err(Error::Cancelled);
    if let Some(mut outcome) = job.take_next()
        && let Some(source) = outcome.next(job.cap)
    {
        result = source.and_then(decode);
    }
    result
}

/// The results of a job that is done; `len` is how many to expect.
pub(super) fn take_all<R: DeserializeOwned + 'static>(job: &Job, len: usize) -> Result<Vec<R>> {
    let mut results = Vec::with_capacity(len);
    // One guard for the whole loop: it costs more than it takes to decode a number.
    let all = catch_unwind(AssertUnwindSafe(|| {
        while let Some(mut outcome) = job.take_next() {
            while let Some(source) = outcome.next(job.cap) {
                results.push(wire::decode(source?).map_err(Error::Decode)?);
            }
        }
        Ok(())
    }));
    all.unwrap_or_else(|_| Err(decode_panicked()))?;
    Ok(results)
}

fn first_error(job: &Job) -> Option<Error> {
    job.take_next()?.next(job.cap)?.err()
}
