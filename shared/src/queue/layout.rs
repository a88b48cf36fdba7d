//! The words of a first-in, first-out queue in shared memory.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::kind::Tag;
use crate::queue::common::Common;
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::words::words;

words! {
    /// One end of the queue: how far it is, in bytes and in values. Changed by who holds its lock, read by all.
    ///
    /// The two must change together, and a process can be killed between any two stores. So the position alone decides; where it goes and
    /// what will be counted then is written down first, and who finds that the last holder died reads there what the count must be.
    #[repr(align(128))]
    #[derive(Debug)]
    pub(super) struct Side {
        mutex: RobustMutex,
        /// Bytes put, or taken, since the start.
        position: AtomicU64,
        /// Values put, or taken, since the start.
        count: AtomicU64,
        next_position: AtomicU64,
        next_count: AtomicU64,
    }
}

words! {
    /// The start of a queue's memory.
    #[derive(Debug)]
    pub(super) struct Header {
        tag: Tag,
        pub(super) put: Side,
        pub(super) get: Side,
        /// Which of its regions the ring lies in. Changed by who holds both locks.
        pub(super) region: AtomicU64,
        pub(super) common: Common,
    }
}

impl Header {
    /// Makes zeroed memory the header of an empty queue.
    pub(super) fn init(&self, capacity: u64) {
        self.put.mutex.init();
        self.get.mutex.init();
        self.common.init(capacity);
    }

    /// Values in the queue, as far as can be told while others put and take.
    pub(super) fn len(&self) -> u64 {
        // What was taken is read first: more may have been put since, so that the difference is never
        // negative by that.
        let taken = self.get.count();
        self.put.count().saturating_sub(taken)
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        let taken = self.get.position();
        self.put.position() <= taken
    }

    pub(super) fn is_full(&self) -> bool {
        self.common.is_full(self.len())
    }
}

impl Side {
    pub(super) fn position(&self) -> u64 {
        self.position.load(Acquire)
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Acquire)
    }

    pub(super) fn mutex(&self) -> &RobustMutex {
        &self.mutex
    }

    /// To be called with a fresh hold on the lock: completes what its last holder could not.
    pub(super) fn mend(&self, held: &Held<'_>) {
        if held.owner_died && self.position() == self.next_position.load(Acquire) {
            self.count.store(self.next_count.load(Acquire), Release);
        }
    }

    /// Moves on to a position, by one value. The caller holds the lock.
    pub(super) fn advance(&self, position: u64) {
        let count = self.count().wrapping_add(1);
        self.next_position.store(position, Release);
        self.next_count.store(count, Release);
        self.position.store(position, Release);
        self.count.store(count, Release);
    }
}

#[cfg(test)]
impl Side {
    /// The part of [`advance`](Side::advance) that a process did which was killed in the middle of
    /// it.
    pub(super) fn advance_position_only(&self, position: u64) {
        let count = self.count() + 1;
        self.next_position.store(position, Release);
        self.next_count.store(count, Release);
        self.position.store(position, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::shm::Mapping;

    fn header() -> Mapping {
        let (mapping, _) = Mapping::create("multiproc-test", 4096).unwrap();
        mapping.words::<Header>(0).init(0);
        mapping
    }

    #[test]
    fn a_side_whose_holder_died_counts_what_its_position_says() {
        // The stores of `advance`, of which a killed process does the first few.
        type Step = fn(&Side);
        let steps: [Step; 4] = [
            |side| side.next_position.store(24, Release),
            |side| side.next_count.store(2, Release),
            |side| side.position.store(24, Release),
            |side| side.count.store(2, Release),
        ];
        for done in 0..=steps.len() {
            let mapping = header();
            let side = &mapping.words::<Header>(0).put;
            side.advance(16);
            steps[..done].iter().for_each(|step| step(side));
            let mut held = side.mutex().lock().unwrap();
            held.owner_died = true;
            side.mend(&held);
            let expected = if done < 3 { (16, 1) } else { (24, 2) };
            assert_eq!((side.position(), side.count()), expected, "killed after {done} of the stores");
        }
    }
}
