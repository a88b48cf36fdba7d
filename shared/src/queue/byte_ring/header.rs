//! The words of a first-in, first-out queue in shared memory, and how a killed process' changes
//! to them are completed.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::kind::Tag;
use crate::queue::control_words::Control;
use crate::sys::mutex::{Held, RobustMutex};
use crate::sys::words::words;

words! {
    /// One end of the queue: its position in bytes and in values. Changed under its lock, read by
    /// all.
    ///
    /// The two must change together, and a process can be killed between any two stores. So the
    /// position alone decides. The next position and count are stored first; the next holder of the
    /// lock, if it finds that the last one was killed, reads there what the count must be.
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
        /// The number of the region that the ring lies in. Changed under both locks.
        pub(super) region: AtomicU64,
        pub(super) control: Control,
    }
}

impl Header {
    /// Initializes zeroed memory as the header of an empty queue.
    pub(super) fn init(&self, capacity: u64) {
        self.put.mutex.init();
        self.get.mutex.init();
        self.control.init(capacity);
    }

    /// Returns the number of values in the queue, which may change meanwhile.
    pub(super) fn len(&self) -> u64 {
        // What was taken is read first: more may have been put since, so that the difference is
        // never negative by that.
        let taken = self.get.count();
        self.put.count().saturating_sub(taken)
    }

    /// Returns whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        let taken = self.get.position();
        self.put.position() <= taken
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

    /// Completes what the last holder of the lock could not. To be called with a fresh hold on it.
    pub(super) fn recover(&self, held: &Held<'_>) {
        if held.owner_died && self.position() == self.next_position.load(Acquire) {
            self.count.store(self.next_count.load(Acquire), Release);
        }
    }

    /// Advances to a position, by one value. The caller holds the lock.
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
    /// Does the part of [`advance`](Side::advance) that a process did which was killed in the
    /// middle of it.
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
    fn side_of_killed_holder_counts_what_its_position_implies() {
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
            side.recover(&held);
            let expected = if done < 3 { (16, 1) } else { (24, 2) };
            assert_eq!((side.position(), side.count()), expected, "killed after {done} of the stores");
        }
    }
}
