//! Named values of any types that a manager holds.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::Result;
use crate::manager::client::Answer;
use crate::manager::protocol::{DictRequest, Request};

/// Named values of any types in a manager's process, for any process to use. Made by
/// [`Manager::namespace`](crate::Manager::namespace).
///
/// Nothing but the reader's word says of which type a value is: read with another type than it was
/// set, it is [`Error::Decode`](crate::Error::Decode), or another value.
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
/// Python's counterpart is what `SyncManager.Namespace` returns; there, the names are attributes.
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
        let request = Request::Dict(self.object.number, DictRequest::Insert);
        let set = self.object.call_with(request, |message| {
            message.put_key(name)?;
            message.put(&value)
        })?;
        set.value().map(drop)
    }

    /// The value of `name`, if it has one.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode),
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn get<T: DeserializeOwned + 'static>(&self, name: &str) -> Result<Option<T>> {
        self.object.decode_one(&self.ask(DictRequest::Get, name)?)
    }

    /// Takes out `name`; says whether it had a value.
    ///
    /// # Errors
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn remove(&self, name: &str) -> Result<bool> {
        Ok(self.ask(DictRequest::Remove, name)?.value()?.is_some())
    }

    /// All names, in the order in which they came.
    ///
    /// # Errors
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn names(&self) -> Result<Vec<String>> {
        let answer = self.object.call(Request::Dict(self.object.number, DictRequest::Keys))?;
        answer.values()?.map(|name| self.object.decode_key(name)).collect()
    }

    fn ask(&self, request: DictRequest, name: &str) -> Result<Answer> {
        self.object.call_with(Request::Dict(self.object.number, request), |message| message.put_key(name))
    }
}
