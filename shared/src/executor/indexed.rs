//! Results with the indices of their items, as an iterator.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::executor::imap::Imap;

/// The results of a lazy call, each with the index of its item; returned by [`Imap::indexed`].
#[must_use = "items are taken from their source only as results are taken from the iterator"]
pub struct Indexed<I: Iterator, R>(Imap<I, R>);

impl<I: Iterator, R> Indexed<I, R> {
    pub(super) fn new(results: Imap<I, R>) -> Self {
        Self(results)
    }

    /// Returns the next result, with the index of its item, waiting for at most `timeout`; `None`
    /// at the end.
    ///
    /// # Errors
    /// [`Error::TimedOut`] (without a pid) if no result is there by then; it can be asked for
    /// again.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<(usize, Result<R>)>> {
        let next = self.0.advance(Instant::now().checked_add(timeout)).ok_or(Error::timed_out(timeout))?;
        Ok(next.map(|result| (self.0.returned(), result)))
    }
}

impl<I: Iterator, R> Iterator for Indexed<I, R> {
    type Item = (usize, Result<R>);

    fn next(&mut self) -> Option<(usize, Result<R>)> {
        let result = self.0.next()?;
        Some((self.0.returned(), result))
    }
}

impl<I: Iterator, R> fmt::Debug for Indexed<I, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Indexed").field(&self.0).finish()
    }
}
