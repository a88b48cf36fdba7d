//! Reads records from the task ring.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ring::{Consumer, Corrupt, Segment};
use crate::sys::memory::{fits, on_large_pages};
use crate::worker::descriptors::Descriptors;

/// Bytes that are read from the ring at a time; larger payloads are read straight to their place.
const READ_LEN: usize = 64 * 1024;

/// The consumer of the task ring, with a buffer for short records.
pub(super) struct TaskReader {
    segment: Arc<Segment>,
    descriptors: Rc<Descriptors>,
    ring: Consumer,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that have been used.
    at: usize,
}

impl TaskReader {
    pub(super) fn new(segment: Arc<Segment>, descriptors: Rc<Descriptors>) -> Self {
        Self { ring: Consumer::tasks(segment.clone()), segment, descriptors, buffer: Vec::new(), at: 0 }
    }

    /// Returns whether there is nothing to read now.
    pub(super) fn is_empty(&mut self) -> Result<bool, Corrupt> {
        Ok(self.at == self.buffer.len() && self.ring.available()? == 0)
    }

    /// Sleeps until there is something to read; with a `time`, for about so long at most.
    pub(super) fn sleep(&mut self, time: Option<Duration>) -> Result<(), Corrupt> {
        let until = time.map(|time| Instant::now() + time);
        let (mut outcome, mut intact) = (Ok(0), Ok(()));
        let ready = || {
            outcome = self.ring.available();
            outcome != Ok(0)
        };
        // Asleep, a worker without its descriptors would go unnoticed until its next task.
        let may_not_sleep = || {
            intact = self.descriptors.check();
            intact.is_err() || until.is_some_and(|until| Instant::now() >= until)
        };
        self.segment.header().worker_waits_unless(ready, may_not_sleep, time);
        intact?;
        outcome.map(drop)
    }

    /// Moves at most `max` bytes from the ring to the end of `into`; waits for the first of them.
    fn read(&mut self, into: &mut Vec<u8>, max: usize) -> Result<(), Corrupt> {
        while self.ring.read(into, max)? == 0 {
            // The parent may sleep until there is room for the missing bytes.
            self.announce_room()?;
            self.sleep(None)?;
        }
        Ok(())
    }

    /// Wakes the parent if it sleeps until there is room.
    fn announce_room(&self) -> Result<(), Corrupt> {
        if self.segment.header().room_awaited() { self.descriptors.notify() } else { Ok(()) }
    }

    /// Reads the next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<&[u8], Corrupt> {
        if self.buffer.len() - self.at < len {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.drain(..self.at);
            self.at = 0;
            while buffer.len() < len {
                self.read(&mut buffer, READ_LEN)?;
            }
            self.announce_room()?;
            self.buffer = buffer;
        }
        self.at += len;
        Ok(&self.buffer[self.at - len..self.at])
    }

    /// Reads the next `len` bytes into a vector of their own, which is `spare` if they fit.
    pub(super) fn take_owned(&mut self, len: usize, mut spare: Vec<u8>) -> Result<Vec<u8>, Corrupt> {
        spare.clear();
        let mut bytes = if fits(&spare, len) {
            spare
        } else {
            // Freed before the other is allocated.
            drop(spare);
            let mut bytes = Vec::with_capacity(len);
            on_large_pages(&mut bytes);
            bytes
        };
        let buffered = len.min(self.buffer.len() - self.at);
        bytes.extend_from_slice(&self.buffer[self.at..self.at + buffered]);
        self.at += buffered;
        while bytes.len() < len {
            let missing = len - bytes.len();
            self.read(&mut bytes, missing.min(self.segment.piece()))?;
            if self.ring.has_much_room() || bytes.len() == len {
                self.announce_room()?;
            }
        }
        Ok(bytes)
    }
}
