//! Writing the result ring.

use std::sync::Arc;

use crate::protocol::{FrameHead, Kind};
use crate::ring::{Corrupt, Producer, Segment};
use crate::sys::bell::Bell;

pub(super) struct Outlet {
    segment: Arc<Segment>,
    bell: Arc<Bell>,
    ring: Producer,
    /// The payload in the making.
    pub(super) payload: Vec<u8>,
    /// Bytes a payload may have.
    cap: u64,
}

/// A buffer that a task has grown beyond this is not kept.
const KEPT: usize = 1 << 20;

impl Outlet {
    pub(super) fn new(segment: Arc<Segment>, bell: Arc<Bell>) -> Self {
        Self { ring: Producer::results(segment.clone()), segment, bell, payload: Vec::new(), cap: u64::MAX }
    }

    pub(super) fn set_cap(&mut self, cap: u64) {
        self.cap = cap;
    }

    pub(super) fn clear(&mut self) {
        self.payload.clear();
    }

    /// Sends the payload as a frame. Once this returns, the frame is there for the parent even if the worker dies.
    pub(super) fn send(&mut self, mut kind: Kind, times: Option<(u64, u64)>) -> Result<(), Corrupt> {
        let mut payload = std::mem::take(&mut self.payload);
        let len = payload.len() as u64;
        if len > self.cap {
            kind = Kind::TooLarge;
            payload.clear();
            payload.extend_from_slice(&len.to_le_bytes());
        }
        let head = FrameHead { kind, timed: times.is_some(), len: payload.len() as u64 };
        let (bytes, size) = head.encode();
        self.write(&bytes[..size])?;
        if let Some((start, end)) = times {
            self.write(&start.to_le_bytes())?;
            self.write(&end.to_le_bytes())?;
        }
        self.write(&payload)?;
        self.ring.publish();
        if self.ring.half_full()? {
            self.tell();
        }
        payload.clear();
        if payload.capacity() <= KEPT {
            self.payload = payload;
        }
        Ok(())
    }

    /// Wakes the parent if it sleeps.
    pub(super) fn tell(&self) {
        self.segment.header().tell_results(&self.bell);
    }

    /// Writes all of `bytes`, in as many pieces as the room in the ring asks for.
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Corrupt> {
        loop {
            let written = self.ring.write(bytes)?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                return Ok(());
            }
            self.ring.publish();
            self.tell();
            let mut outcome = Ok(0);
            self.segment.header().worker_waits(|| {
                outcome = self.ring.free(1);
                outcome != Ok(0)
            });
            outcome?;
        }
    }
}
