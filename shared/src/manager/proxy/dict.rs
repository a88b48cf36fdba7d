//! Dictionaries that a manager holds, and namespaces, whose keys are names.

use std::borrow::Borrow;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::Result;
use crate::manager::message::Answer;
use crate::manager::protocol::DictRequest;

/// A dictionary in a manager's process, for any process to use. Made by
/// [`Manager::dict`](crate::Manager::dict).
///
/// Every call is a request to the manager's process and takes some ten microseconds. Each is
/// atomic; two of them are not: a [`get`](DictProxy::get), an addition and an
/// [`insert`](DictProxy::insert) lose a change that another process makes in between, as
/// `d[k] += 1` does in Python. Use [`update`](DictProxy::update).
///
/// Keys are the same if they are serialized to the same bytes, which for maps and sets as keys
/// depends on their order. They stay in the order in which they were inserted; removing one moves
/// all later ones. As with a map of the standard library a key can be looked up by what it borrows
/// as (a `String` by a `str`) if both are serialized alike, which is so for all but arrays looked
/// up by slices. A proxy of the same manager can be a value.
///
/// ```
/// use multiproc::Manager;
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = Manager::new()?;
/// let ages = manager.dict_from([("Ann".to_string(), 40u32), ("Bob".to_string(), 50)])?;
/// assert_eq!(ages.insert("Ann".to_string(), 41)?, Some(40));
/// assert_eq!(ages.get("Ann")?, Some(41));
/// assert_eq!(ages.update("Bob".to_string(), |age| age.unwrap_or(0) + 1)?, 51);
/// assert_eq!(ages.keys()?, ["Ann", "Bob"]);
/// # Ok(()) }
/// ```
///
/// All calls fail with [`Error::Disconnected`](crate::Error::Disconnected) once the manager has
/// ended.
///
/// Python's counterpart: `multiprocessing.managers.DictProxy`.
pub struct DictProxy<K, V> {
    object: Object,
    elements: PhantomData<fn() -> (K, V)>,
}

proxy!(DictProxy < K, V > "DictProxy");

impl<K: Serialize + DeserializeOwned + 'static, V: Serialize + DeserializeOwned + 'static> DictProxy<K, V> {
    /// Sets the value of `key`, and returns the old one.
    ///
    /// # Errors
    /// [`Error::Encode`](crate::Error::Encode), [`Error::Decode`](crate::Error::Decode),
    /// [`Error::TooLarge`](crate::Error::TooLarge),
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    ///
    /// Python's counterpart: `d[key] = value`.
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>> {
        let answer = self.object.call_with(DictRequest::Insert, |values| {
            values.key(&key)?;
            values.value(&value)
        })?;
        self.object.decode_one(&answer)
    }

    /// Returns the value of `key`, if it has one.
    ///
    /// # Errors
    /// Those of [`insert`](DictProxy::insert).
    ///
    /// Python's counterpart: `d.get(key)`.
    pub fn get<Q: Serialize + ?Sized>(&self, key: &Q) -> Result<Option<V>>
    where
        K: Borrow<Q>,
    {
        self.object.decode_one(&self.call_with_key(DictRequest::Get, key)?)
    }

    /// Removes `key`, and returns its value, if it had one.
    ///
    /// # Errors
    /// Those of [`insert`](DictProxy::insert).
    ///
    /// Python's counterpart: `d.pop(key, None)`.
    pub fn remove<Q: Serialize + ?Sized>(&self, key: &Q) -> Result<Option<V>>
    where
        K: Borrow<Q>,
    {
        self.object.decode_one(&self.call_with_key(DictRequest::Remove, key)?)
    }

    /// Returns whether `key` has a value.
    ///
    /// # Errors
    /// Those of [`insert`](DictProxy::insert).
    ///
    /// Python's counterpart: `key in d`.
    pub fn contains_key<Q: Serialize + ?Sized>(&self, key: &Q) -> Result<bool>
    where
        K: Borrow<Q>,
    {
        self.call_with_key(DictRequest::Contains, key)?.flag()
    }

    /// Returns the number of keys.
    ///
    /// # Errors
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    ///
    /// Python's counterpart: `len(d)`.
    pub fn len(&self) -> Result<usize> {
        self.object.call(DictRequest::Len)?.count()
    }

    /// Returns whether there is no key.
    ///
    /// # Errors
    /// Those of [`len`](DictProxy::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all keys.
    ///
    /// # Errors
    /// Those of [`len`](DictProxy::len).
    ///
    /// Python's counterpart: `d.clear()`.
    pub fn clear(&self) -> Result<()> {
        self.object.call(DictRequest::Clear)?.done()
    }

    /// Returns all keys as they are now, in the order in which they were inserted.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode),
    /// [`Error::Disconnected`](crate::Error::Disconnected), and
    /// [`Error::TooLarge`](crate::Error::TooLarge) if they are more than a message may have.
    ///
    /// Python's counterpart: `list(d.keys())`.
    pub fn keys(&self) -> Result<Vec<K>> {
        self.object.decode_keys(&self.object.call(DictRequest::Keys)?)
    }

    /// Returns all values as they are now, in the order of their keys.
    ///
    /// # Errors
    /// Those of [`keys`](DictProxy::keys).
    ///
    /// Python's counterpart: `list(d.values())`.
    pub fn values(&self) -> Result<Vec<V>> {
        self.object.decode_all(&self.object.call(DictRequest::Values)?)
    }

    /// Returns all keys with their values as they are now.
    ///
    /// # Errors
    /// Those of [`keys`](DictProxy::keys).
    ///
    /// Python's counterpart: `list(d.items())`.
    pub fn items(&self) -> Result<Vec<(K, V)>> {
        let answer = self.object.call(DictRequest::Items)?;
        let mut values = answer.values()?;
        let mut items = Vec::new();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            items.push((self.object.decode_key(key)?, self.object.decode(value)?));
        }
        Ok(items)
    }

    /// Sets the value of `key` to what `change` makes of the old one, and returns the new one.
    ///
    /// No change of another process is lost: if there was one in between, `change` is called again
    /// with the new value. (In Python this needs a lock.)
    ///
    /// # Errors
    /// Those of [`insert`](DictProxy::insert).
    ///
    /// # Examples
    /// ```
    /// use multiproc::{DictProxy, Executor, Manager, Pool};
    ///
    /// fn count(dict: DictProxy<String, u64>) -> u64 {
    ///     dict.update("calls".to_string(), |calls| calls.unwrap_or(0) + 1).unwrap()
    /// }
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let manager = Manager::new()?;
    /// let dict = manager.dict()?;
    /// Pool::with_processes(2)?.map(count, vec![dict.clone(); 20])?;
    /// assert_eq!(dict.get("calls")?, Some(20));
    /// # Ok(()) }
    /// ```
    pub fn update(&self, key: K, mut change: impl FnMut(Option<V>) -> V) -> Result<V> {
        loop {
            let answer = self.call_with_key(DictRequest::Get, &key)?;
            let old = answer.value()?;
            let new = change(old.map(|old| self.object.decode(old)).transpose()?);
            let swap = self.object.call_with(DictRequest::Swap, |values| {
                values.key(&key)?;
                values.value(&new)?;
                old.map_or(Ok(()), |old| values.encoded(old))
            })?;
            if swap.flag()? {
                return Ok(new);
            }
        }
    }

    fn call_with_key<Q: Serialize + ?Sized>(&self, request: DictRequest, key: &Q) -> Result<Answer> {
        self.object.call_with(request, |values| values.key(key))
    }
}

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
#[doc(alias("Namespace"))]
pub struct NamespaceProxy {
    object: Object,
    elements: PhantomData<fn()>,
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
