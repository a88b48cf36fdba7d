//! The claim on a record in a ring: the worker begins it, or the parent takes it back.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::atomics::AtomicU64;

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
        self.0.store(word, std::sync::atomic::Ordering::Relaxed);
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
