//! Sending at a pipe's end.

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{self, Handles};
use crate::pipe::end::End;
use crate::pipe::end::sides::{HEAD, Sender};
use crate::ring::Spin;

impl End {
    /// Sends a message whole. Waits while the ring is full.
    pub(in crate::pipe) fn send(&self, bytes: &[u8], mut handles: Handles) -> Result<()> {
        self.check_moved()?;
        let mut sender = self.sender();
        self.check_connected()?;
        if sender.is_half_way() {
            let rest = sender.take_rest();
            self.write(&mut sender, &rest)?;
        }
        let head = self.send_handles(bytes, &mut handles)?;
        self.write(&mut sender, &head)?;
        self.write(&mut sender, bytes)?;
        self.publish(&mut sender)
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
            self.publish(&mut sender)?;
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
