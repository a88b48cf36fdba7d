//! Sending to a worker: records, chunks and their handles; and taking chunks back that it has not
//! begun.

use crate::engine::chunk::Chunk;
use crate::engine::worker_handle::{InFlight, WorkerHandle, WorkerState};
use crate::error::{Error, Result};
use crate::fds::{self, Handles, Payload};
use crate::protocol::{RECORD_LEN, Record, RecordKind};
use crate::ring::Corrupt;
use crate::sys::now_ns;

/// Chunks that may wait in a worker's ring, however short their tasks seem.
const MAX_IN_FLIGHT: usize = 1024;

impl WorkerHandle {
    /// Returns `true` if a further chunk can be handed over at once.
    pub(in crate::engine) fn has_room(&self) -> bool {
        self.is_serving() && self.budget > 0 && !self.is_sending() && self.in_flight.len() < MAX_IN_FLIGHT
    }

    /// Returns `true` if what it must have before its first task, which may be large, is still on
    /// its way.
    pub(in crate::engine) fn is_being_set_up(&self) -> bool {
        self.is_serving() && self.in_flight.is_empty() && self.is_sending()
    }

    pub(in crate::engine) fn is_sending(&self) -> bool {
        !self.sending.is_empty() || self.outbox.1 < self.outbox.0.len()
    }

    /// Queues a record that is not a chunk; [`flush`](WorkerHandle::flush) writes it.
    pub(in crate::engine) fn send(&mut self, record: Record, payload: &[u8]) {
        self.outbox.0.extend_from_slice(bytemuck::bytes_of(&record));
        self.outbox.0.extend_from_slice(payload);
    }

    /// Returns `true` if the ring has room for a chunk of `bytes` bytes, with the heads of its
    /// records.
    fn holds_whole(&mut self, bytes: usize) -> bool {
        let bytes = bytes + 2 * RECORD_LEN;
        self.tasks.free(bytes).is_ok_and(|free| free >= bytes)
    }

    /// Queues a record that is not a chunk, and sends the handles that come with it.
    pub(in crate::engine) fn send_carried(&mut self, record: Record, carried: &mut Payload) -> Result<()> {
        let handles = self.send_handles(&mut carried.handles)?;
        self.send(Record { handles, len: carried.bytes.len() as u64, ..record }, &carried.bytes);
        Ok(())
    }

    /// Sends handles ahead of their record. Returns how many they are.
    fn send_handles(&self, handles: &mut Handles) -> Result<u16> {
        if handles.is_empty() {
            return Ok(0);
        }
        let count = handles.len() as u16;
        match fds::send(&self.socket, handles, false) {
            // The worker has ended. Its tasks are dealt with when that is reported.
            Err(Error::Disconnected) => Ok(count),
            outcome => outcome.map(|()| count),
        }
    }

    /// Returns `true` if it has work, can be given a chunk of `bytes` bytes behind it, and has at
    /// most `max` nanoseconds of work then. The chunk must fit into the ring whole: half a chunk
    /// could not be taken back.
    #[inline]
    pub(in crate::engine) fn can_queue(&mut self, chunk: &Chunk, bytes: usize, cost: u64, max: u64) -> bool {
        self.has_work()
            && self.has_room()
            && self.load.saturating_add(cost) <= max
            && !self.needs_handles(chunk)
            && self.holds_whole(bytes)
    }

    /// Returns `true` if handles must be sent along with a chunk, its own or those of its state:
    /// they go at once, and must be of the next record that the worker takes.
    fn needs_handles(&self, chunk: &Chunk) -> bool {
        let job = chunk.job();
        let carries = || job.state().is_some_and(|state| !state.handles().is_empty());
        !chunk.tasks().handles.is_empty() || job.has_state() && !self.states.contains(&job.id) && carries()
    }

    /// Gives the worker a chunk, as much of it as the budget allows; `cost` is the estimated time
    /// of a task, and `once` means that it will not be sent once more, so that its handles are not
    /// kept. Returns the chunk with its tasks failed if its handles cannot be sent.
    #[must_use]
    pub(in crate::engine) fn give(&mut self, mut chunk: Chunk, cost: u64, once: bool) -> Option<Chunk> {
        debug_assert!(self.has_room());
        let handles = match self.send_state(&chunk).and_then(|()| self.send_handles(chunk.handles_mut())) {
            Ok(handles) => handles,
            Err(error) => {
                chunk.fail_rest(&error);
                return Some(chunk);
            }
        };
        if once {
            *chunk.handles_mut() = Handles::default();
        }
        let count = u64::from(chunk.left()).min(self.budget) as u32;
        self.budget -= u64::from(count);
        if self.in_flight.is_empty() {
            self.last_active = now_ns();
        }
        let payload = chunk.payload(count);
        let kind = match chunk.job().limits().time {
            _ if chunk.count() == 1 => RecordKind::RunOne,
            None => RecordKind::RunMany,
            Some(_) => RecordKind::RunManyTimed,
        };
        let record = Record {
            count,
            handles,
            epoch: self.epoch,
            number: self.number,
            function: chunk.job().function.0,
            state: if chunk.job().has_state() { chunk.job().id } else { 0 },
            names: chunk.names().len() as u64,
            ..Record::new(kind, payload.len() + chunk.names().len())
        };
        self.send(record, chunk.names());
        self.sending = payload;
        let cost = cost.saturating_mul(count.into());
        self.load = self.load.saturating_add(cost);
        let until = chunk.done() + count;
        self.in_flight.push_back(InFlight { chunk, until, number: self.number, cost });
        self.number = self.number.wrapping_add(1);
        None
    }

    /// Queues the state of a chunk's job, if the worker does not have it.
    fn send_state(&mut self, chunk: &Chunk) -> Result<()> {
        let id = chunk.job().id;
        if let Some(state) = chunk.job().state()
            && !self.states.contains(&id)
        {
            let kind = if state.is_shared() { RecordKind::SharedState } else { RecordKind::State };
            let handles = self.send_handles(&mut state.handles())?;
            self.send(Record { state: id, handles, ..Record::new(kind, state.bytes.len()) }, &state.bytes);
            self.states.insert(id);
        }
        Ok(())
    }

    /// Drops the state of a job, if the worker holds it. Returns `true` if so.
    pub(in crate::engine) fn forget(&mut self, job: u64) -> bool {
        let held = self.states.remove(&job);
        if held {
            self.send(Record { state: job, ..Record::new(RecordKind::Forget, 0) }, &[]);
        }
        held
    }

    /// Writes what is queued, as far as there is room. Returns `true` if anything moved.
    pub(in crate::engine) fn flush(&mut self) -> Result<bool, Corrupt> {
        let mut moved = 0;
        if self.outbox.1 < self.outbox.0.len() {
            let written = self.tasks.write(&self.outbox.0[self.outbox.1..])?;
            self.outbox.1 += written;
            moved += written;
            if self.outbox.1 == self.outbox.0.len() {
                self.outbox.0.clear();
                self.outbox.1 = 0;
            }
        }
        if self.outbox.0.is_empty()
            && !self.sending.is_empty()
            && let Some(last) = self.in_flight.back()
        {
            // No more than the ring holds, however fast the worker reads, for the sake of the other
            // workers.
            let (piece, max) = (self.segment.piece(), moved + self.segment.capacity());
            loop {
                let payload = &last.chunk.tasks().payload[self.sending.clone()];
                let written = self.tasks.write(&payload[..payload.len().min(piece)])?;
                self.sending.start += written;
                moved += written;
                if written < piece || self.sending.is_empty() || moved >= max {
                    break;
                }
                // The worker reads this piece while the next one is written.
                self.tasks.publish();
                self.segment.header().wake_worker();
            }
        }
        if self.state == WorkerState::Retiring && !self.is_sending() && !self.quit_sent {
            self.quit_sent = true;
            self.send(Record::new(RecordKind::Quit, 0), &[]);
            self.flush()?;
            moved += 1;
        }
        if moved > 0 {
            self.tasks.publish();
            self.header().wake_worker();
        }
        Ok(moved > 0)
    }

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
