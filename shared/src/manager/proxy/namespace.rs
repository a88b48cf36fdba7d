//! Named values of any types that a manager holds.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::Result;
use crate::manager::protocol::DictRequest;

/// Named values of any types in a manager's process, for any process to use. Made by
/// [`Manager::namespace`](crate::Manager::namespace).
///
/// The type of a value is not stored: reading it with another type than it was set with is
/// [`Error::Decode`](crate::Error::Decode), or gives another value.
///
/// ```
/// use multiproc::Manager;
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = Manager::new()?;
/// let settings = manager.namespace()?;
/// settings.set("threshold", 0.5f64)?;
/// settings.set("title", "primes".to_string())?;
/// assert_eq!(settings.get::<f64>("threshold")?, Some(0.5));
/// assert_eq!(settings.get::<String>("colour")?, None);
/// assert_eq!(settings.names()?, ["threshold", "title"]);
/// # Ok(()) }
/// ```
///
/// All calls fail with [`Error::Disconnected`](crate::Error::Disconnected) once the manager has
/// ended.
///
/// Python's counterpart: `multiprocessing.managers.NamespaceProxy`, whose names are attributes.
pub struct NamespaceProxy {
    pub(super) object: Object,
    pub(super) elements: PhantomData<fn()>,
}

proxy!(NamespaceProxy<> "NamespaceProxy");

impl NamespaceProxy {
    /// Sets the value of `name`.
    ///
    /// # Errors
    /// [`Error::Encode`](crate::Error::Encode), [`Error::TooLarge`](crate::Error::TooLarge),
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn set<T: Serialize + 'static>(&self, name: &str, value: T) -> Result<()> {
        let answer = self.object.call_with(DictRequest::Insert, |values| {
            values.key(name)?;
            values.value(&value)
        })?;
        answer.value().map(drop)
    }

    /// Returns the value of `name`, if it has one.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode),
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn get<T: DeserializeOwned + 'static>(&self, name: &str) -> Result<Option<T>> {
        self.object.decode_one(&self.object.call_with(DictRequest::Get, |values| values.key(name))?)
    }

    /// Removes `name`, and returns whether it had a value.
    ///
    /// # Errors
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn remove(&self, name: &str) -> Result<bool> {
        let answer = self.object.call_with(DictRequest::Remove, |values| values.key(name))?;
        Ok(answer.value()?.is_some())
    }

    /// Returns all names, in the order in which they were first set.
    ///
    /// # Errors
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn names(&self) -> Result<Vec<String>> {
        self.object.decode_keys(&self.object.call(DictRequest::Keys)?)
    }
}
