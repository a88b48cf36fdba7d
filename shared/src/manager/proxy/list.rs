//! A list that a manager holds.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::{Object, ValueWriter};
use super::proxy;
use crate::error::{Error, Result};
use crate::manager::protocol::ListRequest;

/// A list in a manager's process, for any process to use. Made by
/// [`Manager::list`](crate::Manager::list).
///
/// Every call is a request to the manager's process and takes some ten microseconds. Each is
/// atomic; two of them are not: `list.set(0, list.get(0)?.unwrap() + 1)?` loses a change that
/// another process makes in between, as `l[0] += 1` does in Python. Use
/// [`update`](ListProxy::update).
///
/// Elements are stored as the bytes that they are serialized to. A proxy of the same manager can be
/// an element.
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
/// Python's counterpart: `multiprocessing.managers.ListProxy`.
pub struct ListProxy<T> {
    object: Object,
    elements: PhantomData<fn() -> T>,
}

proxy!(ListProxy<T> "ListProxy");

impl<T: Serialize + DeserializeOwned + 'static> ListProxy<T> {
    /// Appends `value`.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::TooLarge`], [`Error::Disconnected`].
    ///
    /// Python's counterpart: `append`.
    pub fn push(&self, value: T) -> Result<()> {
        self.object.call_with(ListRequest::Push, |values| values.value(&value))?.done()
    }

    /// Appends all `values`, with no other process' values in between.
    ///
    /// # Errors
    /// Those of [`push`](ListProxy::push).
    ///
    /// Python's counterpart: `extend`.
    pub fn extend(&self, values: impl IntoIterator<Item = T>) -> Result<()> {
        let fill = |out: &mut ValueWriter| values.into_iter().try_for_each(|value| out.value(&value));
        self.object.call_with(ListRequest::Push, fill)?.done()
    }

    /// Returns the element at `index`, if there is one.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::Disconnected`].
    ///
    /// Python's counterpart: `l[index]`.
    pub fn get(&self, index: usize) -> Result<Option<T>> {
        self.object.decode_one(&self.object.call(ListRequest::Get(index as u64))?)
    }

    /// Replaces the element at `index`.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none; otherwise those of [`push`](ListProxy::push).
    ///
    /// Python's counterpart: `l[index] = value`.
    pub fn set(&self, index: usize, value: T) -> Result<()> {
        self.object.call_with(ListRequest::Set(index as u64), |values| values.value(&value))?.done()
    }

    /// Inserts `value` before the element at `index`, or at the end if `index` is the length.
    ///
    /// # Errors
    /// [`Error::Config`] if `index` is larger; otherwise those of [`push`](ListProxy::push).
    ///
    /// Python's counterpart: `insert`.
    pub fn insert(&self, index: usize, value: T) -> Result<()> {
        self.object.call_with(ListRequest::Insert(index as u64), |values| values.value(&value))?.done()
    }

    /// Removes the element at `index`, if there is one, and returns it.
    ///
    /// # Errors
    /// Those of [`get`](ListProxy::get).
    ///
    /// Python's counterpart: `pop(index)`.
    pub fn remove(&self, index: usize) -> Result<Option<T>> {
        self.object.decode_one(&self.object.call(ListRequest::Remove(index as u64))?)
    }

    /// Removes the last element, if there is one, and returns it.
    ///
    /// # Errors
    /// Those of [`get`](ListProxy::get).
    ///
    /// Python's counterpart: `pop()`.
    pub fn pop(&self) -> Result<Option<T>> {
        self.object.decode_one(&self.object.call(ListRequest::Pop)?)
    }

    /// Returns the number of elements.
    ///
    /// # Errors
    /// [`Error::Disconnected`].
    ///
    /// Python's counterpart: `len(l)`.
    pub fn len(&self) -> Result<usize> {
        self.object.call(ListRequest::Len)?.count()
    }

    /// Returns whether there is no element.
    ///
    /// # Errors
    /// Those of [`len`](ListProxy::len).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all elements.
    ///
    /// # Errors
    /// Those of [`len`](ListProxy::len).
    ///
    /// Python's counterpart: `clear`.
    pub fn clear(&self) -> Result<()> {
        self.object.call(ListRequest::Clear)?.done()
    }

    /// Returns all elements, as they are now.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::Disconnected`], and [`Error::TooLarge`] if they are more than a
    /// message may have.
    ///
    /// Python's counterpart: `l[:]`.
    pub fn to_vec(&self) -> Result<Vec<T>> {
        self.object.decode_all(&self.object.call(ListRequest::All)?)
    }

    /// Returns an iterator over all elements as they are now: over [`to_vec`](ListProxy::to_vec).
    ///
    /// # Errors
    /// Those of [`to_vec`](ListProxy::to_vec).
    pub fn iter(&self) -> Result<std::vec::IntoIter<T>> {
        self.to_vec().map(Vec::into_iter)
    }

    /// Returns whether an element is serialized to the same bytes as `value`.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::Disconnected`].
    ///
    /// Python's counterpart: `value in l`.
    pub fn contains(&self, value: &T) -> Result<bool> {
        self.object.call_with(ListRequest::Contains, |values| values.value(value))?.flag()
    }

    /// Replaces the element at `index` by what `change` makes of it, and returns the new one.
    ///
    /// No change of another process is lost: if there was one in between, `change` is called again
    /// with the new element. (In Python this needs a lock.)
    ///
    /// # Errors
    /// [`Error::Config`] if there is no such element; otherwise those of [`push`](ListProxy::push)
    /// and [`get`](ListProxy::get).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> multiproc::Result<()> {
    /// let manager = multiproc::Manager::new()?;
    /// let list = manager.list_from([1u32, 2])?;
    /// assert_eq!(list.update(1, |old| old * 10)?, 20);
    /// assert_eq!(list.to_vec()?, [1, 20]);
    /// # Ok(()) }
    /// ```
    pub fn update(&self, index: usize, mut change: impl FnMut(T) -> T) -> Result<T> {
        loop {
            let answer = self.object.call(ListRequest::Get(index as u64))?;
            let old = answer.value()?.ok_or_else(|| Error::Config(format!("index {index} is out of range")))?;
            let new = change(self.object.decode(old)?);
            let swap = self.object.call_with(ListRequest::Swap(index as u64), |values| {
                values.encoded(old)?;
                values.value(&new)
            })?;
            if swap.flag()? {
                return Ok(new);
            }
        }
    }
}
