//! The guards through which a thread reaches a value under a lock, or elements of a shared array:
//! the only code that lends what lies in shared memory as Rust values.
#![allow(unsafe_code)]

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::thread;

use bytemuck::Pod;

use crate::shm::region::{Head, Region};
use crate::sync::lock::Lock;
use crate::sync::slice::SharedSlice;
use crate::sync::slice::ranges::{RangeLock, RecordId};
use crate::sys::mutex::Held;

impl<H: Head, T: Pod> Region<H, T> {
    /// Returns elements as they lie in the memory.
    ///
    /// # Safety
    /// As long as the reference is used, no thread of any process may change these elements.
    unsafe fn elements(&self, range: Range<usize>) -> &[T] {
        let start = self.first(&range);
        // SAFETY: `first` has checked that the range lies inside the mapping, which lives as long
        // as self; it is aligned for T (the mapping to a page, DATA to T), and any bytes are a T.
        // That no thread changes them is this function's contract.
        unsafe { std::slice::from_raw_parts(start, range.len()) }
    }

    /// Returns elements as they lie in the memory, to be changed.
    ///
    /// # Safety
    /// As long as the reference is used, no other thread of any process may access these elements.
    #[expect(clippy::mut_from_ref, reason = "a borrow of the handle does not decide which thread may write")]
    unsafe fn elements_mut(&self, range: Range<usize>) -> &mut [T] {
        let start = self.first(&range);
        // SAFETY: as in `elements`; that no other thread accesses them is this function's contract.
        unsafe { std::slice::from_raw_parts_mut(start, range.len()) }
    }

    /// Returns where a range that lies inside the memory begins.
    fn first(&self, range: &Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len(), "the elements lie inside the memory");
        // SAFETY: the offset lies inside the mapping, or just behind it.
        unsafe { self.mapping().start().add(self.offset(range.start)) }.cast().as_ptr()
    }
}

/// A [`Lock`] that this thread holds, and through which it works with the value. Dropping it
/// releases the lock.
///
/// It stays on its thread. One that is dropped by a panic poisons the lock, and one that is never
/// dropped keeps it until the process ends. In a copy of the process, the value cannot be reached
/// through it (that panics), and dropping it does nothing.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard<'a, T: Pod> {
    lock: &'a Lock<T>,
    /// Whether the thread was panicking already when it took the lock: then that panic has not
    /// interrupted any change.
    panicking: bool,
    // Dropped after the holder was cleared.
    held: Held<'a>,
}

impl<'a, T: Pod> LockGuard<'a, T> {
    /// Makes a guard for the holder of the mutex in `lock`.
    pub(super) fn new(lock: &'a Lock<T>, held: Held<'a>) -> Self {
        Self { lock, panicking: thread::panicking(), held }
    }

    /// Releases the lock; returns it.
    pub(super) fn release(self) -> &'a Lock<T> {
        self.lock
    }
}

impl<T: Pod> Drop for LockGuard<'_, T> {
    fn drop(&mut self) {
        if !self.held.is_own() {
            // A copy in a forked process, which has not this memory: the process it is a copy of
            // has the lock.
            return;
        }
        self.lock.end_changes(self.panicking || !thread::panicking());
    }
}

impl<T: Pod> Deref for LockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lock.0.require();
        // SAFETY: this thread holds the mutex, and values are reached only through guards: no other
        // thread accesses it as long as the guard lives. A thread has no second guard (EDEADLK),
        // and this one is borrowed. `require` has checked that this is no copy of the process.
        unsafe { &self.lock.0.elements(0..1)[0] }
    }
}

impl<T: Pod> DerefMut for LockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.lock.0.require();
        // SAFETY: as in `deref`; the guard is borrowed for this alone.
        unsafe { &mut self.lock.0.elements_mut(0..1)[0] }
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for LockGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

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
            self.slice.end_changes(self.record);
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
