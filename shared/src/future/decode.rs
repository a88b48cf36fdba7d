//! From what a worker process sent to values.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;

use crate::engine::Job;
use crate::error::{Error, Result};
use crate::wire::{self, Source};

/// Runs a caller's deserialization code; its panic becomes an error of the task.
pub(crate) fn decode<R: DeserializeOwned + 'static>(source: Source<'_>) -> Result<R> {
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
pub(crate) fn take_all<R: DeserializeOwned + 'static>(job: &Job, len: usize) -> Result<Vec<R>> {
    let mut results = Vec::with_capacity(len);
    // One guard for the whole loop: it costs more than it takes to decode a number.
    let all = catch_unwind(AssertUnwindSafe(|| {
        while let Some(mut outcome) = job.take_next() {
            if let Some(size) = wire::fixed::size::<R>() {
                outcome.take_fixed(size, |bytes| wire::fixed::value(bytes).map(|value| results.push(value)).is_some());
            }
            while let Some(source) = outcome.next(job.cap) {
                results.push(wire::decode(source?).map_err(Error::Decode)?);
            }
        }
        Ok(())
    }));
    all.unwrap_or_else(|_| Err(decode_panicked()))?;
    Ok(results)
}

/// The error of a job whose only task failed before it was sent.
pub(super) fn first_error(job: &Job) -> Option<Error> {
    job.take_next()?.next(job.cap)?.err()
}
