//! The reading end of a ring.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::ring::header::MAX_POSITION;
use crate::ring::{Cursor, Segment};
use crate::sys::words::copy_out;

/// The error for a cursor that the peer has moved where it cannot be: the memory can't be trusted
/// any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrupt;

/// Copies bytes out, in order.
#[derive(Debug)]
pub(crate) struct Consumer {
    segment: Arc<Segment>,
    tasks: bool,
    /// Bytes read since the start.
    read: u64,
    /// The producer's tail as last seen.
    tail: u64,
    /// Whether the producer has ended, so that its tail is final.
    ended: bool,
    /// The bytes read when the producer was last told that there is room.
    told: u64,
}

impl Consumer {
    pub(crate) fn tasks(segment: Arc<Segment>) -> Self {
        Self { segment, tasks: true, read: 0, tail: 0, ended: false, told: 0 }
    }

    pub(crate) fn results(segment: Arc<Segment>) -> Self {
        Self { segment, tasks: false, read: 0, tail: 0, ended: false, told: 0 }
    }

    /// Creates a consumer that goes on where another one of the same ring has stopped.
    pub(crate) fn resume(segment: Arc<Segment>, tasks: bool) -> Result<Self, Corrupt> {
        let read = segment.ring(tasks).0.head.0.position.load(Acquire);
        if read > MAX_POSITION {
            return Err(Corrupt);
        }
        Ok(Self { segment, tasks, read, tail: read, ended: false, told: read })
    }

    /// Returns this side's cursor, and the producer's.
    pub(crate) fn cursors(&self) -> (&Cursor, &Cursor) {
        let (cursors, _) = self.segment.ring(self.tasks);
        (&cursors.head.0, &cursors.tail.0)
    }

    /// Returns the number of bytes that can be read now.
    pub(crate) fn available(&mut self) -> Result<usize, Corrupt> {
        self.filled(1)
    }

    /// Returns the number of bytes that can be read now. Loads the producer's cursor only if there
    /// were fewer than `want` at the last load.
    pub(crate) fn filled(&mut self, want: usize) -> Result<usize, Corrupt> {
        if self.tail - self.read < want as u64 && !self.ended {
            let tail = self.segment.ring(self.tasks).0.tail.0.position.load(Acquire);
            if tail < self.read || tail - self.read > self.segment.capacity() as u64 {
                return Err(Corrupt);
            }
            self.tail = tail;
        }
        Ok((self.tail - self.read) as usize)
    }

    /// Returns whether at least half of the ring's bytes are free: enough room to wake a producer
    /// for it. The producer may have filled some of it since the last load of its cursor.
    pub(crate) fn has_much_room(&self) -> bool {
        self.tail - self.read <= self.segment.capacity() as u64 / 2
    }

    /// Returns whether the producer, which sleeps only while the ring is full, may sleep for room
    /// that was made since this last returned `true`: the caller wakes it then. To be called after
    /// each read.
    ///
    /// The wake-up follows Dekker's rule (see [`sleep`](super::sleep)): a producer that it does not
    /// find asleep sees that what was read by then was. For that producer the ring is full only
    /// when it has written a ring's length beyond this position, and this is `true` as soon as so
    /// much was seen.
    pub(crate) fn is_room_news(&mut self) -> bool {
        let may_have_been_full = self.tail - self.told >= self.segment.capacity() as u64;
        if may_have_been_full {
            self.told = self.read;
        }
        may_have_been_full
    }

    /// Makes everything up to `solid` readable, and what was published beyond it (pieces of a
    /// message that will not be completed), after the producer has ended.
    pub(crate) fn reach(&mut self, solid: u64) -> Result<(), Corrupt> {
        let shown = self.segment.ring(self.tasks).0.tail.0.position.load(Acquire);
        let tail = solid.max(shown);
        if tail.wrapping_sub(self.read) > self.segment.capacity() as u64 {
            return Err(Corrupt);
        }
        self.tail = tail;
        self.ended = true;
        Ok(())
    }

    /// Moves up to `max` bytes to the end of `into` and gives their room back to the producer.
    /// Returns their number.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>, max: usize) -> Result<usize, Corrupt> {
        let len = self.available()?.min(max);
        let capacity = self.segment.capacity();
        let at = (self.read as usize) & (capacity - 1);
        let first = len.min(capacity - at);
        into.reserve(len);
        let (cursors, data) = self.segment.ring(self.tasks);
        // SAFETY: at + first ≤ capacity and len - first ≤ at, so both copies stay inside the ring's
        // bytes. The acquire load of the tail makes the producer's bytes visible, and it does not
        // write them again before it sees our head. A producer that breaks this rule can change the
        // bytes being copied, not the copy that is looked at.
        unsafe {
            copy_out(data.add(at), first, into);
            if first < len {
                copy_out(data, len - first, into);
            }
        }
        self.read += len as u64;
        cursors.head.0.position.store(self.read, Release);
        Ok(len)
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use super::*;
    use crate::kind::ObjectKind;
    use crate::ring::Producer;

    fn ring(capacity: usize) -> (Producer, Consumer, Arc<Segment>) {
        let segment = Arc::new(Segment::create(capacity, ObjectKind::Worker).unwrap().0);
        (Producer::tasks(segment.clone()), Consumer::tasks(segment.clone()), segment)
    }

    #[test]
    fn bytes_keep_their_order_across_the_wrap() {
        let (mut producer, mut consumer, _) = ring(64);
        let (mut sent, mut got) = (Vec::new(), Vec::new());
        for round in 0..100u8 {
            let piece: Vec<u8> = (0..=round % 50).collect();
            assert_eq!(producer.write(&piece).unwrap(), piece.len());
            producer.publish();
            sent.extend(piece);
            consumer.read(&mut got, usize::MAX).unwrap();
        }
        assert_eq!(sent, got);
    }

    #[test]
    fn unpublished_bytes_cannot_be_read() {
        let (mut producer, mut consumer, _) = ring(64);
        producer.write(b"half").unwrap();
        assert_eq!(consumer.available().unwrap(), 0);
        producer.publish();
        assert_eq!(consumer.available().unwrap(), 4);
    }

    #[test]
    fn complete_frames_of_an_ended_producer_are_read() {
        let (mut producer, mut consumer, _) = ring(64);
        producer.write(b"shown").unwrap();
        producer.publish();
        producer.write(b", solid").unwrap();
        let mut out = Vec::new();
        consumer.read(&mut out, 64).unwrap();
        consumer.reach(producer.written()).unwrap();
        consumer.read(&mut out, 64).unwrap();
        assert_eq!(out, b"shown, solid");
        assert_eq!(consumer.available(), Ok(0));
        assert_eq!(consumer.reach(80), Err(Corrupt));
    }

    #[test]
    fn ring_of_a_producer_that_ended_within_a_message_is_not_corrupt() {
        let (mut producer, mut consumer, _) = ring(64);
        producer.write(b"the first piece").unwrap();
        producer.publish();
        assert_eq!(consumer.reach(0), Ok(()));
        assert_eq!(consumer.available(), Ok(15));
    }

    /// Yields if there is nothing to do. On a busy machine that takes a time slice of each other
    /// thread.
    fn yield_if(idle: bool) {
        if idle {
            std::thread::yield_now();
        }
    }

    #[test]
    fn producer_and_consumer_run_in_two_threads() {
        let bytes: Vec<u8> = (0..if cfg!(miri) { 500 } else { 100_000 }).map(|n| n as u8).collect();
        let (mut producer, mut consumer, _) = ring(64);
        let mut got = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut left = &bytes[..];
                while !left.is_empty() {
                    let written = producer.write(&left[..left.len().min(29)]).unwrap();
                    left = &left[written..];
                    producer.publish();
                    yield_if(written == 0);
                }
            });
            while got.len() < bytes.len() {
                yield_if(consumer.read(&mut got, 17).unwrap() == 0);
            }
        });
        assert_eq!(got, bytes);
    }

    #[test]
    fn full_ring_takes_what_fits() {
        let (mut producer, mut consumer, _) = ring(16);
        assert_eq!(producer.write(&[7; 40]).unwrap(), 16);
        assert_eq!(producer.write(&[7; 40]).unwrap(), 0);
        producer.publish();
        let mut out = Vec::new();
        assert_eq!(consumer.read(&mut out, 10).unwrap(), 10);
        assert_eq!(producer.write(&[7; 40]).unwrap(), 10);
    }

    #[test]
    fn impossible_cursor_of_a_peer_is_corrupt() {
        let (mut producer, mut consumer, segment) = ring(16);
        segment.header().tasks.tail.0.position.store(17, Release);
        assert_eq!(consumer.available(), Err(Corrupt));
        segment.header().tasks.head.0.position.store(1, Release);
        assert_eq!(producer.free(17), Err(Corrupt));
    }
}
