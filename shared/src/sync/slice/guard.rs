//! The turn of the one who reads or writes a range.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::thread;

use bytemuck::Pod;

use crate::sync::slice::SharedSlice;
use crate::sync::slice::range_lock::RangeLock;
use crate::sync::slice::records::Note;

/// Elements of a [`SharedSlice`] that nobody writes to, as a slice; from [`SharedSlice::read`].
///
/// It stays on its thread; the slice may be given to others, such as scoped threads. In a copy of
/// the process, the elements cannot be reached through it (that panics), and dropping it does
/// nothing; so it is with [`SliceWrite`].
#[must_use = "the range is given back when it is dropped"]
pub struct SliceRead<'a, T: Pod> {
    slice: &'a SharedSlice<T>,
    lock: RangeLock<'a>,
}

/// Elements of a [`SharedSlice`] that nobody else has, as a slice; from [`SharedSlice::write`]. One
/// that is dropped by a panic poisons them.
///
/// It stays on its thread; the slice may be given to others, such as scoped threads.
#[must_use = "the range is given back when it is dropped"]
pub struct SliceWrite<'a, T: Pod> {
    slice: &'a SharedSlice<T>,
    note: Note,
    /// Whether the thread was panicking already at the beginning: then that panic has not
    /// interrupted any change.
    panicking: bool,
    // Dropped after the note was taken away.
    lock: RangeLock<'a>,
}

impl<'a, T: Pod> SliceRead<'a, T> {
    /// `lock` is one of `slice`'s.
    pub(super) fn new(slice: &'a SharedSlice<T>, lock: RangeLock<'a>) -> Self {
        Self { slice, lock }
    }
}

impl<'a, T: Pod> SliceWrite<'a, T> {
    /// `lock` is one of `slice`'s, for writing.
    pub(super) fn new(slice: &'a SharedSlice<T>, lock: RangeLock<'a>, note: Note) -> Self {
        Self { slice, note, panicking: thread::panicking(), lock }
    }
}

impl<T: Pod> Deref for SliceRead<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.slice.region.require();
        // SAFETY: the range is locked for reading as long as the guard lives, and elements are reached only
        // through guards: who writes to any of them has a lock that excludes this one, in whatever
        // thread or process.
        unsafe { self.slice.region.elements(self.lock.range.clone()) }
    }
}

impl<T: Pod> Deref for SliceWrite<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.slice.region.require();
        // SAFETY: the range is locked for writing as long as the guard lives: no other guard has any of it.
        // This one is borrowed.
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
            self.slice.region.records.end(self.note);
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
