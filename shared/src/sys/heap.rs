//! The substitute for shared memory under Miri, which has none: memory of this process, so that two
//! threads can stand for the two sides of a ring.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;

use crate::error::{Context, Error, Result};

/// Counterpart of [`shm::Mapping`](crate::sys::shm::Mapping).
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: as for the counterpart.
unsafe impl Send for Mapping {}
// SAFETY: as for the counterpart.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Allocates `len` zeroed bytes. The descriptor leads nowhere.
    pub(crate) fn create(_name: &str, len: usize) -> Result<(Self, OwnedFd)> {
        let refused = |_| Error::Config(format!("{len} bytes of memory are too many"));
        let layout = Layout::from_size_align(len.max(1), 4096).map_err(refused)?;
        // SAFETY: the layout is of one byte at least.
        let start = unsafe { alloc_zeroed(layout) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(layout));
        let fd = File::open("/dev/null").context("cannot open a descriptor")?;
        Ok((Self { start, layout }, fd.into()))
    }

    /// Does nothing: there are no copies of the process.
    pub(crate) fn keep_from_copies(self) -> Self {
        self
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and there are no references to it any more.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}
