//! The words by which a pool and one worker coordinate, in the memory that they share; among them
//! the claim, which decides whether the worker begins a record or the parent takes it back.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use crate::atomics::{AtomicU32, AtomicU64};
#[cfg(not(multiproc_loom))]
use crate::bootstrap::{FAILURE_AT, RECORD_SPACE};

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
pub(super) const TAG_LEN: usize = 128;

/// The bytes of the tag, which are not read here.
type TagBytes = [[u8; 16]; TAG_LEN / 16];

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

/// The words of the worker, which only the worker writes. They change when it sleeps, and the
/// parent looks at them with each task: so they are on a cache line of their own.
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
}

/// What the worker, which alone writes these words, tells of its tasks. They change with each task.
#[repr(C, align(128))]
#[derive(Debug, Default)]
pub(crate) struct TaskWords {
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
    pub(crate) running: TaskWords,
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

/// A worker's right to begin the records in its ring, which the parent can take back.
///
/// The word holds an epoch (high half) and the number of records begun (low half). A record carries
/// the epoch in which it was sent and its number. The worker begins a record by raising the count,
/// which works only in the record's own epoch; the parent takes all records back that were not
/// begun by raising the epoch. One compare-and-swap decides each race, so a task is run by
/// the worker or given back, never both and never neither.
#[repr(transparent)]
#[derive(Debug, Default)]
pub(crate) struct Claim(AtomicU64);

const EPOCH: u64 = 1 << 32;

impl Claim {
    /// Claims record `number` of `epoch` for the worker; returns whether the worker may run it.
    pub(crate) fn begin(&self, epoch: u32, number: u32) -> bool {
        let word = u64::from(epoch) * EPOCH + u64::from(number);
        let next = u64::from(epoch) * EPOCH + u64::from(number.wrapping_add(1));
        self.0.compare_exchange(word, next, AcqRel, Acquire).is_ok()
    }

    /// Overwrites the word, as a worker that breaks the rules may do.
    #[cfg(all(test, not(multiproc_loom)))]
    pub(crate) fn garble(&self, word: u64) {
        self.0.store(word, Relaxed);
    }

    /// Ends the epoch, for the parent. Returns the number of records that were begun; those of
    /// higher numbers will not be.
    pub(crate) fn revoke(&self) -> u32 {
        self.0.fetch_add(EPOCH, AcqRel) as u32
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use super::*;

    #[test]
    fn record_is_begun_or_taken_back_never_both() {
        let claim = Claim::default();
        assert!(claim.begin(0, 0) && claim.begin(0, 1));
        assert!(!claim.begin(0, 1), "begun twice");
        assert_eq!(claim.revoke(), 2);
        assert!(!claim.begin(0, 2), "taken back, yet begun");
        assert!(claim.begin(1, 2));
    }

    #[test]
    fn count_wraps_within_its_half() {
        let claim = Claim(AtomicU64::new(u64::from(u32::MAX)));
        assert!(claim.begin(0, u32::MAX));
        assert_eq!(claim.revoke(), 0);
        assert!(claim.begin(1, 0));
    }
}
