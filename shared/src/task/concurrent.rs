//! Tasks that make several calls of an async function at a time, in one worker.
#![allow(unsafe_code)]

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::pin;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinSet, LocalSet};

use crate::error::{Error, Result};
use crate::protocol::Envelope;
use crate::task::calls::{Calls, run_calls};
use crate::task::function_name::{Entry, Function, zst_ref};
use crate::task::{Prepared, Stateless, Task, panic};

/// An async function as a task that takes many items, and the number of calls that may run at a
/// time.
pub(crate) struct Concurrent<F, A, Fut, R> {
    function: PhantomData<fn(F, A)>,
    result: PhantomData<fn() -> (Fut, R)>,
}

impl<F, A, Fut, R> Concurrent<F, A, Fut, R>
where
    F: Fn(A) -> Fut,
    Fut: Future<Output = R>,
{
    /// Creates the task from a value of the function's type, as proof that there is one.
    pub(crate) fn new(_function: F) -> Self {
        Self { function: PhantomData, result: PhantomData }
    }
}

/// The panic of one call, and its process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Caught {
    envelope: Envelope,
    pid: u32,
}

impl Caught {
    fn new(envelope: Envelope) -> Self {
        Self { envelope, pid: std::process::id() }
    }

    fn with_message(message: String) -> Self {
        Self::new(Envelope { message, location: None, backtrace: None })
    }
}

impl From<Caught> for Error {
    fn from(Caught { envelope, pid }: Caught) -> Self {
        envelope.into_error(pid)
    }
}

impl<F, A, Fut, R> Task<(u64, Vec<A>)> for Concurrent<F, A, Fut, R>
where
    F: Fn(A) -> Fut + Stateless,
    A: Serialize + DeserializeOwned + Send + 'static,
    Fut: Future<Output = R> + 'static,
    R: Serialize + DeserializeOwned + Send + 'static,
{
    type Output = Vec<Result<R, Caught>>;

    fn prepare_as<const ONCE: bool>(self) -> Result<Prepared> {
        fn run<F, A, Fut, R>(calls: &mut dyn Calls)
        where
            F: Fn(A) -> Fut + Stateless,
            A: Serialize + DeserializeOwned + Send + 'static,
            Fut: Future<Output = R> + 'static,
            R: Serialize + DeserializeOwned + Send + 'static,
        {
            // SAFETY: only `prepare_as` names this function, for a `Concurrent`, which is made from
            // a value of F.
            let function = unsafe { zst_ref::<F>() };
            run_calls::<_, _, false>(calls, |_, (max, items): (u64, Vec<A>)| Ok(call_all(function, max, items)));
        }
        Ok(Prepared {
            function: Function::name(const { &Entry::new(run::<F, A, Fut, R>) })?,
            state: None,
            label: Self::label(),
        })
    }

    fn label() -> &'static str {
        std::any::type_name::<F>()
    }

    fn call(&self, (max, items): (u64, Vec<A>)) -> Self::Output {
        // SAFETY: a `Concurrent` is made from a value of F.
        call_all(unsafe { zst_ref::<F>() }, max, items)
    }
}

thread_local! {
    /// The event loop, kept from one batch to the next.
    static RUNTIME: std::io::Result<Runtime> = Builder::new_current_thread().enable_all().build();
}

/// Calls `f` on all items, with up to `max` calls at a time. The results are in the items' order.
fn call_all<F, A, Fut, R>(f: &'static F, max: u64, items: Vec<A>) -> Vec<Result<R, Caught>>
where
    F: Fn(A) -> Fut,
    A: 'static,
    Fut: Future<Output = R> + 'static,
    R: 'static,
{
    RUNTIME.with(|runtime| match runtime {
        Ok(runtime) => LocalSet::new().block_on(runtime, run_all(f, max, items)),
        Err(error) => {
            let refused = |_| Err(Caught::with_message(format!("the worker cannot start an event loop: {error}")));
            items.iter().map(refused).collect()
        }
    })
}

async fn run_all<F, A, Fut, R>(f: &'static F, max: u64, items: Vec<A>) -> Vec<Result<R, Caught>>
where
    F: Fn(A) -> Fut,
    A: 'static,
    Fut: Future<Output = R> + 'static,
    R: 'static,
{
    let mut results: Vec<Option<Result<R, Caught>>> = items.iter().map(|_| None).collect();
    let (mut items, mut under_way) = (items.into_iter().enumerate(), JoinSet::new());
    loop {
        while (under_way.len() as u64) < max
            && let Some((index, item)) = items.next()
        {
            under_way.spawn_local(async move { (index, catch(f, item).await) });
        }
        match under_way.join_next().await {
            Some(Ok((index, result))) => results[index] = Some(result),
            // A value panicked while it was dropped: it has no result.
            Some(Err(_)) => {}
            None => break,
        }
    }
    let missing = || Err(Caught::with_message("a value of the async function panicked while it was dropped".into()));
    results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
}

/// Runs one call; its panic becomes its result.
async fn catch<A, Fut: Future>(f: impl Fn(A) -> Fut, item: A) -> Result<Fut::Output, Caught> {
    let mut future = pin!(panic::catch(|| f(item)).map_err(Caught::new)?);
    poll_fn(|context| match panic::catch(|| future.as_mut().poll(context)) {
        Ok(poll) => poll.map(Ok),
        Err(envelope) => std::task::Poll::Ready(Err(Caught::new(envelope))),
    })
    .await
}
