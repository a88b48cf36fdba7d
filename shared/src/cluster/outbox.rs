//! Records that wait to be sent to a rank as one message.

use std::mem;
use std::time::Instant;

use crate::cluster::protocol::{Head, RecordKind, push, push_with};
use crate::cluster::timing::Heartbeat;

/// The size from which a message is sent without waiting for more.
const FULL: usize = 1 << 20;

/// The next message to a rank.
pub(super) struct Outbox {
    message: Vec<u8>,
    /// When the last message was taken.
    sent: Instant,
}

impl Outbox {
    /// Returns an outbox without records.
    pub(super) fn new() -> Self {
        Self { message: Vec::new(), sent: Instant::now() }
    }

    /// Appends a record.
    pub(super) fn push(&mut self, head: Head, payload: &[u8]) {
        push(&mut self.message, head, payload);
    }

    /// Appends a record whose payload is written by `write`, which returns the final head.
    pub(super) fn push_with(&mut self, head: Head, write: impl FnOnce(&mut Vec<u8>) -> Head) {
        push_with(&mut self.message, head, write);
    }

    /// Appends a heartbeat if one is due; returns whether it was.
    pub(super) fn push_heartbeat(&mut self, heartbeat: Heartbeat) -> bool {
        let due = self.is_heartbeat_due(heartbeat);
        if due {
            self.push(Head::new(RecordKind::Heartbeat), &[]);
        }
        due
    }

    /// Returns whether nothing was sent for so long that a heartbeat is due.
    pub(super) fn is_heartbeat_due(&self, heartbeat: Heartbeat) -> bool {
        heartbeat.is_due(self.sent)
    }

    /// Returns whether the message is large enough to be sent now.
    pub(super) fn is_full(&self) -> bool {
        self.message.len() >= FULL
    }

    /// Takes the message, which is then sent; `None` if there are no records.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        if self.message.is_empty() {
            return None;
        }
        self.mark_sent();
        Some(mem::take(&mut self.message))
    }

    /// Records that a message is sent now.
    pub(super) fn mark_sent(&mut self) {
        self.sent = Instant::now();
    }

    /// Drops all records.
    pub(super) fn clear(&mut self) {
        self.message.clear();
    }
}
