//! The pool's end of one worker: what was sent to it, what came back.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::engine::chunk::Chunk;
use crate::engine::trace::TaskEvent;
use crate::error::Error;
use crate::protocol::{Envelope, Frame, FrameHead, Kind, Record, RecordKind};
use crate::ring::{Consumer, Corrupt, Producer, Segment};
use crate::sys::clock::now_ns;

/// Chunks that may wait in a worker's ring, however short their tasks seem.
const MOST_IN_FLIGHT: usize = 1024;

/// Results from this size on are received into a buffer of their own, which the caller gets without another copy.
const LARGE: u64 = 16 * 1024;

/// Bytes taken from a ring at a time while results are small.
const GULP: usize = 256 * 1024;

/// Why a worker is about to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doom {
    /// Its task (the so-manieth of this worker) was cancelled.
    Cancelled(u64),
    /// Its task took too long.
    TimedOut(u64),
    /// What it wrote cannot be read.
    Corrupt,
}

/// How far a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Takes tasks.
    Serving,
    /// Was told to quit after what it has.
    Retiring,
    /// Will be killed, or already is.
    Doomed(Doom),
}

/// A chunk in a worker's ring.
pub(super) struct InFlight {
    pub(super) chunk: Chunk,
    /// How many tasks of the chunk, counted from its first, this worker was given: all of them, unless its budget was smaller.
    until: u32,
    number: u32,
    /// Estimated nanoseconds.
    cost: u64,
}

/// What [`Link::collect`] brought to light.
#[derive(Default)]
pub(super) struct Harvest {
    /// Chunks that left this worker: done, or to go on elsewhere.
    pub(super) chunks: Vec<Chunk>,
    pub(super) events: Vec<TaskEvent>,
    /// The initializer panicked.
    pub(super) init_failed: Option<Error>,
    /// Tasks that ended.
    pub(super) tasks: u64,
    pub(super) corrupt: bool,
}

pub(super) struct Link {
    pub(super) id: u64,
    pub(super) name: String,
    /// 0 until the nursery has reported it.
    pub(super) pid: u32,
    pub(super) stage: Stage,
    segment: Arc<Segment>,
    tasks: Producer,
    results: Consumer,
    /// Bytes that came and do not yet make a frame.
    inbox: Vec<u8>,
    /// A large frame in the making, and what its body will measure.
    large: Option<(FrameHead, Vec<u8>)>,
    /// Bytes to go into the task ring before any further chunk, and how many of them are there already.
    outbox: (Vec<u8>, usize),
    /// What has yet to be written of the last chunk's payload.
    sending: std::ops::Range<usize>,
    pub(super) in_flight: VecDeque<InFlight>,
    /// States the worker holds.
    pub(super) states: HashSet<u64>,
    epoch: u32,
    number: u32,
    /// Tasks it may still be given.
    pub(super) budget: u64,
    quit_sent: bool,
    /// Bytes a result may have.
    cap: u64,
    /// Results received.
    pub(super) finished: u64,
    /// Estimated nanoseconds until all it was given is done.
    pub(super) load: u64,
    /// When a result last came, or a chunk was given to it while it had none.
    pub(super) heard: u64,
    seen_busy: u64,
    seen_finished: u64,
}

impl Link {
    pub(super) fn new(id: u64, name: String, segment: Arc<Segment>, budget: u64, cap: u64) -> Self {
        Self {
            id,
            name,
            pid: 0,
            stage: Stage::Serving,
            tasks: Producer::tasks(segment.clone()),
            results: Consumer::results(segment.clone()),
            segment,
            inbox: Vec::new(),
            large: None,
            outbox: (Vec::new(), 0),
            sending: 0..0,
            in_flight: VecDeque::new(),
            states: HashSet::new(),
            epoch: 0,
            number: 0,
            budget,
            quit_sent: false,
            cap,
            finished: 0,
            load: 0,
            heard: now_ns(),
            seen_busy: 0,
            seen_finished: 0,
        }
    }

    /// Resident memory in bytes after the last chunk.
    pub(super) fn memory(&self) -> u64 {
        self.header().worker.memory.load(Relaxed)
    }

    pub(super) fn header(&self) -> &crate::ring::Header {
        self.segment.header()
    }

    /// Whether a further chunk can be handed over at once.
    pub(super) fn has_room(&self) -> bool {
        self.stage == Stage::Serving && self.budget > 0 && !self.is_sending() && self.in_flight.len() < MOST_IN_FLIGHT
    }

    pub(super) fn is_sending(&self) -> bool {
        !self.sending.is_empty() || self.outbox.1 < self.outbox.0.len()
    }

    /// Whether the initializer has run.
    pub(super) fn is_ready(&self) -> bool {
        self.header().worker.ready.load(Acquire) == 1
    }

    /// Sends a record that is not a chunk.
    pub(super) fn send(&mut self, record: Record, payload: &[u8]) {
        self.outbox.0.extend_from_slice(bytemuck::bytes_of(&record));
        self.outbox.0.extend_from_slice(payload);
    }

    /// Hands a chunk over, as much of it as the budget allows; `cost` is what a task is thought to take.
    pub(super) fn give(&mut self, chunk: Chunk, cost: u64) {
        debug_assert!(self.has_room());
        let count = u64::from(chunk.left()).min(self.budget) as u32;
        self.budget -= u64::from(count);
        if self.in_flight.is_empty() {
            self.heard = now_ns();
        }
        if let Some(state) = &chunk.job.state
            && self.states.insert(chunk.job.id)
        {
            let record = Record { state: chunk.job.id, ..Record::new(RecordKind::State, state.len()) };
            self.send(record, state);
        }
        let payload = chunk.payload(count);
        // A chunk whose last task is run alone is still framed as items unless it never had more than one.
        let record = Record {
            count: if chunk.tasks.count == 1 { 1 } else { count },
            epoch: self.epoch,
            number: self.number,
            function: chunk.job.function.0,
            state: if chunk.job.state.is_some() { chunk.job.id } else { 0 },
            ..Record::new(RecordKind::Run, payload.len())
        };
        self.send(record, &[]);
        self.sending = payload;
        let cost = cost.saturating_mul(count.into());
        self.load = self.load.saturating_add(cost);
        let until = chunk.done + count;
        self.in_flight.push_back(InFlight { chunk, until, number: self.number, cost });
        self.number = self.number.wrapping_add(1);
    }

    /// Has the worker quit once it has done what it was given.
    pub(super) fn retire(&mut self) {
        if self.stage == Stage::Serving {
            self.stage = Stage::Retiring;
        }
    }

    /// Writes what is to be sent, as far as there is room; says whether anything moved.
    pub(super) fn push(&mut self) -> Result<bool, Corrupt> {
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
            let written = self.tasks.write(&last.chunk.tasks.payload[self.sending.clone()])?;
            self.sending.start += written;
            moved += written;
        }
        if self.stage == Stage::Retiring && !self.is_sending() && !self.quit_sent {
            self.quit_sent = true;
            self.send(Record::new(RecordKind::Quit, 0), &[]);
            self.push()?;
            moved += 1;
        }
        if moved > 0 {
            self.tasks.publish();
            self.header().wake_worker();
        }
        Ok(moved > 0)
    }

    /// Takes what the worker has sent.
    pub(super) fn collect(&mut self, worker_pid: u32) -> Harvest {
        let mut harvest = Harvest::default();
        if self.stage == Stage::Doomed(Doom::Corrupt) {
            return harvest;
        }
        let before = self.finished;
        harvest.corrupt = self.read_frames(worker_pid, &mut harvest).is_err();
        harvest.tasks = self.finished - before;
        if harvest.tasks > 0 {
            self.heard = now_ns();
        }
        harvest
    }

    fn read_frames(&mut self, pid: u32, harvest: &mut Harvest) -> Result<(), Corrupt> {
        while self.results.available()? > 0 {
            if let Some((head, body)) = &mut self.large {
                let missing = head.body() as usize - body.len();
                self.results.read(body, missing)?;
                self.header().wake_worker();
                let Some((head, body)) = self.large.take_if(|(head, body)| head.body() as usize == body.len()) else {
                    continue;
                };
                self.accept(head, Err(body), pid, harvest)?;
                continue;
            }
            let mut inbox = std::mem::take(&mut self.inbox);
            self.results.read(&mut inbox, GULP)?;
            self.header().wake_worker();
            let used = self.take_apart(&inbox, pid, harvest);
            inbox.drain(..used.as_ref().copied().unwrap_or(0));
            self.inbox = inbox;
            used?;
        }
        Ok(())
    }

    /// Accepts the frames in `bytes`; says how many bytes they were.
    fn take_apart(&mut self, bytes: &[u8], pid: u32, harvest: &mut Harvest) -> Result<usize, Corrupt> {
        let mut at = 0;
        while let Some((head, size)) = FrameHead::decode(&bytes[at..]).map_err(|()| Corrupt)? {
            let rest = &bytes[at + size..];
            if head.len > self.cap {
                return Err(Corrupt);
            }
            if head.body() >= LARGE && (rest.len() as u64) < head.body() {
                let mut body = Vec::new();
                // The length is the worker's word: more than there is must not end this process.
                body.try_reserve_exact(head.body() as usize).map_err(|_| Corrupt)?;
                body.extend_from_slice(rest);
                self.large = Some((head, body));
                return Ok(bytes.len());
            }
            let Some(body) = rest.get(..head.body() as usize) else { break };
            at += size + body.len();
            self.accept(head, Ok(body), pid, harvest)?;
        }
        Ok(at)
    }

    fn accept(
        &mut self,
        head: FrameHead,
        body: Result<&[u8], Vec<u8>>,
        pid: u32,
        harvest: &mut Harvest,
    ) -> Result<(), Corrupt> {
        let bytes = match &body {
            Ok(slice) => slice,
            Err(owned) => &owned[..],
        };
        let frame = Frame::new(head, bytes);
        if frame.kind == Kind::Initializer {
            harvest.init_failed = Some(panicked(frame.payload, pid));
            return Ok(());
        }
        let running = self.in_flight.front_mut().ok_or(Corrupt)?;
        let chunk = &mut running.chunk;
        let task = chunk.first_task + u64::from(chunk.done);
        let failure = match frame.kind {
            Kind::Value => None,
            Kind::Panicked | Kind::Initializer => Some(panicked(frame.payload, pid)),
            Kind::Encode => Some(Error::Encode(text(frame.payload))),
            Kind::Decode => Some(Error::Decode(text(frame.payload))),
            Kind::TooLarge => {
                let bytes = frame.payload.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
                Some(Error::TooLarge { bytes, cap: self.cap })
            }
        };
        if let Some((start, end)) = frame.times {
            let failed = failure.is_some();
            harvest.events.push(TaskEvent { task, worker: self.id, pid, start, end, failed });
        }
        let whole = frame.payload.len() == bytes.len();
        match (failure, body) {
            (Some(error), _) => chunk.fail(error),
            (None, Err(owned)) if whole => chunk.succeed(Err(owned)),
            (None, Err(owned)) => chunk.succeed(Ok(Frame::new(head, &owned).payload)),
            (None, Ok(slice)) => chunk.succeed(Ok(Frame::new(head, slice).payload)),
        }
        self.finished += 1;
        if chunk.done == running.until
            && let Some(done) = self.in_flight.pop_front()
        {
            self.load = self.load.saturating_sub(done.cost);
            harvest.chunks.push(done.chunk);
        }
        Ok(())
    }

    /// The mean time of the tasks done since the last call, in nanoseconds, if there were any.
    pub(super) fn task_time(&mut self) -> Option<u64> {
        // The worker adds up its time after it has sent the results, so a sample can be a little late, never too early.
        let busy = self.header().worker.busy_ns.load(Relaxed);
        let (time, tasks) = (busy.wrapping_sub(self.seen_busy), self.finished - self.seen_finished);
        if time == 0 || tasks == 0 {
            return None;
        }
        (self.seen_busy, self.seen_finished) = (busy, self.finished);
        Some(time / tasks)
    }

    /// Whether a task runs now, and since when (nanoseconds of the common clock).
    pub(super) fn running_since(&self) -> Option<u64> {
        let words = &self.header().worker;
        let started = words.started.load(Acquire);
        (started != self.finished && !self.in_flight.is_empty()).then(|| words.started_at.load(Relaxed))
    }

    /// Takes back the chunks that the worker has not begun, in order. It will not begin them any more.
    pub(super) fn revoke(&mut self) -> Vec<Chunk> {
        if self.is_sending() {
            // A record that is half in the ring has to be completed first, or the stream would break off.
            return Vec::new();
        }
        let begun = self.header().claim.0.revoke();
        self.epoch = self.epoch.wrapping_add(1);
        let keep = self.in_flight.iter().take_while(|sent| sent.number.wrapping_sub(begun) > u32::MAX / 2).count();
        let back: Vec<InFlight> = self.in_flight.drain(keep..).collect();
        self.number = begun;
        let mut chunks = Vec::new();
        for sent in back {
            self.load = self.load.saturating_sub(sent.cost);
            self.budget = self.budget.saturating_add(u64::from(sent.until - sent.chunk.done));
            chunks.push(sent.chunk);
        }
        chunks
    }

    /// Everything that was given to a worker that has ended, and whether its first task had begun.
    pub(super) fn abandon(mut self) -> (Vec<Chunk>, bool) {
        let begun = self.header().worker.started.load(Acquire) != self.finished;
        (self.in_flight.drain(..).map(|sent| sent.chunk).collect(), begun)
    }
}

fn panicked(payload: &[u8], pid: u32) -> Error {
    match postcard::from_bytes::<Envelope>(payload) {
        Ok(Envelope { message, location, backtrace }) => Error::Panicked { message, location, backtrace, pid },
        Err(_) => Error::Decode("the worker reported a panic that cannot be read".into()),
    }
}

fn text(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}
