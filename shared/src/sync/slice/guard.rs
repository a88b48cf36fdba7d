//! The guards of a range that this thread reads or writes.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread;

use bytemuck::Pod;

use crate::sync::slice::SharedSlice;
use crate::sync::slice::range_lock::RangeLock;
use crate::sync::slice::records::RecordId;

/// Elements of a [`SharedSlice`] that are not written to meanwhile, as a slice; from
/// [`SharedSlice::read`].
///
/// It stays on its thread; the slice may be given to others, such as scoped threads. In a copy of
/// the process, the elements cannot be reached through it (that panics), and dropping it does
/// nothing; the same holds for [`SliceWrite`].
#[must_use = "the range is released when the guard is dropped"]
pub struct SliceRead<'a, T: Pod> {
    slice: &'a SharedSlice<T>,
    lock: RangeLock<'a>,
}

/// Elements of a [`SharedSlice`] that no other guard has, as a slice; from [`SharedSlice::write`].
/// A guard that is dropped by a panic poisons them.
///
/// It stays on its thread; the slice may be given to others, such as scoped threads.
#[must_use = "the range is released when the guard is dropped"]
pub struct SliceWrite<'a, T: Pod> {
    slice: &'a SharedSlice<T>,
    record: RecordId,
    /// Whether the thread was panicking already at the beginning: then that panic has not
    /// interrupted any change.
    panicking: bool,
    // Dropped after the record was removed.
    lock: RangeLock<'a>,
}

impl<'a, T: Pod> SliceRead<'a, T> {
    /// Makes a guard of a range. `lock` must be one of `slice`'s.
    pub(super) fn new(slice: &'a SharedSlice<T>, lock: RangeLock<'a>) -> Self {
        Self { slice, lock }
    }
}

impl<'a, T: Pod> SliceWrite<'a, T> {
    /// Makes a guard of a range. `lock` must be one of `slice`'s, for writing.
    pub(super) fn new(slice: &'a SharedSlice<T>, lock: RangeLock<'a>, record: RecordId) -> Self {
        Self { slice, record, panicking: thread::panicking(), lock }
    }
}

impl<T: Pod> Deref for SliceRead<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.slice.region.require();
        // SAFETY: the range is locked for reading as long as the guard lives, and elements are
        // reached only through guards: a thread that writes to any of them, in whatever process,
        // has a lock that excludes this one.
        unsafe { self.slice.region.elements(self.lock.range.clone()) }
    }
}

impl<T: Pod> Deref for SliceWrite<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.slice.region.require();
        // SAFETY: the range is locked for writing as long as the guard lives: no other guard has
        // any of it. This one is borrowed.
        unsafe { self.slice.region.elements(self.lock.range.clone()) }
    }
}

impl<T: Pod> DerefMut for SliceWrite<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.slice.region.require();
        // SAFETY: as in `deref`; the guard is borrowed for this alone.
        unsafe { self.slice.region.elements_mut(self.lock.range.clone()) }
    }
}

impl<T: Pod> Drop for SliceWrite<'_, T> {
    fn drop(&mut self) {
        if self.slice.region.check().is_ok() && (self.panicking || !thread::panicking()) {
            self.slice.region.records.remove(self.record);
        }
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for SliceRead<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for SliceWrite<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
