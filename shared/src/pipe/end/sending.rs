//! The side of a pipe's end that sends.

use std::sync::{MutexGuard, PoisonError};

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{self, Handles};
use crate::pipe::end::{End, HEAD, Sleepers, broken};
use crate::ring::{Producer, Spin};

/// Bytes that are written before they are shown, while a large message streams: so much of it is
/// copied out while the next is copied in.
pub(super) const PIECE: usize = 64 * 1024;

#[derive(Debug)]
pub(in crate::pipe) struct Sender {
    pub(in crate::pipe) ring: Producer,
    /// What is left of a message whose sender gave up waiting for room, and how much of it is out:
    /// it goes first.
    pub(in crate::pipe) rest: (Vec<u8>, usize),
    pub(super) sleepers: Sleepers,
}

impl Sender {
    /// Says whether the other side has to ring when it makes room.
    pub(in crate::pipe) fn announce(&mut self, asleep: bool) {
        self.sleepers.announce(self.ring.cursors().0, asleep);
    }
}

impl End {
    /// Sends a message whole. Waits while the ring is full.
    pub(in crate::pipe) fn send(&self, bytes: &[u8], mut handles: Handles) -> Result<()> {
        self.check_moved()?;
        let mut sender = self.sender();
        self.check_there()?;
        if !sender.rest.0.is_empty() {
            let (rest, at) = std::mem::take(&mut sender.rest);
            self.write(&mut sender, &rest[at..])?;
        }
        let head = self.head(bytes, &mut handles)?;
        self.write(&mut sender, &head)?;
        self.write(&mut sender, bytes)?;
        self.show(&mut sender.ring)
    }

    /// Refuses to send to an end that is known to be gone.
    pub(in crate::pipe) fn check_there(&self) -> Result<()> {
        if self.notifier.has_ended() { Err(Error::Disconnected) } else { Ok(()) }
    }

    pub(in crate::pipe) fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message's handles ahead of it; what is to precede its bytes.
    pub(in crate::pipe) fn head(&self, bytes: &[u8], handles: &mut Handles) -> Result<[u8; HEAD]> {
        let head = bytes.len() as u64 | (handles.len() as u64) << 48;
        if !handles.is_empty() {
            fds::send(self.notifier.socket(), handles, true)?;
        }
        Ok(head.to_le_bytes())
    }

    /// Writes what there is room for of what was left; says whether all of it is out.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn push_rest(&self) -> Result<bool> {
        self.check_moved()?;
        let mut sender = self.sender();
        let Sender { ring, rest: (rest, at), .. } = &mut *sender;
        while *at < rest.len() {
            let written = ring.write(&rest[*at..rest.len().min(*at + PIECE)]).map_err(broken)?;
            *at += written;
            self.show(ring)?;
            if written == 0 {
                return Ok(false);
            }
        }
        rest.clear();
        *at = 0;
        Ok(true)
    }

    /// Shows what was written. Fails if that shows that the other end is gone.
    pub(super) fn show(&self, ring: &mut Producer) -> Result<()> {
        ring.publish();
        let (own, other) = ring.cursors();
        if own.must_wake(other) {
            self.notifier.notify();
            self.check_there()?;
        }
        Ok(())
    }

    pub(super) fn write(&self, sender: &mut Sender, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(PIECE)];
            let written = sender.ring.write(piece).map_err(broken)?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                break;
            }
            self.show(&mut sender.ring)?;
            if written == 0 {
                self.wait_for_room(sender)?;
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, sender: &mut Sender) -> Result<()> {
        let mut spin = Spin::new(can_spin());
        while sender.ring.free(1).map_err(broken)? == 0 {
            if spin.again() {
                continue;
            }
            let heard = self.notifier.heard();
            sender.announce(true);
            let outcome = match sender.ring.free(1).map_err(broken) {
                Ok(0) => self.notifier.sleep(heard, None),
                free => free.map(|_| true),
            };
            sender.announce(false);
            outcome?;
        }
        Ok(())
    }
}
