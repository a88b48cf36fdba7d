//! What has come from one rank: messages are put together from their pieces.
//!
//! A message goes in pieces. A large payload travels behind its head, which says how long it is: so
//! it is received where it stays, and neither side copies it.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::requests::{Buffer, Request, World};
use crate::sys::memory::fits;

/// The tag of a message's last piece, mostly its only one, and of those before it.
pub(super) const LAST: c_int = 1;
pub(super) const MORE: c_int = 2;
/// The tag of the head of a large payload, with the payload's length before it, and of the pieces
/// of the payload, which follow it.
pub(super) const HEAD: c_int = 3;
pub(super) const PAYLOAD: c_int = 4;
/// The tag of a heartbeat, which may come between the pieces of a message.
pub(super) const ALONE: c_int = 5;

/// The time for which memory is kept that the next large payload may take.
const MAX_SPARE: Duration = Duration::from_secs(1);

/// A message that has come.
pub(super) enum Message {
    /// Records.
    Batch(Vec<u8>),
    /// A single record, whose payload is large.
    Large { head: Vec<u8>, payload: Vec<u8> },
}

/// What has come of messages of one rank that are not complete.
#[derive(Default)]
pub(super) struct Inbox {
    /// The pieces of a message whose last one is still to come.
    pieces: Vec<u8>,
    /// The head of a large payload, while it comes. Nothing else is received from this rank then.
    head: Option<Request<Vec<u8>>>,
    /// Large payloads, in order.
    large: VecDeque<Large>,
}

/// A large payload that comes.
struct Large {
    head: Vec<u8>,
    buffer: Arc<Buffer>,
    /// How many bytes are still to come.
    left: usize,
}

impl Inbox {
    /// Returns whether a part of a message has come whose rest is still to come.
    pub(super) fn has_part(&self) -> bool {
        self.head.is_some() || !self.large.is_empty() || !self.pieces.is_empty()
    }

    /// Receives the head of a large payload. Nothing else is to be received from this rank until it
    /// is here.
    pub(super) fn set_head(&mut self, head: Option<Request<Vec<u8>>>) {
        self.head = head;
    }

    /// Returns whether the head of a large payload comes.
    pub(super) fn awaits_head(&self) -> bool {
        self.head.is_some()
    }

    /// Makes room for a large payload if its head is here; returns whether it is, or `None` if none
    /// comes.
    pub(super) fn begin_payload(&mut self, world: &mut World, spare: &mut Spare) -> Option<bool> {
        if !self.head.as_mut()?.is_done(world) {
            return Some(false);
        }
        let head = self.head.take().and_then(Request::into_memory).unwrap_or_default();
        if let Some((len, head)) = head.split_first_chunk() {
            self.add_head(usize::from_ne_bytes(*len), head.to_vec(), spare);
        }
        Some(true)
    }

    fn add_head(&mut self, len: usize, head: Vec<u8>, spare: &mut Spare) {
        self.large.push_back(Large { head, buffer: Arc::new(spare.take(len)), left: len });
    }

    /// Returns where the pieces go of the large payload that comes.
    pub(super) fn buffer(&self) -> Option<&Arc<Buffer>> {
        self.large.back().map(|large| &large.buffer)
    }

    /// Adds the next piece of a message. Returns the message if it is the last.
    pub(super) fn add(&mut self, piece: Vec<u8>, tag: c_int) -> Option<Message> {
        if tag == ALONE || tag == LAST && self.pieces.is_empty() {
            return Some(Message::Batch(piece));
        }
        self.pieces.extend_from_slice(&piece);
        (tag == LAST).then(|| Message::Batch(std::mem::take(&mut self.pieces)))
    }

    /// Counts bytes of the next large payload that have come. Returns the message if they are the
    /// last.
    pub(super) fn add_payload(&mut self, len: usize) -> Option<Message> {
        let large = self.large.front_mut()?;
        large.left = large.left.saturating_sub(len);
        if large.left > 0 {
            return None;
        }
        let Large { head, buffer, .. } = self.large.pop_front()?;
        Some(Message::Large { head, payload: buffer.into_bytes()? })
    }
}

/// The memory of a large payload that is not needed any more, for the next: its pages are in memory
/// already. (To clear new ones took more time than to copy the payload.)
#[derive(Default)]
pub(super) struct Spare(Option<(Vec<u8>, Instant)>);

impl Spare {
    /// Keeps the memory of a payload, if nothing else has it any more.
    pub(super) fn add(&mut self, memory: Option<Arc<Vec<u8>>>) {
        if let Some(bytes) = memory.and_then(Arc::into_inner) {
            self.0 = Some((bytes, Instant::now()));
        }
    }

    /// Returns a buffer of so many bytes.
    fn take(&mut self, len: usize) -> Buffer {
        Buffer::new(len, self.0.take().map(|(bytes, _)| bytes).filter(|bytes| fits(bytes, len)))
    }

    /// Frees what was not used for some time.
    pub(super) fn clear(&mut self) {
        self.0.take_if(|(_, since)| since.elapsed() > MAX_SPARE);
    }
}

/// Returns whether a piece is one of several.
pub(super) fn is_part(tag: c_int) -> bool {
    tag == MORE || tag == PAYLOAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_put_together_whatever_comes_between() {
        let mut inbox = Inbox::default();
        let is_batch = |message, bytes: &[u8]| matches!(message, Some(Message::Batch(batch)) if batch == bytes);
        assert!(inbox.add(vec![1], MORE).is_none() && inbox.has_part());
        assert!(is_batch(inbox.add(vec![9], ALONE), &[9]), "a heartbeat");
        assert!(is_batch(inbox.add(vec![2, 3], LAST), &[1, 2, 3]) && !inbox.has_part());
        assert!(is_batch(inbox.add(vec![], LAST), &[]));
    }

    #[test]
    fn large_payloads_are_complete_one_after_the_other() {
        let (mut inbox, mut spare) = (Inbox::default(), Spare::default());
        inbox.add_head(10, vec![1], &mut spare);
        inbox.add_head(4, vec![2], &mut spare);
        assert!(inbox.add_payload(6).is_none());
        let first = inbox.add_payload(4);
        assert!(matches!(first, Some(Message::Large { head, payload }) if head == [1] && payload.len() == 10));
        let second = inbox.add_payload(4);
        assert!(matches!(second, Some(Message::Large { head, payload }) if head == [2] && payload.len() == 4));
        assert!(inbox.add_payload(1).is_none() && !inbox.has_part(), "nobody has sent a head");
    }

    #[test]
    fn memory_is_used_again_if_it_fits_and_nothing_else_has_it() {
        let mut spare = Spare::default();
        let payload = Arc::new(vec![7; 1000]);
        let place = payload.as_ptr();
        spare.add(Some(payload.clone()));
        assert!(spare.0.is_none(), "it is shared");
        spare.add(Some(payload));
        let bytes = Arc::new(spare.take(900)).into_bytes().unwrap();
        assert_eq!((bytes.as_ptr(), bytes.len()), (place, 900));
        spare.add(Some(Arc::new(bytes)));
        let other = Arc::new(spare.take(10)).into_bytes().unwrap();
        assert!(other.len() == 10 && other.capacity() < 100, "far too large is freed");
    }
}
