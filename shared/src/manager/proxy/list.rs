//! A list that a manager holds.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::Object;
use super::proxy;
use crate::error::{Error, Result};
use crate::manager::client::Answer;
use crate::manager::protocol::{ListRequest, Message, Request};

/// A list in a manager's process, for any process to use. Made by
/// [`Manager::list`](crate::Manager::list).
///
/// Every call is a question to the manager's process and takes some ten microseconds. Each is
/// atomic; two of them are not: `list.set(0, list.get(0)?.unwrap() + 1)?` loses what others do in
/// between, as `l[0] += 1` does in Python. Use [`update`](ListProxy::update).
///
/// Elements are kept as the bytes they are serialized to. A proxy of the same manager can be an
/// element.
///
/// ```
/// use multiproc::Manager;
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = Manager::new()?;
/// let list = manager.list_from([1u32, 2, 3])?;
/// list.push(4)?;
/// assert_eq!(list.get(0)?, Some(1));
/// assert_eq!(list.remove(1)?, Some(2));
/// assert_eq!(list.to_vec()?, [1, 3, 4]);
/// # Ok(()) }
/// ```
///
/// All calls fail with [`Error::Disconnected`] once the manager has ended.
///
/// Python's counterpart is the `ListProxy` that `SyncManager.list` returns.
pub struct ListProxy<T> {
    pub(super) object: Object,
    pub(super) elements: PhantomData<fn() -> T>,
}

proxy!(ListProxy<T> "ListProxy");

impl<T: Serialize + DeserializeOwned + 'static> ListProxy<T> {
    /// Appends `value`. Python: `append`.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::TooLarge`], [`Error::Disconnected`].
    pub fn push(&self, value: T) -> Result<()> {
        self.object.call_with(self.request(ListRequest::Push), |message| message.put(&value))?.done()
    }

    /// Appends all `values`, with nobody else's in between. Python: `extend`. Errors as
    /// [`push`](ListProxy::push).
    pub fn extend(&self, values: impl IntoIterator<Item = T>) -> Result<()> {
        let fill = |message: &mut Message| values.into_iter().try_for_each(|value| message.put(&value));
        self.object.call_with(self.request(ListRequest::Push), fill)?.done()
    }

    /// The element at `index`, if there is one. Python: `l[index]`.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::Disconnected`].
    pub fn get(&self, index: usize) -> Result<Option<T>> {
        self.object.decode_one(&self.ask(ListRequest::Get(index as u64))?)
    }

    /// Replaces the element at `index`. Python: `l[index] = value`.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none; otherwise as [`push`](ListProxy::push).
    pub fn set(&self, index: usize, value: T) -> Result<()> {
        self.object.call_with(self.request(ListRequest::Set(index as u64)), |message| message.put(&value))?.done()
    }

    /// Puts `value` before the element at `index`, or at the end if `index` is the length. Python:
    /// `insert`.
    ///
    /// # Errors
    /// [`Error::Config`] if `index` is larger; otherwise as [`push`](ListProxy::push).
    pub fn insert(&self, index: usize, value: T) -> Result<()> {
        self.object.call_with(self.request(ListRequest::Insert(index as u64)), |message| message.put(&value))?.done()
    }

    /// Takes out the element at `index`, if there is one. Python: `pop(index)`. Errors as
    /// [`get`](ListProxy::get).
    pub fn remove(&self, index: usize) -> Result<Option<T>> {
        self.object.decode_one(&self.ask(ListRequest::Remove(index as u64))?)
    }

    /// Takes out the last element, if there is one. Python: `pop()`. Errors as
    /// [`get`](ListProxy::get).
    pub fn pop(&self) -> Result<Option<T>> {
        self.object.decode_one(&self.ask(ListRequest::Pop)?)
    }

    /// The number of elements. Python: `len(l)`.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    pub fn len(&self) -> Result<usize> {
        self.ask(ListRequest::Len)?.count()
    }

    /// Whether there is no element. Errors as [`len`](ListProxy::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Takes out all elements. Errors as [`len`](ListProxy::len).
    pub fn clear(&self) -> Result<()> {
        self.ask(ListRequest::Clear)?.done()
    }

    /// All elements, as they are now. Python: `l[:]`.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::Disconnected`], and [`Error::TooLarge`] if they are more than a
    /// message may have.
    pub fn to_vec(&self) -> Result<Vec<T>> {
        self.object.decode_all(&self.ask(ListRequest::All)?)
    }

    /// Iterates over all elements as they are now: over [`to_vec`](ListProxy::to_vec), that is,
    /// with its errors.
    pub fn iter(&self) -> Result<std::vec::IntoIter<T>> {
        self.to_vec().map(Vec::into_iter)
    }

    /// Whether an element is serialized to the same bytes as `value`. Python: `value in l`.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::Disconnected`].
    pub fn contains(&self, value: &T) -> Result<bool> {
        self.object.call_with(self.request(ListRequest::Contains), |message| message.put(value))?.flag()
    }

    /// Replaces the element at `index` by what `change` makes of it, and returns it, so that no
    /// change by others is lost: if there was one in between, `change` is called again with the
    /// new element. Python has no counterpart, and needs a lock.
    ///
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let manager = multiproc::Manager::new()?;
    /// let list = manager.list_from([1u32, 2])?;
    /// assert_eq!(list.update(1, |old| old * 10)?, 20);
    /// assert_eq!(list.to_vec()?, [1, 20]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such element; otherwise as [`push`](ListProxy::push) and
    /// [`get`](ListProxy::get).
    pub fn update(&self, index: usize, mut change: impl FnMut(T) -> T) -> Result<T> {
        loop {
            let answer = self.ask(ListRequest::Get(index as u64))?;
            let old = answer.value()?.ok_or_else(|| Error::Config(format!("index {index} is out of range")))?;
            let new = change(self.object.decode(old)?);
            let swap = self.object.call_with(self.request(ListRequest::Swap(index as u64)), |message| {
                message.put_bytes(old)?;
                message.put(&new)
            })?;
            if swap.flag()? {
                return Ok(new);
            }
        }
    }

    fn request(&self, request: ListRequest) -> Request {
        Request::List(self.object.number, request)
    }

    fn ask(&self, request: ListRequest) -> Result<Answer> {
        self.object.call(self.request(request))
    }
}
