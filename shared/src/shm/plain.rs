//! Plain data in shared memory, as Rust values.
#![allow(unsafe_code)]

use std::ops::Range;

use bytemuck::Pod;

use crate::shm::region::{Head, Region};

impl<H: Head, T: Pod> Region<H, T> {
    /// Elements as they lie in the memory.
    ///
    /// # Safety
    /// As long as the reference is used, nobody may change these elements: no thread and no
    /// process.
    pub(crate) unsafe fn elements(&self, range: Range<usize>) -> &[T] {
        let start = self.first(&range);
        // SAFETY: `first` has checked that the range lies inside the mapping, which lives as long as self;
        // it is aligned for T (the mapping to a page, DATA to T), and any bytes are a T. That
        // nobody changes them is the caller's word.
        unsafe { std::slice::from_raw_parts(start, range.len()) }
    }

    /// Elements as they lie in the memory, to be changed.
    ///
    /// # Safety
    /// As long as the reference is used, nobody else may touch these elements: no thread and no
    /// process.
    #[expect(clippy::mut_from_ref, reason = "whose turn it is to write is not what a borrow of the handle tells")]
    pub(crate) unsafe fn elements_mut(&self, range: Range<usize>) -> &mut [T] {
        let start = self.first(&range);
        // SAFETY: as in `elements`; that nobody else touches them is the caller's word.
        unsafe { std::slice::from_raw_parts_mut(start, range.len()) }
    }

    fn first(&self, range: &Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len(), "the elements lie inside the memory");
        // SAFETY: the offset lies inside the mapping, or just behind it.
        unsafe { self.mapping().start().add(self.offset(range.start)) }.cast().as_ptr()
    }
}
