//! The memory that a pool shares with one worker: a header and the bytes of two rings. Under loom,
//! which plays both processes, the header is a plain one.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;

#[cfg(not(miri))]
use crate::bootstrap::RECORD_SPACE;
use crate::error::Result;
use crate::kind::{ObjectKind, Tag};
use crate::ring::header::{Cursors, Header, TAG_LEN};
#[cfg(miri)]
use crate::sys::heap::Mapping;
#[cfg(not(miri))]
use crate::sys::shm::Mapping;

/// Offset of the rings' bytes: the header has the first page to itself.
pub(crate) const DATA: usize = 4096;

/// Offset of the tag, which is part of the header, and not read through it.
#[cfg(not(miri))]
const TAG: usize = RECORD_SPACE;

const _: () = assert!(size_of::<Tag>() <= TAG_LEN);

/// The shared memory of one worker: the header, and the bytes of both rings.
#[derive(Debug)]
pub(crate) struct Segment {
    memory: Memory,
    capacity: usize,
}

impl Segment {
    /// Creates the memory for rings of `capacity` bytes each, a power of two.
    pub(crate) fn create(capacity: usize, kind: ObjectKind) -> Result<(Self, OwnedFd)> {
        debug_assert!(capacity.is_power_of_two());
        let (memory, fd) = Memory::create(2 * capacity, kind)?;
        Ok((Self { memory, capacity }, fd))
    }

    /// Maps what another process has created, if it is memory of this kind, for rings of a valid
    /// size.
    pub(crate) fn open(fd: impl AsFd, kind: ObjectKind) -> Result<Self> {
        let memory = Memory::open(fd, kind)?;
        let capacity = memory.len() / 2;
        if !capacity.is_power_of_two() || 2 * capacity != memory.len() {
            return Err(Tag::mismatch::<u8>(kind));
        }
        Ok(Self { memory, capacity })
    }

    pub(crate) fn header(&self) -> &Header {
        self.memory.header()
    }

    /// Returns the number of bytes that a ring holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns the number of bytes of a long message that are moved at a time: while one side
    /// copies a piece, the other copies the one before it.
    pub(crate) fn piece(&self) -> usize {
        self.capacity / 4
    }

    /// Returns the cursors and the first byte of the task ring (`true`) or the result ring
    /// (`false`).
    pub(super) fn ring(&self, tasks: bool) -> (&Cursors, NonNull<u8>) {
        let header = self.header();
        if tasks { (&header.tasks, self.memory.byte(0)) } else { (&header.results, self.memory.byte(self.capacity)) }
    }
}

/// A header, and bytes.
#[derive(Debug)]
struct Memory {
    mapping: Mapping,
    #[cfg(multiproc_loom)]
    header: Box<Header>,
}

impl Memory {
    /// Creates a header and `len` bytes, all zero.
    fn create(len: usize, kind: ObjectKind) -> Result<(Self, OwnedFd)> {
        let (mapping, fd) = Mapping::create(&kind.memory_name(), DATA + len)?;
        // What stands for shared memory under Miri is never opened.
        #[cfg(not(miri))]
        Tag::write::<u8>(&mapping, TAG, kind, len);
        Ok((Self::over(mapping.keep_from_copies()), fd))
    }

    /// Fails: under Miri there is no other process whose memory it could be.
    #[cfg(miri)]
    fn open(_fd: impl AsFd, _kind: ObjectKind) -> Result<Self> {
        Err(crate::Error::Config("Miri has no shared memory".into()))
    }

    /// Maps what another process has created.
    #[cfg(not(miri))]
    fn open(fd: impl AsFd, kind: ObjectKind) -> Result<Self> {
        let mapping = Mapping::open(fd)?;
        let len = Tag::read::<u8>(&mapping, TAG, kind)?;
        if len.checked_add(DATA) != Some(mapping.len()) {
            return Err(Tag::mismatch::<u8>(kind));
        }
        Ok(Self::over(mapping.keep_from_copies()))
    }

    /// Returns the number of bytes beyond the header.
    fn len(&self) -> usize {
        self.mapping.len() - DATA
    }

    /// Returns the address of byte `at`, which is at most [`len`](Memory::len).
    fn byte(&self, at: usize) -> NonNull<u8> {
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

    fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, at least DATA bytes long and lives as long as self.
        // Any bytes are valid for Header: it consists of integers, those that change are atomics,
        // and the bootstrap record's are never read through it.
        unsafe { self.mapping.start().cast::<Header>().as_ref() }
    }
}

#[cfg(multiproc_loom)]
impl Memory {
    fn over(mapping: Mapping) -> Self {
        Self { mapping, header: Box::default() }
    }

    fn header(&self) -> &Header {
        &self.header
    }
}
