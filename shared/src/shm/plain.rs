//! Plain data in shared memory, as Rust values.
#![allow(unsafe_code)]

use std::ops::Range;

use bytemuck::Pod;

use crate::shm::region::{Head, Region};

impl<H: Head, T: Pod> Region<H, T> {
    /// Returns elements as they lie in the memory.
    ///
    /// # Safety
    /// As long as the reference is used, no thread of any process may change these elements.
    pub(crate) unsafe fn elements(&self, range: Range<usize>) -> &[T] {
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
    pub(crate) unsafe fn elements_mut(&self, range: Range<usize>) -> &mut [T] {
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
