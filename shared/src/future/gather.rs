//! Decodes the results that worker processes sent.

use serde::de::DeserializeOwned;

use crate::codec;
use crate::engine::{Job, Outcome};
use crate::error::{Error, Result};
use crate::foreign;
use crate::sys::memory::on_large_pages;

/// Takes the result of a job of one task that is done.
pub(crate) fn take_one<R: DeserializeOwned + 'static>(job: &Job) -> Result<R> {
    let outcome = job.take_next();
    let result = outcome.and_then(|mut outcome| outcome.next(job.max_message, codec::decode_guarded));
    result.unwrap_or(Err(Error::Cancelled)).map_err(|error| error.of(job.label(), None))
}

/// Takes the results of a job that is done, of which there are probably `len`, or the first error.
pub(crate) fn take_all<R: DeserializeOwned + 'static>(job: &Job, len: usize) -> Result<Vec<R>> {
    let mut gathered = Gathered::new(len);
    gathered.take(job);
    gathered.into_result()
}

/// Adds the results of an ordered job to those that came before, as far as they have come, each
/// with its own error.
pub(crate) fn add_each<R: DeserializeOwned + 'static>(job: &Job, results: &mut Vec<Result<R>>) {
    while let Some(mut outcome) = job.take_next() {
        while let Some(result) = outcome.next(job.max_message, codec::decode_guarded) {
            let index = results.len();
            results.push(result.map_err(|error| error.of(job.label(), Some(index))));
        }
    }
}

/// The results of an ordered job, as far as they have come, or the first error among them.
pub(crate) struct Gathered<R> {
    results: Vec<R>,
    outcome: Result<()>,
}

impl<R: DeserializeOwned + 'static> Gathered<R> {
    /// Begins with none, and room for `len`.
    pub(crate) fn new(len: usize) -> Self {
        let mut results = Vec::with_capacity(len);
        on_large_pages(&mut results);
        Self { results, outcome: Ok(()) }
    }

    /// Takes those that are there.
    pub(crate) fn take(&mut self, job: &Job) {
        // One guard for the whole loop: it costs more than it takes to decode a number.
        let taken = foreign::guard(|| {
            while let Some(outcome) = job.take_next() {
                // After an error they are dropped.
                if self.outcome.is_ok() {
                    let added = add(&mut self.results, outcome, job.max_message);
                    self.outcome = added.map_err(|error| self.of_next(job, error));
                }
            }
        });
        if let Err(message) = taken {
            self.outcome = Err(self.of_next(job, Error::panicked_in_decoding::<R>(&message)));
            self.take(job);
        }
    }

    /// Returns the error of the item whose result was to be the next one.
    fn of_next(&self, job: &Job, error: Error) -> Error {
        error.of(job.label(), Some(self.results.len()))
    }

    pub(crate) fn into_result(self) -> Result<Vec<R>> {
        self.outcome.map(|()| self.results)
    }
}

/// Adds the values of a chunk to `results`, up to the first that is an error.
fn add<R: DeserializeOwned + 'static>(results: &mut Vec<R>, mut outcome: Outcome, max_message: u64) -> Result<()> {
    if let Some(size) = codec::fixed::size::<R>() {
        outcome.take_fixed(size, |bytes| codec::fixed::value(bytes).map(|value| results.push(value)).is_some());
    }
    while let Some(result) =
        outcome.next(max_message, |source| codec::decode(source).map_err(|why| Error::Decode(why.into())))
    {
        results.push(result?);
    }
    Ok(())
}

/// Takes the error of a job whose only task failed before it was sent.
pub(super) fn first_error(job: &Job) -> Option<Error> {
    job.take_next()?.next(job.max_message, |_| Ok(()))?.err()
}
