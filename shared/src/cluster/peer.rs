//! A serving rank, as rank 0 sees it.

use std::collections::HashSet;
use std::mem;
use std::time::Instant;

use crate::cluster::Rank;
use crate::cluster::protocol::Garbled;
use crate::cluster::roster::Weight;
use crate::engine::Chunk;

/// A chunk that a rank has.
pub(super) struct Entry {
    pub(super) chunk: Chunk,
    pub(super) weight: Weight,
}

/// A serving rank, as rank 0 sees it.
pub(super) struct Peer {
    pub(super) rank: Rank,
    pub(super) lost: bool,
    /// The chunks that it has, by ticket.
    pub(super) entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    /// Jobs whose state it holds.
    pub(super) states: HashSet<u64>,
    /// What is to be sent.
    pub(super) outbox: Vec<u8>,
    pub(super) said: Instant,
    pub(super) asked_back: bool,
    pub(super) running: u64,
    pub(super) busy_ns: u64,
}

impl Peer {
    pub(super) fn new(rank: Rank) -> Self {
        Self {
            rank,
            lost: false,
            entries: Vec::new(),
            free: Vec::new(),
            states: HashSet::new(),
            outbox: Vec::new(),
            said: Instant::now(),
            asked_back: false,
            running: 0,
            busy_ns: 0,
        }
    }

    /// Keeps a chunk; says its ticket.
    pub(super) fn keep(&mut self, entry: Entry) -> u32 {
        if let Some(ticket) = self.free.pop() {
            self.entries[ticket as usize] = Some(entry);
            return ticket;
        }
        self.entries.push(Some(entry));
        self.entries.len() as u32 - 1
    }

    pub(super) fn take(&mut self, ticket: u32) -> Result<Entry, Garbled> {
        let entry = self.entries.get_mut(ticket as usize).and_then(Option::take).ok_or(Garbled)?;
        self.free.push(ticket);
        Ok(entry)
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Chunk> {
        self.free.clear();
        mem::take(&mut self.entries).into_iter().flatten().map(|entry| entry.chunk)
    }
}
