//! Which task an error is of.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Which task an [`Error`] is of: its function and, if it was one of a map, the index of its item.
///
/// Part of the variants that concern one task; read with [`Error::function`] and [`Error::index`].
/// It is empty in an error that no task has to do with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin(Option<Box<Facts>>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Facts {
    /// Empty until it is known.
    function: Cow<'static, str>,
    index: Option<u64>,
    /// How often the task was begun; 0 if it was not to be begun again.
    tries: u32,
}

impl Origin {
    fn facts(&self) -> Option<&Facts> {
        self.0.as_deref()
    }

    /// Returns what a message ends with: how often the task was begun, if more than once.
    pub(super) fn tries(&self) -> impl fmt::Display {
        let tries = self.facts().map(|facts| facts.tries).filter(|tries| *tries > 1);
        tries.map(|tries| format!("; it was begun {tries} times")).unwrap_or_default()
    }
}

/// Prints what a message begins with: the item, if the error is of one.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.facts() {
            Some(Facts { function, index: Some(index), .. }) => write!(f, "item {index} of `{function}`: "),
            _ => Ok(()),
        }
    }
}

/// Why a value could not be encoded or decoded, in words: a `str`, which also says which task it
/// was for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    text: String,
    origin: Origin,
}

impl Reason {
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Deref for Reason {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, origin: Origin::default() }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_string().into()
    }
}

/// Returns the origin in an error, borrowed as the error is, if its variant has one.
macro_rules! origin {
    ($error:expr) => {
        match $error {
            Self::Panicked { origin, .. }
            | Self::WorkerLost { origin, .. }
            | Self::TimedOut { origin, .. }
            | Self::TooLarge { origin, .. }
            | Self::RankLost { origin, .. }
            | Self::Encode(Reason { origin, .. })
            | Self::Decode(Reason { origin, .. }) => Some(origin),
            _ => None,
        }
    };
}

impl Error {
    /// Returns the index of the item whose task failed, counted from 0 in the order of the call's
    /// items. It is set in the errors of one task of a map, lazy or not, and names the item also
    /// where results come in another order. `None` for a task that is no map's, and for errors that
    /// are not of one task: of a call that was cancelled or refused, or of the pool.
    ///
    /// ```
    /// use multiproc::{Executor, Pool};
    ///
    /// fn invert(n: u32) -> u32 {
    ///     100 / n
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let pool = Pool::with_processes(2)?;
    /// let error = pool.map(invert, [2, 1, 0, 4]).unwrap_err();
    /// assert_eq!(error.index(), Some(2));
    /// assert!(error.function().unwrap().ends_with("invert"));
    /// assert!(error.to_string().contains("invert`: the task panicked at"), "{error}");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        self.origin()?.facts()?.index.and_then(|index| usize::try_from(index).ok())
    }

    /// Returns the path of the function whose task failed, as [`std::any::type_name`] has it. It is
    /// set in the errors of one task; `None` for those that are not, as with
    /// [`index`](Error::index).
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        Some(&*self.origin()?.facts()?.function).filter(|function| !function.is_empty())
    }

    /// Returns how often a task was begun that was [to be tried
    /// again](crate::Executor::with_retries) and was lost each time. `None` in other errors.
    #[must_use]
    pub fn tries(&self) -> Option<u32> {
        Some(self.origin()?.facts()?.tries).filter(|tries| *tries > 0)
    }

    /// Sets how often its task was begun.
    pub(crate) fn after_tries(mut self, tries: u32) -> Self {
        if let Some(Origin(facts)) = self.origin_mut() {
            facts.get_or_insert_default().tries = tries;
        }
        self
    }

    /// Sets which task it is of, if it is of one. A job without tasks has a function without a
    /// name.
    pub(crate) fn of(mut self, function: &'static str, index: Option<usize>) -> Self {
        self.set_origin(function, index);
        self
    }

    /// Does what [`of`](Error::of) does, in place.
    pub(crate) fn set_origin(&mut self, function: &'static str, index: Option<usize>) {
        if function.is_empty() {
            return;
        }
        if let Some(Origin(facts)) = self.origin_mut() {
            let facts = facts.get_or_insert_default();
            (facts.function, facts.index) = (function.into(), index.map(|index| index as u64));
        }
    }

    fn origin(&self) -> Option<&Origin> {
        origin!(self)
    }

    fn origin_mut(&mut self) -> Option<&mut Origin> {
        origin!(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn message_begins_with_the_item() {
        let lost = Error::timed_out(Duration::from_secs(2)).of("work", Some(3));
        assert_eq!(lost.to_string(), "item 3 of `work`: timed out after 2.000 s");
        assert_eq!((lost.function(), lost.index()), (Some("work"), Some(3)));
        let refused = Error::Encode("no".into()).of("work", Some(0));
        assert_eq!(refused.to_string(), "item 0 of `work`: cannot encode: no");
        assert!(matches!(&refused, Error::Encode(text) if **text == *"no"));
        let alone = Error::Decode("no".into()).of("work", None);
        assert_eq!(
            (alone.to_string(), alone.function(), alone.index()),
            ("cannot decode: no".into(), Some("work"), None)
        );
    }

    #[test]
    fn error_that_is_not_of_a_task_names_none() {
        for error in [Error::Cancelled, Error::Closed, Error::Full, Error::Config("no".into())] {
            let text = error.to_string();
            let error = error.of("work", Some(3));
            assert_eq!((error.to_string(), error.function(), error.index()), (text, None, None));
        }
    }

    #[test]
    fn loss_says_how_often_the_task_was_begun() {
        let (exit, ran_for) = (crate::ExitStatus::Exited(3), Duration::ZERO);
        let lost = || Error::WorkerLost { pid: 7, exit, task: 12, ran_for, stderr: None, origin: Origin::default() };
        let [once, twice] = [1, 2].map(|tries| lost().after_tries(tries));
        assert_eq!((lost().tries(), once.tries(), twice.tries()), (None, Some(1), Some(2)));
        assert_eq!((once.to_string(), once.function()), (lost().to_string(), None));
        assert_eq!(twice.to_string(), format!("{}; it was begun 2 times", lost()));
    }

    #[test]
    fn origin_travels() {
        let error = Error::Encode("no".into()).after_tries(2).of("work", Some(3));
        let back: Error = postcard::from_bytes(&postcard::to_stdvec(&error).unwrap()).unwrap();
        assert_eq!((back.to_string(), back.index(), back.tries()), (error.to_string(), Some(3), Some(2)));
    }
}
