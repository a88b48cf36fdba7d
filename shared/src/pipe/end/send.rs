//! The sending side of a pipe's end.

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{self, Handles};
use crate::pipe::end::{End, HEAD, PIECE, RING, Sleepers, broken};
use crate::ring::{Producer, Spin};

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
    fn write_piece(&mut self, bytes: &[u8]) -> Result<usize> {
        self.ring.write(&bytes[..bytes.len().min(PIECE)]).map_err(broken)
    }

    /// Publishes what was written; returns whether the other side sleeps and must be woken.
    fn publish(&mut self) -> bool {
        self.ring.publish();
        let (own, other) = self.ring.cursors();
        own.must_wake(other)
    }

    /// Returns whether the other side has read all that was published.
    fn is_read(&mut self) -> Result<bool> {
        Ok(self.ring.free(RING).map_err(broken)? == RING)
    }

    pub(super) fn is_half_way(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Appends a message to what is left, to be [pushed](Sender::push_rest) while there is room.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn append(&mut self, head: &[u8], bytes: &[u8]) {
        self.rest.reserve_exact(head.len() + bytes.len());
        self.rest.extend_from_slice(head);
        self.rest.extend_from_slice(bytes);
    }

    /// Writes a piece of what is left. Returns how much, or `None` if nothing was left.
    fn push_rest(&mut self) -> Result<Option<usize>> {
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

impl End {
    /// Sends a message whole. Waits while the ring is full.
    pub(in crate::pipe) fn send(&self, bytes: &[u8], mut handles: Handles) -> Result<()> {
        self.check_moved()?;
        let mut sender = self.sender();
        self.check_connected()?;
        self.write_rest(&mut sender)?;
        let head = self.send_handles(bytes, &mut handles)?;
        self.write(&mut sender, &head)?;
        self.write(&mut sender, bytes)?;
        self.publish_last(&mut sender)
    }

    /// Fails if the other end is known to be gone.
    pub(in crate::pipe) fn check_connected(&self) -> Result<()> {
        if self.notifier.has_ended() { Err(Error::Disconnected) } else { Ok(()) }
    }

    /// Sends a message's handles ahead of it; returns the head that is to precede its bytes.
    pub(in crate::pipe) fn send_handles(&self, bytes: &[u8], handles: &mut Handles) -> Result<[u8; HEAD]> {
        let head = bytes.len() as u64 | (handles.len() as u64) << 48;
        if !handles.is_empty() {
            fds::send(self.notifier.socket(), handles, true)?;
        }
        Ok(head.to_le_bytes())
    }

    /// Writes what there is room for of what was left; returns whether all of it is out.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn push_rest(&self) -> Result<bool> {
        self.check_moved()?;
        let mut sender = self.sender();
        while let Some(written) = sender.push_rest()? {
            if sender.written == sender.rest.len() {
                self.publish_last(&mut sender)?;
            } else {
                self.publish(&mut sender)?;
            }
            if written == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Publishes what was written. Fails if that shows that the other end is gone.
    pub(super) fn publish(&self, sender: &mut Sender) -> Result<()> {
        if sender.publish() {
            self.notifier.notify();
            self.check_connected()?;
        }
        Ok(())
    }

    /// Publishes the end of a message. An end that is about to sleep looks again, so that it may
    /// have read the message, answered, and be gone before the wake-up comes: it was sent.
    fn publish_last(&self, sender: &mut Sender) -> Result<()> {
        self.publish(sender).or_else(|gone| if sender.is_read()? { Ok(()) } else { Err(gone) })
    }

    /// Writes bytes, of which the last piece is not published yet. Waits while the ring is full.
    pub(super) fn write(&self, sender: &mut Sender, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let written = sender.write_piece(bytes)?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                break;
            }
            self.publish(sender)?;
            if written == 0 {
                self.wait_for_room(sender)?;
            }
        }
        Ok(())
    }

    /// Writes what is left of a message that was given up. Waits while the ring is full. What
    /// cannot be written stays: an async function may wait until it is.
    fn write_rest(&self, sender: &mut Sender) -> Result<()> {
        while let Some(written) = sender.push_rest()? {
            self.publish(sender)?;
            if written == 0 {
                self.wait_for_room(sender)?;
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, sender: &mut Sender) -> Result<()> {
        let mut spin = Spin::new(can_spin());
        while !sender.has_room()? {
            if spin.again() {
                continue;
            }
            let received = self.notifier.received();
            sender.announce(true);
            let outcome = match sender.has_room() {
                Ok(false) => self.notifier.sleep(received, None),
                has_room => has_room,
            };
            sender.announce(false);
            outcome?;
        }
        Ok(())
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn message_read_by_an_end_that_is_gone_since_was_sent() {
        let (a, b) = End::pair().unwrap();
        let mut sender = a.sender();
        a.write(&mut sender, &1_u64.to_le_bytes()).unwrap();
        a.write(&mut sender, &[7]).unwrap();
        // What `publish` does, with the other end's life between its two steps.
        sender.ring.publish();
        assert_eq!(b.receive(Some(Instant::now())).unwrap().unwrap().bytes, [7]);
        drop(b);
        assert!(a.publish(&mut sender).is_err());
        a.publish_last(&mut sender).unwrap();
    }

    #[test]
    fn message_unread_by_an_end_that_is_gone_is_an_error() {
        let (a, b) = End::pair().unwrap();
        let mut sender = a.sender();
        drop(b);
        a.write(&mut sender, &1_u64.to_le_bytes()).unwrap();
        assert!(matches!(a.publish_last(&mut sender), Err(Error::Disconnected)));
    }
}
