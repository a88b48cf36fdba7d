//! Peers: the serving ranks, as rank 0 sees them.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use crate::cluster::Rank;
use crate::cluster::balancer::Weight;
use crate::cluster::protocol::{Head, LARGE, Malformed, Outbox, RecordKind};
use crate::engine::{Chunk, Job};

/// A chunk that a rank has.
pub(super) struct AssignedChunk {
    /// Without its arguments, if they are large.
    pub(super) chunk: Chunk,
    /// Large arguments, which may still be on their way.
    pub(super) arguments: Option<Arc<Vec<u8>>>,
    /// What the chunk counted for when it was assigned.
    pub(super) weight: Weight,
}

impl AssignedChunk {
    /// Returns the chunk as it was before it was assigned.
    pub(super) fn unassign(mut self) -> Chunk {
        if let Some(arguments) = self.arguments {
            self.chunk.put_payload(Arc::unwrap_or_clone(arguments));
        }
        self.chunk
    }
}

/// A serving rank, as rank 0 sees it.
pub(super) struct Peer {
    rank: Rank,
    lost: bool,
    /// The chunks that the rank has, by slot.
    chunks: Vec<Option<AssignedChunk>>,
    /// Slots without a chunk.
    free: Vec<u32>,
    /// Jobs whose state the rank holds.
    states: HashSet<u64>,
    outbox: Outbox,
    /// Whether the rank was asked to return chunks and has not answered yet.
    asked_to_return: bool,
}

impl Peer {
    /// Returns a rank that has no chunks yet.
    pub(super) fn new(rank: Rank) -> Self {
        Self {
            rank,
            lost: false,
            chunks: Vec::new(),
            free: Vec::new(),
            states: HashSet::new(),
            outbox: Outbox::default(),
            asked_to_return: false,
        }
    }

    /// Returns the description of the rank.
    pub(super) fn rank(&self) -> &Rank {
        &self.rank
    }

    /// Returns whether the rank is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Returns the records that are to be sent to the rank.
    pub(super) fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Returns the state of a job, with its head, if the rank has not got it: it must be sent
    /// before any chunk of the job.
    pub(super) fn missing_state(&mut self, job: &Job) -> Option<(Head, Arc<Vec<u8>>)> {
        let bytes = &job.state()?.bytes;
        let head = Head { job: job.id, function: job.function.0, ..Head::new(RecordKind::State) };
        let head = head.with_limits(job.limits());
        self.states.insert(job.id).then(|| (head, bytes.clone()))
    }

    /// Assigns a chunk to the rank. Returns its arguments, with their head, if they are to be sent
    /// by themselves.
    pub(super) fn assign(&mut self, mut chunk: Chunk, weight: Weight) -> Option<(Head, Arc<Vec<u8>>)> {
        let (job, function) = (chunk.job().id, chunk.job().function.0);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.chunks.push(None);
            self.chunks.len() as u32 - 1
        });
        let (count, first, names) = (chunk.tasks().count, chunk.first_task(), chunk.tasks().names.into());
        let head = Head { slot, count, job, function, first, names, ..Head::new(RecordKind::Run) };
        let head = head.with_limits(chunk.job().limits());
        let arguments = (chunk.tasks().payload.len() >= LARGE).then(|| Arc::new(chunk.take_payload()));
        if arguments.is_none() {
            self.outbox.push(head, &chunk.tasks().payload);
        }
        let large = arguments.clone().map(|arguments| (head, arguments));
        debug_assert!(self.chunks[slot as usize].is_none());
        self.chunks[slot as usize] = Some(AssignedChunk { chunk, arguments, weight });
        large
    }

    /// Takes the chunk in a slot, which the rank has run or returned.
    pub(super) fn take(&mut self, slot: u32) -> Result<AssignedChunk, Malformed> {
        let assigned = self.chunks.get_mut(slot as usize).and_then(Option::take).ok_or(Malformed)?;
        self.free.push(slot);
        Ok(assigned)
    }

    /// Takes all chunks.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = AssignedChunk> {
        self.free.clear();
        mem::take(&mut self.chunks).into_iter().flatten()
    }

    /// Marks the rank as lost: what it has not been sent is dropped. Returns the chunks that it
    /// had.
    pub(super) fn lose(&mut self) -> Vec<AssignedChunk> {
        self.lost = true;
        self.outbox.clear();
        self.take_all().collect()
    }

    /// Records that the rank drops the state of a job; returns whether it had it.
    pub(super) fn forget_state(&mut self, job: u64) -> bool {
        self.states.remove(&job)
    }

    /// Asks the rank to return up to `count` chunks, unless it was asked already; returns whether
    /// it was asked now.
    pub(super) fn ask_to_return(&mut self, count: u32) -> bool {
        let asks = !mem::replace(&mut self.asked_to_return, true);
        if asks {
            self.outbox.push(Head { count, ..Head::new(RecordKind::Return) }, &[]);
        }
        asks
    }

    /// Records that the rank has sent what it had to return.
    pub(super) fn end_return(&mut self) {
        self.asked_to_return = false;
    }
}
