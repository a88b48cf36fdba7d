//! The ways to have tasks run, and what their caller sees.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use multiproc::{AsyncResult, Error, Executor, Pool, Result};

use crate::faults::Fault;
use crate::places::{Answer, Argument, Charge, Place, task, task_of_two};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Apply,
    Map,
    Starmap,
    ApplyAsync,
    MapAsync,
    StarmapAsync,
    Imap,
    ImapUnordered,
}

/// Tasks of a cell, and which of them is the failing one.
const TASKS: u64 = 6;
const FAILING: u64 = 2;

impl Call {
    pub(crate) const ALL: [Self; 8] = [
        Self::Apply,
        Self::Map,
        Self::Starmap,
        Self::ApplyAsync,
        Self::MapAsync,
        Self::StarmapAsync,
        Self::Imap,
        Self::ImapUnordered,
    ];

    /// Whether such a call has such a place.
    pub(crate) fn has(self, place: Place) -> bool {
        match place {
            Place::Callback => matches!(self, Self::ApplyAsync | Self::MapAsync | Self::StarmapAsync),
            Place::Source => !matches!(self, Self::Apply | Self::ApplyAsync),
            _ => true,
        }
    }

    /// Makes the call. One of its tasks brings the charge along; what became of it is the answer.
    /// All others must be right, or fail in the same way if the pool can run nothing.
    pub(crate) fn make(self, pool: &Pool, charge: Charge) -> Result<String, String> {
        match catch_unwind(AssertUnwindSafe(|| self.results(pool, charge))) {
            Ok(results) => judge(results, charge.1),
            Err(_) if charge.0 == Place::Source => Ok("the panic goes on in the caller".to_string()),
            Err(_) => Err("it panicked in the caller".to_string()),
        }
    }

    /// The results that tell of a task each; `None` for those of which a call that failed as a
    /// whole does not tell.
    fn results(self, pool: &Pool, charge: Charge) -> Vec<(u64, Option<Result<Answer>>)> {
        let items = move || {
            (0..TASKS).map(move |n| {
                assert!(n != FAILING || charge.0 != Place::Source, "the source fails");
                argument(n, charge)
            })
        };
        let pairs = move || items().map(|argument| (argument, 0u8));
        match self {
            Self::Apply => {
                let others = others(pool, charge);
                let result = pool.apply(task, (argument(FAILING, charge),));
                others.into_iter().map(|(n, other)| (n, Some(other.get()))).chain([(FAILING, Some(result))]).collect()
            }
            Self::ApplyAsync => {
                let failing = called(pool.apply_async(task, (argument(FAILING, charge),)), charge);
                let others = others(pool, charge).into_iter().map(|(n, other)| (n, Some(other.get())));
                others.chain([(FAILING, Some(failing.get()))]).collect()
            }
            Self::Map => whole(pool.map(task, items())),
            Self::Starmap => whole(pool.starmap(task_of_two, pairs())),
            Self::MapAsync => whole(called(pool.map_async(task, items()), charge).get()),
            Self::StarmapAsync => whole(called(pool.starmap_async(task_of_two, pairs()), charge).get()),
            Self::Imap => (0..).zip(lazy(pool.imap(task, items())).into_iter().map(Some)).collect(),
            Self::ImapUnordered => {
                let number = |result: &Result<Answer>| result.as_ref().map_or(FAILING, |answer| answer.0.isqrt());
                let results = lazy(pool.imap_unordered(task, items()));
                results.into_iter().map(|result| (number(&result), Some(result))).collect()
            }
        }
    }
}

fn argument(n: u64, charge: Charge) -> Argument {
    Argument(n, (n == FAILING).then_some(charge))
}

/// The tasks of a cell without the failing one, each in a call of its own.
fn others(pool: &Pool, charge: Charge) -> Vec<(u64, AsyncResult<Answer>)> {
    let numbers = (0..TASKS).filter(|n| *n != FAILING);
    numbers.map(|n| (n, pool.apply_async(task, (argument(n, charge),)))).collect()
}

/// The result of a call that gives all or nothing: its error is the failing task's.
fn whole(result: Result<Vec<Answer>>) -> Vec<(u64, Option<Result<Answer>>)> {
    match result {
        Ok(answers) => (0..).zip(answers.into_iter().map(|answer| Some(Ok(answer)))).collect(),
        Err(error) => (0..TASKS).map(|n| (n, (n == FAILING).then(|| Err(error.clone())))).collect(),
    }
}

/// The results of a lazy call. An error of the pool's ends it, and stands for all that is left of
/// its source.
fn lazy(results: impl Iterator<Item = Result<Answer>>) -> Vec<Result<Answer>> {
    let mut results: Vec<_> = results.collect();
    if let Some(Err(error @ Error::Initializer(_))) = results.last() {
        let error = error.clone();
        results.resize_with(results.len().max(TASKS as usize), || Err(error.clone()));
    }
    results
}

/// The same result with a callback that panics, if that is where the fault is.
fn called<R: serde::de::DeserializeOwned + Send + 'static>(result: AsyncResult<R>, charge: Charge) -> AsyncResult<R> {
    match charge.0 {
        Place::Callback => result.done_callback(|_| panic!("the callback fails")),
        _ => result,
    }
}

fn judge(results: Vec<(u64, Option<Result<Answer>>)>, fault: Fault) -> Result<String, String> {
    if results.len() as u64 != TASKS {
        return Err(format!("{} results of {TASKS} tasks", results.len()));
    }
    let of_failing = results.iter().find(|(n, _)| *n == FAILING);
    let outcome = match of_failing {
        Some((_, Some(Ok(_)))) => "right".to_string(),
        Some((_, Some(Err(error)))) => fault.describe(error),
        _ => return Err("no result of the failing task".to_string()),
    };
    for (n, result) in results {
        match result {
            Some(Ok(answer)) if answer.0 == n * n => {}
            Some(Err(_)) if n == FAILING => {}
            Some(Err(Error::Initializer(_))) if outcome == "Initializer" => {}
            None => {}
            wrong => return Err(format!("task {n}: {:?}", wrong.map(|result| result.map(|answer| answer.0)))),
        }
    }
    Ok(outcome)
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Map => "map",
            Self::Starmap => "starmap",
            Self::ApplyAsync => "apply_async",
            Self::MapAsync => "map_async",
            Self::StarmapAsync => "starmap_async",
            Self::Imap => "imap",
            Self::ImapUnordered => "imap_unordered",
        })
    }
}
