//! The writing end of a ring.
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::ring::header::MAX_POSITION;
use crate::ring::{Corrupt, Cursor, Segment};
use crate::sys::words::{copy_in, store_in};

/// Copies bytes in; they are seen once [`publish`](Producer::publish)ed.
#[derive(Debug)]
pub(crate) struct Producer {
    segment: Arc<Segment>,
    tasks: bool,
    /// Bytes written, published or not.
    written: u64,
    published: u64,
    /// The consumer's head as last seen.
    head: u64,
}

impl Producer {
    pub(crate) fn tasks(segment: Arc<Segment>) -> Self {
        Self { segment, tasks: true, written: 0, published: 0, head: 0 }
    }

    pub(crate) fn results(segment: Arc<Segment>) -> Self {
        Self { segment, tasks: false, written: 0, published: 0, head: 0 }
    }

    /// Creates a producer that goes on where another one of the same ring has stopped.
    pub(crate) fn resume(segment: Arc<Segment>, tasks: bool) -> Result<Self, Corrupt> {
        let cursors = segment.ring(tasks).0;
        let head = cursors.head.0.position.load(Acquire);
        let written = cursors.tail.0.position.load(Acquire);
        let filled = written.checked_sub(head).filter(|_| written <= MAX_POSITION).ok_or(Corrupt)?;
        if filled > segment.capacity() as u64 {
            return Err(Corrupt);
        }
        Ok(Self { segment, tasks, written, published: written, head })
    }

    /// Returns this side's cursor, and the consumer's.
    pub(crate) fn cursors(&self) -> (&Cursor, &Cursor) {
        let (cursors, _) = self.segment.ring(self.tasks);
        (&cursors.tail.0, &cursors.head.0)
    }

    /// Returns the number of bytes that can be written now. Loads the consumer's cursor only if
    /// fewer than `want` were free at the last load.
    #[inline]
    pub(crate) fn free(&mut self, want: usize) -> Result<usize, Corrupt> {
        let capacity = self.segment.capacity() as u64;
        if capacity - (self.written - self.head) < want as u64 {
            let head = self.segment.ring(self.tasks).0.head.0.position.load(Acquire);
            if head < self.head || head > self.written {
                return Err(Corrupt);
            }
            self.head = head;
        }
        Ok((capacity - (self.written - self.head)) as usize)
    }

    /// Writes as much of `bytes` as fits, without publishing it; returns the number of bytes.
    #[inline]
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Corrupt> {
        let len = bytes.len().min(self.free(bytes.len())?);
        let capacity = self.segment.capacity();
        let at = (self.written as usize) & (capacity - 1);
        let first = len.min(capacity - at);
        let (_, data) = self.segment.ring(self.tasks);
        // SAFETY: at + first ≤ capacity and len - first ≤ at, so both copies stay inside the ring's
        // bytes, to which there are no references. Those from `written` on for `free` bytes belong
        // to the producer until it publishes them: the consumer reads below the tail only.
        unsafe {
            copy_in(&bytes[..first], data.add(at));
            if first < len {
                copy_in(&bytes[first..len], data);
            }
        }
        self.written += len as u64;
        Ok(len)
    }

    /// Writes `head` and the first `len` bytes of `value`, without publishing them, if there is
    /// room for all of both without a wrap; returns whether it did. All bytes are copied, because a
    /// copy of a fixed size needs no call; those beyond `len` lie in free room.
    #[inline]
    pub(crate) fn write_short(&mut self, head: [u8; 4], value: u128, len: usize) -> Result<bool, Corrupt> {
        const ALL: usize = 4 + size_of::<u128>();
        let capacity = self.segment.capacity();
        let at = (self.written as usize) & (capacity - 1);
        if self.free(ALL)? < ALL || capacity - at < ALL {
            return Ok(false);
        }
        let (_, data) = self.segment.ring(self.tasks);
        // SAFETY: at + ALL ≤ capacity, so both stay inside the ring's bytes, to which there are no
        // references; those from `written` on for `free` bytes, of which there are at least ALL,
        // belong to the producer.
        unsafe {
            store_in(head, data.add(at));
            store_in(value.to_ne_bytes(), data.add(at + 4));
        }
        self.written += (4 + len.min(size_of::<u128>())) as u64;
        Ok(true)
    }

    /// Publishes everything written so far, by one release store.
    pub(crate) fn publish(&mut self) {
        if self.published != self.written {
            self.segment.ring(self.tasks).0.tail.0.position.store(self.written, Release);
            self.published = self.written;
        }
    }

    /// Returns the number of bytes written since the start.
    #[inline]
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Returns the number of bytes written and not published.
    #[inline]
    pub(crate) fn unpublished(&self) -> u64 {
        self.written - self.published
    }
}
