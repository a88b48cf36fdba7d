//! The memory behind a segment: shared between processes, or plain where loom plays both of them.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

use crate::error::Result;
use crate::kind::{ObjectKind, Tag};
use crate::ring::Header;
use crate::ring::segment::{BOOTSTRAP_LEN, TAG_LEN};
#[cfg(miri)]
use crate::sys::heap::Mapping;
#[cfg(not(miri))]
use crate::sys::shm::Mapping;

/// Where the rings' bytes begin: the header has the first page to itself.
pub(crate) const DATA: usize = 4096;

/// Where the tag lies, which is part of the header, and not looked at through it.
#[cfg(not(miri))]
const TAG: usize = BOOTSTRAP_LEN;

const _: () = assert!(size_of::<Tag>() <= TAG_LEN);

/// A header, and bytes.
#[derive(Debug)]
pub(super) struct Memory {
    mapping: Mapping,
    #[cfg(multiproc_loom)]
    header: Box<Header>,
}

impl Memory {
    /// A new header and `len` bytes, all zero.
    pub(super) fn create(len: usize, kind: ObjectKind) -> Result<(Self, OwnedFd)> {
        let (mapping, fd) = Mapping::create(&kind.memory_name(), DATA + len)?;
        // What stands for shared memory under Miri is never opened.
        #[cfg(not(miri))]
        Tag::write::<u8>(&mapping, TAG, kind, len);
        Ok((Self::over(mapping.keep_from_copies()), fd))
    }

    /// Is refused: there is no other process whose memory it could be.
    #[cfg(miri)]
    pub(super) fn open(_fd: impl AsFd, _kind: ObjectKind) -> Result<Self> {
        Err(crate::Error::Config("Miri knows no shared memory".into()))
    }

    /// What another process has created.
    #[cfg(not(miri))]
    pub(super) fn open(fd: impl AsFd, kind: ObjectKind) -> Result<Self> {
        let mapping = Mapping::open(fd)?;
        let len = Tag::read::<u8>(&mapping, TAG, kind)?;
        if len.checked_add(DATA) != Some(mapping.len()) {
            return Err(Tag::refusal::<u8>(kind));
        }
        Ok(Self::over(mapping.keep_from_copies()))
    }

    /// Bytes beyond the header.
    pub(super) fn len(&self) -> usize {
        self.mapping.len() - DATA
    }

    /// The address of byte `at`, which is at most [`len`](Memory::len).
    pub(super) fn byte(&self, at: usize) -> NonNull<u8> {
        assert!(at <= self.len(), "a ring lies inside its segment");
        // SAFETY: the offset lies inside the mapping of DATA + len bytes, or just behind it.
        unsafe { self.mapping.start().add(DATA + at) }
    }
}

#[cfg(not(multiproc_loom))]
const _: () = assert!(size_of::<Header>() <= DATA);

#[cfg(not(multiproc_loom))]
impl Memory {
    fn over(mapping: Mapping) -> Self {
        Self { mapping }
    }

    pub(super) fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, at least DATA bytes long and lives as long as self. Any
        // bytes are valid for Header: it consists of integers, those that change are atomics, and
        // the bootstrap record's are never looked at through it.
        unsafe { self.mapping.start().cast::<Header>().as_ref() }
    }
}

#[cfg(multiproc_loom)]
impl Memory {
    fn over(mapping: Mapping) -> Self {
        Self { mapping, header: Box::default() }
    }

    pub(super) fn header(&self) -> &Header {
        &self.header
    }
}
