//! A dictionary that a manager holds.

use std::borrow::Borrow;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::Result;
use crate::manager::client::Answer;
use crate::manager::protocol::{DictRequest, Request};

/// A dictionary in a manager's process, for any process to use. Made by
/// [`Manager::dict`](crate::Manager::dict).
///
/// Every call is a question to the manager's process and takes some ten microseconds. Each is
/// atomic; two of them are not: to [`get`](DictProxy::get), add and [`insert`](DictProxy::insert)
/// loses what others do in between, as `d[k] += 1` does in Python. Use
/// [`update`](DictProxy::update).
///
/// Keys are the same if they are serialized to the same bytes, which for maps and sets as keys
/// depends on their order. They stay in the order in which they came; to remove one moves all that
/// came later. As with a map of the standard library a key can be looked up by what it borrows as
/// (a `String` by a `str`) if both are serialized alike, which is so for all but arrays looked up
/// by slices. A proxy of the same manager can be a value.
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
/// Python's counterpart is the `DictProxy` that `SyncManager.dict` returns.
pub struct DictProxy<K, V> {
    pub(super) object: Object,
    pub(super) elements: PhantomData<fn() -> (K, V)>,
}

proxy!(DictProxy < K, V > "DictProxy");

impl<K: Serialize + DeserializeOwned + 'static, V: Serialize + DeserializeOwned + 'static> DictProxy<K, V> {
    /// Sets the value of `key`, and returns the old one. Python: `d[key] = value`.
    ///
    /// # Errors
    /// [`Error::Encode`](crate::Error::Encode), [`Error::Decode`](crate::Error::Decode),
    /// [`Error::TooLarge`](crate::Error::TooLarge),
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>> {
        let answer = self.object.call_with(self.request(DictRequest::Insert), |message| {
            message.put_key(&key)?;
            message.put(&value)
        })?;
        self.object.decode_one(&answer)
    }

    /// The value of `key`, if it has one. Python: `d.get(key)`. Errors as
    /// [`insert`](DictProxy::insert).
    pub fn get<Q: Serialize + ?Sized>(&self, key: &Q) -> Result<Option<V>>
    where
        K: Borrow<Q>,
    {
        self.object.decode_one(&self.ask_for(DictRequest::Get, key)?)
    }

    /// Takes out `key`, and returns its value, if it had one. Python: `d.pop(key, None)`. Errors as
    /// [`insert`](DictProxy::insert).
    pub fn remove<Q: Serialize + ?Sized>(&self, key: &Q) -> Result<Option<V>>
    where
        K: Borrow<Q>,
    {
        self.object.decode_one(&self.ask_for(DictRequest::Remove, key)?)
    }

    /// Whether `key` has a value. Python: `key in d`. Errors as [`insert`](DictProxy::insert).
    pub fn contains_key<Q: Serialize + ?Sized>(&self, key: &Q) -> Result<bool>
    where
        K: Borrow<Q>,
    {
        self.ask_for(DictRequest::Contains, key)?.flag()
    }

    /// The number of keys. Python: `len(d)`.
    ///
    /// # Errors
    /// [`Error::Disconnected`](crate::Error::Disconnected).
    pub fn len(&self) -> Result<usize> {
        self.ask(DictRequest::Len)?.count()
    }

    /// Whether there is no key. Errors as [`len`](DictProxy::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes out all keys. Errors as [`len`](DictProxy::len).
    pub fn clear(&self) -> Result<()> {
        self.ask(DictRequest::Clear)?.done()
    }

    /// All keys as they are now, in the order in which they came. Python: `list(d.keys())`.
    ///
    /// # Errors
    /// [`Error::Decode`](crate::Error::Decode),
    /// [`Error::Disconnected`](crate::Error::Disconnected), and
    /// [`Error::TooLarge`](crate::Error::TooLarge) if they are more than a message may have.
    pub fn keys(&self) -> Result<Vec<K>> {
        self.ask(DictRequest::Keys)?.values()?.map(|key| self.object.decode_key(key)).collect()
    }

    /// All values as they are now, in the order of their keys. Errors as [`keys`](DictProxy::keys).
    pub fn values(&self) -> Result<Vec<V>> {
        self.object.decode_all(&self.ask(DictRequest::Values)?)
    }

    /// All keys and values as they are now. Errors as [`keys`](DictProxy::keys).
    pub fn items(&self) -> Result<Vec<(K, V)>> {
        let answer = self.ask(DictRequest::Items)?;
        let mut values = answer.values()?;
        let mut items = Vec::new();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            items.push((self.object.decode_key(key)?, self.object.decode(value)?));
        }
        Ok(items)
    }

    /// Sets the value of `key` to what `change` makes of the old one, and returns it, so that no
    /// change by others is lost: if there was one in between, `change` is called again with the
    /// new value. Python has no counterpart, and needs a lock.
    ///
    /// Errors as [`insert`](DictProxy::insert).
    ///
    /// ```
    /// use multiproc::{DictProxy, Manager, Pool};
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
            let answer = self.ask_for(DictRequest::Get, &key)?;
            let old = answer.value()?;
            let new = change(old.map(|old| self.object.decode(old)).transpose()?);
            let swap = self.object.call_with(self.request(DictRequest::Swap), |message| {
                message.put_key(&key)?;
                message.put(&new)?;
                old.map_or(Ok(()), |old| message.put_bytes(old))
            })?;
            if swap.flag()? {
                return Ok(new);
            }
        }
    }

    fn request(&self, request: DictRequest) -> Request {
        Request::Dict(self.object.number, request)
    }

    fn ask(&self, request: DictRequest) -> Result<Answer> {
        self.object.call(self.request(request))
    }

    fn ask_for<Q: Serialize + ?Sized>(&self, request: DictRequest, key: &Q) -> Result<Answer> {
        self.object.call_with(self.request(request), |message| message.put_key(key))
    }
}
