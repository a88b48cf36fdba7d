//! The layout of the memory that a pool shares with one worker.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::error::Result;
use crate::ring::Claim;
use crate::sys::shm::Mapping;

/// Bytes at the start of a segment that are read and written through its descriptor only: the ticket by which a fresh
/// process learns what it is.
pub(crate) const TICKET_LEN: usize = 128;

/// Where the rings' bytes begin: the header has the first page to itself.
const DATA: usize = 4096;

/// A value on cache lines of its own. 128 bytes, because x86-64 fetches lines in pairs.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);

/// How far a ring has been written and read: byte counts since its start, which never wrap in practice (2^64 bytes).
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// Bytes shown by the producer.
    pub(crate) tail: Padded<AtomicU64>,
    /// Bytes taken by the consumer.
    pub(crate) head: Padded<AtomicU64>,
}

/// What the worker tells of itself. Only the worker writes here, but for `sleeping`, which the parent clears.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct WorkerWords {
    /// 1 while the worker sleeps (or is about to); the futex word.
    pub(crate) sleeping: AtomicU32,
    /// 1 once the initializer is done.
    pub(crate) ready: AtomicU32,
    /// Tasks begun since the start. One more than the results sent: that task runs now.
    pub(crate) started: AtomicU64,
    /// When the running task began (or, in a large chunk, one of its last), in nanoseconds of the common clock.
    pub(crate) started_at: AtomicU64,
    /// Bytes of results that are complete, shown or not. Only read once the worker has ended: while it lives, its parent
    /// looks at the ring's tail, which moves seldom, so that the two do not fight over a cache line for each small result.
    pub(crate) solid: AtomicU64,
    /// Nanoseconds spent in tasks, all told.
    pub(crate) busy_ns: AtomicU64,
    /// Resident memory after the last chunk, in bytes, if the parent asked for it.
    pub(crate) memory: AtomicU64,
}

/// What the parent tells the worker.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct ParentWords {
    /// 1 while the parent sleeps and wants to hear of results.
    pub(crate) awaits_results: AtomicU32,
    /// 1 while the parent waits for room in the task ring.
    pub(crate) awaits_room: AtomicU32,
    /// [`Flags`].
    pub(crate) flags: AtomicU32,
}

/// The words at the start of a segment. All zero is the valid first state.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    ticket: [u8; TICKET_LEN],
    pub(crate) worker: WorkerWords,
    pub(crate) parent: ParentWords,
    pub(crate) claim: Padded<Claim>,
    pub(crate) tasks: Cursors,
    pub(crate) results: Cursors,
}

const _: () = assert!(size_of::<Header>() <= DATA);

/// What the worker is asked to do beside its tasks; may change while it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags;

impl Flags {
    /// Send each task's start and end along with its result.
    pub(crate) const TRACE: u32 = 1;
    /// Note the time when each task begins, also in large chunks.
    pub(crate) const STAMP: u32 = 2;
    /// Spin for a moment before sleeping: there is a CPU for it.
    pub(crate) const SPIN: u32 = 4;
    /// Report the memory in use after each chunk.
    pub(crate) const MEMORY: u32 = 8;
}

/// One worker's shared memory.
#[derive(Debug)]
pub(crate) struct Segment {
    mapping: Mapping,
    capacity: usize,
}

impl Segment {
    /// Makes the memory for rings of `capacity` bytes each, a power of two.
    pub(crate) fn create(capacity: usize) -> Result<(Self, OwnedFd)> {
        debug_assert!(capacity.is_power_of_two());
        let (mapping, fd) = Mapping::create("multiproc-worker", DATA + 2 * capacity)?;
        Ok((Self { mapping, capacity }, fd))
    }

    /// Maps what the parent made.
    pub(crate) fn open(fd: impl AsFd) -> Result<Self> {
        let mapping = Mapping::open(fd, DATA)?;
        let capacity = (mapping.len() - DATA) / 2;
        Ok(Self { mapping, capacity })
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the mapping is page-aligned, at least DATA bytes long and lives as long as self. Any bytes are valid for
        // Header: it consists of integers, those that change are atomics, and the ticket's are never looked at here.
        unsafe { self.mapping.start().cast::<Header>().as_ref() }
    }

    /// Bytes a ring holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The cursors and the first byte of the task ring (`true`) or the result ring (`false`).
    pub(super) fn ring(&self, tasks: bool) -> (&Cursors, NonNull<u8>) {
        let (cursors, at) =
            if tasks { (&self.header().tasks, DATA) } else { (&self.header().results, DATA + self.capacity) };
        // SAFETY: both offsets lie inside the mapping of DATA + 2 × capacity bytes.
        (cursors, unsafe { self.mapping.start().add(at) })
    }
}

impl Header {
    pub(crate) fn has(&self, flag: u32) -> bool {
        self.parent.flags.load(Relaxed) & flag != 0
    }

    pub(crate) fn set(&self, flag: u32, on: bool) {
        if on {
            self.parent.flags.fetch_or(flag, Relaxed);
        } else {
            self.parent.flags.fetch_and(!flag, Relaxed);
        }
    }
}
