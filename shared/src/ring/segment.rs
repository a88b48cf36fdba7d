//! The layout of the memory that a pool shares with one worker.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use crate::atomics::{AtomicU32, AtomicU64};
use crate::error::Result;
use crate::kind::{ObjectKind, Tag};
use crate::ring::Claim;
use crate::ring::memory::Memory;

/// Bytes at the start of a segment that are read and written through its descriptor, but for the
/// last word: the bootstrap record by which a fresh process learns what it is.
pub(crate) const BOOTSTRAP_LEN: usize = 128;

/// The bytes of the bootstrap record, which are not looked at here, and why the process that got it could not
/// begin.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct BootstrapRecord {
    bytes: [[u8; 24]; 5],
    failure: AtomicU64,
}

/// Where in a segment the word is that says why its process could not begin; 0 while nothing is
/// known of that.
pub(crate) const FAILURE_AT: usize = BOOTSTRAP_LEN - size_of::<u64>();

#[cfg(not(multiproc_loom))]
const _: () = assert!(
    size_of::<BootstrapRecord>() == BOOTSTRAP_LEN && std::mem::offset_of!(BootstrapRecord, failure) == FAILURE_AT
);

/// Positions that arrive are below this, so that no sum of them overflows; no ring gets as far.
pub(super) const FURTHEST: u64 = 1 << 62;

/// Bytes behind the bootstrap record that say what this memory is.
pub(crate) const TAG_LEN: usize = 128;

/// The bytes of the tag, which are not looked at here.
pub(super) type TagBytes = [[u8; 16]; TAG_LEN / 16];

/// A value on cache lines of its own. 128 bytes, because x86-64 fetches lines in pairs.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);

/// What one side of a ring tells the other. Only that side writes here.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// Bytes since the start, which never wrap in practice (2^64 bytes).
    pub(crate) position: AtomicU64,
    /// The number of its sleep: odd while it sleeps, or is about to. (A pool and its workers have
    /// words of their own for this, one for all of their rings.)
    pub(super) sleeping: AtomicU32,
    /// The other side's last sleep that it has ended.
    pub(super) told: AtomicU32,
}

/// How far a ring has been written and read.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// Bytes shown by the producer.
    pub(crate) tail: Padded<Cursor>,
    /// Bytes taken by the consumer.
    pub(crate) head: Padded<Cursor>,
}

/// What the worker tells of itself. Only the worker writes here.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct WorkerWords {
    /// The number of the worker's sleep: odd while it sleeps, or is about to.
    pub(crate) sleeping: AtomicU32,
    /// The parent's last sleep for results that it was woken from.
    pub(crate) told_results: AtomicU32,
    /// The same for room.
    pub(crate) told_room: AtomicU32,
    /// 1 once the initializer is done.
    pub(crate) ready: AtomicU32,
    /// Tasks begun since the start. One more than the results sent: that task runs now.
    pub(crate) started: AtomicU64,
    /// When the running task began (or, in a large chunk, one of its last), in nanoseconds of the
    /// common clock.
    pub(crate) started_at: AtomicU64,
    /// Bytes of results that are complete, shown or not. Only read once the worker has ended: while
    /// it lives, its parent looks at the ring's tail, which moves seldom, so that the two do
    /// not fight over a cache line for each small result.
    pub(crate) solid: AtomicU64,
    /// Nanoseconds spent in tasks, all told.
    pub(crate) busy_ns: AtomicU64,
    /// Resident memory after the last chunk, in bytes, if the parent asked for it.
    pub(crate) memory: AtomicU64,
}

/// What the parent tells the worker. Only the parent writes here.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct ParentWords {
    /// The worker's last sleep that it was woken from; the futex word.
    pub(crate) woken: AtomicU32,
    /// The number of the parent's sleep for results: odd while it sleeps and wants to hear of them.
    pub(crate) awaits_results: AtomicU32,
    /// The same for room in the task ring.
    pub(crate) awaits_room: AtomicU32,
    /// [`Flags`].
    pub(crate) flags: AtomicU32,
}

/// The words at the start of a segment. All zero is the valid first state.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(super) bootstrap: BootstrapRecord,
    pub(super) tag: TagBytes,
    pub(crate) worker: WorkerWords,
    pub(crate) parent: ParentWords,
    pub(crate) claim: Padded<Claim>,
    pub(crate) tasks: Cursors,
    pub(crate) results: Cursors,
}

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

/// One worker's shared memory: the header, and the bytes of both rings.
#[derive(Debug)]
pub(crate) struct Segment {
    memory: Memory,
    capacity: usize,
}

impl Segment {
    /// Makes the memory for rings of `capacity` bytes each, a power of two.
    pub(crate) fn create(capacity: usize, kind: ObjectKind) -> Result<(Self, OwnedFd)> {
        debug_assert!(capacity.is_power_of_two());
        let (memory, fd) = Memory::create(2 * capacity, kind)?;
        Ok((Self { memory, capacity }, fd))
    }

    /// Maps what another process made, if it is memory of that kind, for rings of a size that rings
    /// can have.
    pub(crate) fn open(fd: impl AsFd, kind: ObjectKind) -> Result<Self> {
        let memory = Memory::open(fd, kind)?;
        let capacity = memory.len() / 2;
        if !capacity.is_power_of_two() || 2 * capacity != memory.len() {
            return Err(Tag::refusal::<u8>(kind));
        }
        Ok(Self { memory, capacity })
    }

    pub(crate) fn header(&self) -> &Header {
        self.memory.header()
    }

    /// Bytes a ring holds.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of a long message that are moved at a time: while one side copies a piece, the other
    /// copies the one before it.
    pub(crate) fn piece(&self) -> usize {
        self.capacity / 4
    }

    /// The cursors and the first byte of the task ring (`true`) or the result ring (`false`).
    pub(super) fn ring(&self, tasks: bool) -> (&Cursors, NonNull<u8>) {
        let header = self.header();
        if tasks { (&header.tasks, self.memory.byte(0)) } else { (&header.results, self.memory.byte(self.capacity)) }
    }
}

impl Header {
    /// The word at [`FAILURE_AT`].
    pub(crate) fn failure(&self) -> u64 {
        self.bootstrap.failure.load(Relaxed)
    }

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
