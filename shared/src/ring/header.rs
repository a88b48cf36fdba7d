//! The words by which a pool and one worker coordinate, in the memory that they share.

use std::sync::atomic::Ordering::Relaxed;

use crate::atomics::{AtomicU32, AtomicU64};
#[cfg(not(multiproc_loom))]
use crate::bootstrap::{FAILURE_AT, RECORD_SPACE};
use crate::ring::Claim;

/// The bootstrap record, whose bytes are not read here, and why its process could not begin.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct BootstrapRecord {
    bytes: [[u8; 24]; 5],
    failure: AtomicU64,
}

#[cfg(not(multiproc_loom))]
const _: () = assert!(
    size_of::<BootstrapRecord>() == RECORD_SPACE && std::mem::offset_of!(BootstrapRecord, failure) == FAILURE_AT
);

/// The limit of positions that are read from a peer, so that no sum of them overflows. No ring gets
/// as far.
pub(super) const MAX_POSITION: u64 = 1 << 62;

/// Bytes behind the bootstrap record that hold the [`Tag`](crate::kind::Tag) of this memory.
pub(crate) const TAG_LEN: usize = 128;

/// The bytes of the tag, which are not read here.
pub(super) type TagBytes = [[u8; 16]; TAG_LEN / 16];

/// A value on cache lines of its own. 128 bytes, because x86-64 fetches lines in pairs.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct Padded<T>(pub(crate) T);

/// The words of one side of a ring, which only that side writes.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// Bytes since the start, which never wrap in practice (2^64 bytes).
    pub(crate) position: AtomicU64,
    /// The number of its sleep: odd while it sleeps, or is about to. (A pool and its workers have
    /// separate words for this, one for all of their rings.)
    pub(super) sleeping: AtomicU32,
    /// The number of the other side's last sleep from which this side has woken it.
    pub(super) woken: AtomicU32,
}

/// The cursors of a ring.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// Bytes published by the producer.
    pub(crate) tail: Padded<Cursor>,
    /// Bytes read by the consumer.
    pub(crate) head: Padded<Cursor>,
}

/// The words of the worker, which only the worker writes.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct WorkerWords {
    /// The number of the worker's sleep: odd while it sleeps, or is about to.
    pub(crate) sleeping: AtomicU32,
    /// The number of the parent's last sleep for results from which it was woken.
    pub(crate) woken_results: AtomicU32,
    /// The same for room.
    pub(crate) woken_room: AtomicU32,
    /// 1 once the initializer is done.
    pub(crate) ready: AtomicU32,
    /// Tasks begun since the start. One more than the results sent: that task runs now.
    pub(crate) started: AtomicU64,
    /// When the running task began (or, in a large chunk, one of its last), in nanoseconds of the
    /// common clock.
    pub(crate) started_at: AtomicU64,
    /// Bytes of results that are complete, published or not. Only read once the worker has ended:
    /// while it lives, its parent reads the ring's tail, which moves seldom, so that the two do
    /// not fight over a cache line for each small result.
    pub(crate) solid: AtomicU64,
    /// Nanoseconds spent in tasks, all woken.
    pub(crate) busy_ns: AtomicU64,
    /// Resident memory after the last chunk, in bytes, if [`Flags::MEMORY`] is set.
    pub(crate) memory: AtomicU64,
}

/// The words of the parent, which only the parent writes.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct ParentWords {
    /// The number of the worker's last sleep from which it was woken; the futex word.
    pub(crate) woken: AtomicU32,
    /// The number of the parent's sleep for results: odd while it sleeps and is to be woken for
    /// them.
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

/// What the worker does beside its tasks; may change while it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flags;

impl Flags {
    /// Send each task's start and end along with its result.
    pub(crate) const TRACE: u32 = 1;
    /// Store the time when each task begins, also in large chunks.
    pub(crate) const STAMP: u32 = 2;
    /// Spin for a moment before sleeping: there is a CPU for it.
    pub(crate) const SPIN: u32 = 4;
    /// Report the memory in use after each chunk.
    pub(crate) const MEMORY: u32 = 8;
}

impl Header {
    /// Returns the word at [`FAILURE_AT`](crate::bootstrap::FAILURE_AT).
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
