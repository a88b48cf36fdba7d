//! Writes frames to the result ring.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;

use crate::codec::fixed::Raw;
use crate::fds::Handles;
use crate::protocol::{FrameHead, Kind};
use crate::ring::{Corrupt, Producer, Segment};
use crate::worker::descriptors::Descriptors;

/// The producer of the result ring, with the wake-ups of the parent.
pub(super) struct ResultWriter {
    segment: Arc<Segment>,
    descriptors: Rc<Descriptors>,
    ring: Producer,
    /// Bytes that a payload may have.
    max_message: u64,
}

/// Payloads up to this size are copied behind their head, and written with it.
const SMALL: usize = 52;

/// Bytes of results that are published together while a chunk runs: an eighth of the ring, so that
/// neither side waits for the other.
const BATCH: u64 = 32 * 1024;

impl ResultWriter {
    pub(super) fn new(segment: Arc<Segment>, descriptors: Rc<Descriptors>) -> Self {
        Self { ring: Producer::results(segment.clone()), segment, descriptors, max_message: u64::MAX }
    }

    pub(super) fn set_max_message(&mut self, max_message: u64) {
        self.max_message = max_message;
    }

    /// Writes `payload`, a value that needs these handles or a reason why there is none, as a frame
    /// and empties it. Once this returns, the parent receives the frame
    /// even if the worker is killed; the parent sees it after [`publish`](ResultWriter::publish),
    /// or once there are [`BATCH`] bytes.
    pub(super) fn send(
        &mut self,
        mut kind: Kind,
        times: Option<(u64, u64)>,
        payload: &mut Vec<u8>,
        handles: Handles,
    ) -> Result<(), Corrupt> {
        let len = payload.len() as u64;
        if len > self.max_message {
            kind = Kind::TooLarge;
            payload.clear();
            payload.extend_from_slice(&len.to_le_bytes());
        } else if !handles.is_empty() {
            kind = self.send_handles(handles, payload)?;
        }
        let head = FrameHead { kind, timed: times.is_some(), len: payload.len() as u64 };
        let (bytes, size) = head.encode();
        if times.is_none() && payload.len() <= SMALL {
            let mut frame = [0; 12 + SMALL];
            frame[..size].copy_from_slice(&bytes[..size]);
            frame[size..size + payload.len()].copy_from_slice(payload);
            self.write(&frame[..size + payload.len()])?;
        } else {
            self.write(&bytes[..size])?;
            if let Some((start, end)) = times {
                self.write(&start.to_le_bytes())?;
                self.write(&end.to_le_bytes())?;
            }
            self.write(payload)?;
        }
        payload.clear();
        self.sent()
    }

    /// Sends handles ahead of the value that needs them; returns the kind of its frame. If they
    /// cannot be sent, `payload` is the reason.
    #[cold]
    fn send_handles(&mut self, handles: Handles, payload: &mut Vec<u8>) -> Result<Kind, Corrupt> {
        // The parent makes room for them as it reads the results before this one.
        self.publish()?;
        let Some(reason) = self.descriptors.send_handles(handles)? else { return Ok(Kind::ValueWithHandles) };
        payload.clear();
        payload.extend_from_slice(reason.as_bytes());
        Ok(Kind::Encode)
    }

    /// Returns whether a result may have this many bytes.
    #[inline]
    pub(super) fn allows(&self, len: usize) -> bool {
        len as u64 <= self.max_message
    }

    /// Writes a value that is the first `len` bytes of `raw` as a frame, as
    /// [`send`](ResultWriter::send) does.
    #[inline]
    pub(super) fn send_fixed(&mut self, raw: Raw, len: usize) -> Result<(), Corrupt> {
        let head = FrameHead::short_value(len);
        if !self.ring.write_short(head, raw, len)? {
            self.write(&head)?;
            self.write(&raw.to_ne_bytes()[..len])?;
        }
        self.sent()
    }

    /// Counts everything written as complete.
    #[inline]
    fn sent(&mut self) -> Result<(), Corrupt> {
        self.segment.header().running.solid.store(self.ring.written(), Release);
        if self.ring.unpublished() >= BATCH { self.publish() } else { Ok(()) }
    }

    /// Publishes all results, and wakes the parent if it sleeps.
    pub(super) fn publish(&mut self) -> Result<(), Corrupt> {
        self.ring.publish();
        if self.segment.header().results_awaited() { self.descriptors.notify() } else { Ok(()) }
    }

    /// Writes all of `bytes`, in as many pieces as the ring has room for.
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Corrupt> {
        let piece = self.segment.piece();
        loop {
            let written = self.ring.write(&bytes[..bytes.len().min(piece)])?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                return Ok(());
            }
            self.publish()?;
            if written > 0 {
                continue;
            }
            let mut outcome = Ok(0);
            self.segment.header().worker_waits(|| {
                outcome = self.ring.free(1);
                outcome != Ok(0)
            });
            outcome?;
        }
    }
}
