//! The error of a `put`.

use std::fmt;

use crate::error::Error;

/// A value that could not be put into a queue, and the reason. The operator `?` turns it into the
/// [`Error`] alone.
///
/// # Examples
/// ```
/// use multiproc::{Error, Queue};
///
/// # fn main() -> multiproc::Result<()> {
/// let queue = Queue::bounded(1)?;
/// queue.put("first".to_string())?;
/// let refused = queue.try_put("second".to_string()).unwrap_err();
/// assert!(matches!(refused.error, Error::Full));
/// assert_eq!(refused.value, "second");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PutError<T> {
    /// The value that was not put.
    pub value: T,
    /// The reason.
    pub error: Error,
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> std::error::Error for PutError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl<T> From<PutError<T>> for Error {
    fn from(refused: PutError<T>) -> Self {
        refused.error
    }
}
