//! The two sides of a pipe's end, each the state behind a mutex: what it sends and what it
//! receives.

use crate::error::{Error, Result};
use crate::ring::{Consumer, Corrupt, Cursor, Producer};
use crate::sys::memory::on_large_pages;
use crate::sys::pid::Owner;

/// Bytes of each of the two rings: a power of two.
pub(super) const RING: usize = 256 * 1024;

/// Bytes that are written before they are published, while a large message streams: so much of it
/// is copied out while the next is copied in.
pub(super) const PIECE: usize = 64 * 1024;

/// Bytes of a message's head: its length, and in the upper 16 bits the number of its handles.
pub(super) const HEAD: usize = 8;
pub(super) const MAX_LENGTH: u64 = (1 << 48) - 1;

/// The buffer for small messages is kept up to this size.
const MAX_KEPT: usize = 64 * 1024;

pub(super) fn broken(_: Corrupt) -> Error {
    Error::Decode("the memory of this pipe is garbled".into())
}

/// The number of threads of this side (and async functions) that have announced that they sleep.
/// The announcement stands until all are awake.
#[derive(Debug, Default)]
struct Sleepers(u32);

impl Sleepers {
    fn announce(&mut self, cursor: &Cursor, asleep: bool) {
        if asleep {
            self.0 += 1;
            cursor.begin_sleep();
        } else {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 {
                cursor.end_sleep();
            }
        }
    }
}

/// The side that sends.
#[derive(Debug)]
pub(in crate::pipe) struct Sender {
    ring: Producer,
    /// A message whose sender gave up waiting for room: what is left of it goes first.
    rest: Vec<u8>,
    /// How much of `rest` is written.
    written: usize,
    sleepers: Sleepers,
}

impl Sender {
    pub(super) fn new(ring: Producer) -> Self {
        Self { ring, rest: Vec::new(), written: 0, sleepers: Sleepers::default() }
    }

    /// Announces whether the other side has to send a wake-up when it makes room.
    pub(in crate::pipe) fn announce(&mut self, asleep: bool) {
        self.sleepers.announce(self.ring.cursors().0, asleep);
    }

    pub(in crate::pipe) fn has_room(&mut self) -> Result<bool> {
        Ok(self.ring.free(1).map_err(broken)? > 0)
    }

    /// Writes the first piece of `bytes`, as much of it as there is room for; returns how much.
    pub(super) fn write_piece(&mut self, bytes: &[u8]) -> Result<usize> {
        self.ring.write(&bytes[..bytes.len().min(PIECE)]).map_err(broken)
    }

    /// Publishes what was written; returns whether the other side sleeps and must be woken.
    pub(super) fn publish(&mut self) -> bool {
        self.ring.publish();
        let (own, other) = self.ring.cursors();
        own.must_wake(other)
    }

    pub(super) fn is_half_way(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Removes what is left of a message that was given up.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.rest);
        rest.drain(..std::mem::take(&mut self.written));
        rest
    }

    /// Appends a message to what is left, to be [pushed](Sender::push_rest) while there is room.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn append(&mut self, head: &[u8], bytes: &[u8]) {
        self.rest.reserve_exact(head.len() + bytes.len());
        self.rest.extend_from_slice(head);
        self.rest.extend_from_slice(bytes);
    }

    /// Writes a piece of what is left. Returns how much, or `None` if nothing was left.
    #[cfg(feature = "tokio")]
    pub(super) fn push_rest(&mut self) -> Result<Option<usize>> {
        let left = &self.rest[self.written..];
        if left.is_empty() {
            self.rest.clear();
            self.written = 0;
            return Ok(None);
        }
        let written = self.ring.write(&left[..left.len().min(PIECE)]).map_err(broken)?;
        self.written += written;
        Ok(Some(written))
    }

    /// Sets how far the other side sees this one, as a process that writes anything there.
    #[cfg(all(test, not(multiproc_loom)))]
    pub(super) fn garble(&self, position: u64) {
        self.ring.cursors().0.position.store(position, std::sync::atomic::Ordering::Relaxed);
    }
}

/// The side that receives. Threads take turns at it, for a step at a time: none holds it while it
/// sleeps.
#[derive(Debug)]
pub(super) struct Receiver {
    ring: Consumer,
    /// The message that is coming in, once its head is known.
    head: Option<Head>,
    /// Its bytes so far; without a message, the buffer for the next one.
    bytes: Vec<u8>,
    sleepers: Sleepers,
    /// The process whose end this is; none here once it moved to another.
    owner: Option<Owner>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    len: usize,
    handles: u64,
}

/// What came of a step at the receiver.
pub(super) enum Step<R> {
    Done(R),
    /// There is more to do at once.
    More,
    /// Nothing more is there.
    Wait,
}

impl Receiver {
    pub(super) fn new(ring: Consumer) -> Self {
        Self { ring, head: None, bytes: Vec::new(), sleepers: Sleepers::default(), owner: Some(Owner::here()) }
    }

    /// Announces whether the other side has to send a wake-up for what it sends.
    pub(super) fn announce(&mut self, asleep: bool) {
        self.sleepers.announce(self.ring.cursors().0, asleep);
    }

    /// Records that the end moved to another process, which has the cursors from now on.
    pub(super) fn move_out(&mut self) {
        self.owner = None;
    }

    /// Returns whether a message has begun to come in.
    pub(super) fn is_half_way(&self) -> bool {
        self.head.is_some()
    }

    /// Returns whether there is enough for a next step: a head, or some of a message.
    pub(super) fn has_more(&mut self) -> Result<bool> {
        let min = if self.is_half_way() { 1 } else { HEAD };
        Ok(self.ring.filled(min).map_err(broken)? >= min)
    }

    /// Returns whether a message has begun, of which only one byte may have come, or the memory is
    /// garbled, which is an error to be had.
    pub(super) fn has_begun(&mut self) -> bool {
        self.is_half_way() || self.ring.available() != Ok(0)
    }

    /// Reads what has come of a message, and calls `after_read` after each piece, with whether the
    /// other side sleeps and must be woken. Returns the message and the number of its handles once
    /// all of it has come.
    pub(super) fn receive(&mut self, mut after_read: impl FnMut(bool)) -> Result<Step<(Vec<u8>, u64)>> {
        if !self.has_more()? && self.head.is_none_or(|head| self.bytes.len() < head.len) {
            return Ok(Step::Wait);
        }
        let head = match self.head {
            Some(head) => head,
            None => self.begin(&mut after_read)?,
        };
        let mut pieces = 0;
        loop {
            let missing = head.len - self.bytes.len();
            if missing == 0 {
                self.head = None;
                return Ok(Step::Done((std::mem::take(&mut self.bytes), head.handles)));
            }
            if self.ring.available().map_err(broken)? == 0 {
                return Ok(Step::Wait);
            }
            if pieces > RING / PIECE {
                return Ok(Step::More);
            }
            after_read(self.read(missing)?);
            pieces += 1;
        }
    }

    fn begin(&mut self, after_read: &mut impl FnMut(bool)) -> Result<Head> {
        after_read(self.read(HEAD)?);
        let head = self.bytes.first_chunk::<HEAD>().map_or(0, |head| u64::from_le_bytes(*head));
        self.bytes.clear();
        let (bytes, handles) = (head & MAX_LENGTH, head >> 48);
        // The other side can write any length: more than there is memory must not end this process.
        let too_large = |_| Error::Decode(format!("there is no memory for a message of {bytes} bytes"));
        self.bytes.try_reserve_exact(bytes as usize).map_err(too_large)?;
        on_large_pages(&mut self.bytes);
        let head = Head { len: bytes as usize, handles };
        self.head = Some(head);
        Ok(head)
    }

    /// Moves up to `max` bytes from the ring to the message; returns whether the other side sleeps
    /// and must be woken.
    fn read(&mut self, max: usize) -> Result<bool> {
        self.ring.read(&mut self.bytes, max.min(PIECE)).map_err(broken)?;
        let (own, other) = self.ring.cursors();
        Ok(own.must_wake(other))
    }

    /// Keeps the buffer of a received message for the next one.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        if self.bytes.capacity() == 0 && buffer.capacity() <= MAX_KEPT {
            buffer.clear();
            self.bytes = buffer;
        }
    }
}

impl Drop for Receiver {
    /// Announces sleep for good: the socket is closed by now, and the other side finds that out
    /// when it sends a wake-up with its next message.
    fn drop(&mut self) {
        if self.owner.is_some_and(Owner::is_here) {
            self.ring.cursors().0.begin_sleep();
        }
    }
}
