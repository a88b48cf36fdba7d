//! Taking chunks back from a worker that has not begun them, or has ended.

use crate::engine::chunk::Chunk;
use crate::engine::worker_handle::{InFlight, WorkerHandle};
use crate::fds::Handles;

impl WorkerHandle {
    /// Takes back the chunks that the worker has not begun, in order. It will not begin them any
    /// more.
    pub(in crate::engine) fn revoke(&mut self) -> Vec<Chunk> {
        if self.is_sending() {
            // A record that is half in the ring has to be completed first, or the stream would
            // break off.
            return Vec::new();
        }
        let handles = self.in_flight.front().map(|sent| &sent.chunk.tasks().handles);
        if self.started() == self.finished && handles.is_some_and(Handles::is_spent) {
            // No other worker could run this one: its handles have gone to this worker. Chunks with
            // handles are always first.
            return Vec::new();
        }
        let begun = self.header().claim.0.revoke();
        self.epoch = self.epoch.wrapping_add(1);
        let keep = self.in_flight.iter().take_while(|sent| sent.number.wrapping_sub(begun) > u32::MAX / 2).count();
        // A large frame of the initializer belongs to no task.
        let keep = keep.max(self.large.is_some().into()).min(self.in_flight.len());
        let back: Vec<InFlight> = self.in_flight.drain(keep..).collect();
        self.number = begun;
        let mut chunks = Vec::new();
        for sent in back {
            self.load = self.load.saturating_sub(sent.cost);
            self.budget = self.budget.saturating_add(u64::from(sent.until - sent.chunk.done()));
            chunks.push(sent.chunk);
        }
        chunks
    }

    /// Returns everything that was given to a worker that has ended, and whether its first task had
    /// begun.
    pub(in crate::engine) fn into_chunks(mut self) -> (Vec<Chunk>, bool) {
        let begun = self.started() != self.finished || self.large.is_some();
        (self.in_flight.drain(..).map(|sent| sent.chunk).collect(), begun)
    }
}
