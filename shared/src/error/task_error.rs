//! A task's own error, of any type, in a form that can be sent.

use std::cell::Cell;
use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, de};

/// An error of any type that a task returned: its text, and those of its causes.
///
/// `?` converts every error into it, `Box<dyn Error>` and `anyhow::Error` too. It dereferences to
/// `dyn Error`, and `?` converts it into [`Error`](crate::Error) where it arrives.
///
/// Printed with `{}` it is the error's text, with `{:#}` the causes follow in the same line, and
/// with `{:?}` in lines of their own. Like `anyhow::Error` it does not implement
/// `std::error::Error`. What a program matches on should be an enum of its own.
///
/// ```
/// use multiproc::{Executor, Pool, TaskError};
///
/// fn sum(path: String) -> Result<u64, TaskError> {
///     let text = std::fs::read_to_string(path)?;
///     let mut sum = 0;
///     for line in text.lines() {
///         sum += line.parse::<u64>()?;
///     }
///     Ok(sum)
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let pool = Pool::with_processes(1)?;
/// let error = pool.apply(sum, ("/no/such/file".to_string(),))?.unwrap_err();
/// assert_eq!(error.to_string(), "No such file or directory (os error 2)");
/// # Ok(()) }
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskError(Box<Cause>);

/// Causes of an error that are kept: a chain of causes may have no end.
const MAX_CAUSES: usize = 64;

/// The text of an error, and its cause.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cause {
    message: String,
    #[serde(default, deserialize_with = "nested")]
    source: Option<Box<Cause>>,
}

impl Cause {
    fn new(error: &(dyn StdError + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error: &&(dyn StdError + 'static)| StdError::source(*error));
        let messages: Vec<_> = chain.take(MAX_CAUSES).map(ToString::to_string).collect();
        let wrap = |source, message| Some(Box::new(Self { message, source }));
        let source = messages.into_iter().rev().fold(None, wrap);
        source.map_or_else(|| Self { message: error.to_string(), source: None }, |cause| *cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl<E: Into<Box<dyn StdError>>> From<E> for TaskError {
    fn from(error: E) -> Self {
        Self(Box::new(Cause::new(&*error.into())))
    }
}

impl Deref for TaskError {
    type Target = dyn StdError + 'static;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl TaskError {
    fn causes(&self) -> impl Iterator<Item = &Cause> {
        std::iter::successors(self.0.source.as_deref(), |cause| cause.source.as_deref())
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if f.alternate() {
            self.causes().try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if self.0.source.is_some() {
            f.write_str("\n\nCaused by:")?;
        }
        self.causes().try_for_each(|cause| write!(f, "\n    {cause}"))
    }
}

/// Errors that may be nested in each other: far more than a program nests.
const MAX_NESTED: u32 = 128;

thread_local! {
    /// The errors that are being read within each other.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

struct Level;

impl Level {
    fn enter() -> Option<Self> {
        let depth = DEPTH.get();
        (depth < MAX_NESTED).then(|| {
            DEPTH.set(depth + 1);
            Self
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Deserializes errors within errors, and refuses too many of them: cloning, printing and dropping
/// them is recursive.
pub(super) fn nested<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let _level = Level::enter().ok_or_else(|| de::Error::custom("errors are nested too deeply in each other"))?;
    T::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has itself as its cause.
    #[derive(Debug)]
    struct Endless;

    impl fmt::Display for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("endless")
        }
    }

    impl StdError for Endless {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&Endless)
        }
    }

    #[test]
    fn endless_chain_is_cut() {
        assert_eq!(TaskError::from(Endless).causes().count(), MAX_CAUSES - 1);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot save")]
    struct Save(#[source] std::io::Error);

    #[test]
    fn causes_are_kept_and_printed() {
        let error = TaskError::from(Save(std::io::Error::other("the disk is full")));
        assert_eq!(error.source().unwrap().to_string(), "the disk is full");
        assert_eq!(format!("{error}"), "cannot save");
        assert_eq!(format!("{error:#}"), "cannot save: the disk is full");
        assert_eq!(format!("{error:?}"), "cannot save\n\nCaused by:\n    the disk is full");
        assert_eq!(TaskError::from("a text").to_string(), "a text");
        let error = crate::Error::from(error);
        assert_eq!(
            (error.to_string(), error.source().unwrap().to_string()),
            ("cannot save".into(), "the disk is full".into())
        );
    }
}
