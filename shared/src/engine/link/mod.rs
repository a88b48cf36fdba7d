//! The pool's end of one worker: what was sent to it ([`send`]), what came back ([`receive`]).

#[cfg(all(test, not(multiproc_loom)))]
mod fuzz;
mod receive;
mod send;

pub(in crate::engine) use receive::Harvest;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::bootstrap::Failure;
use crate::engine::chunk::Chunk;
use crate::engine::pulse::Pulse;
use crate::fds::Handles;
use crate::protocol::FrameHead;
use crate::ring::{Consumer, Producer, Segment};
use crate::sys::clock::now_ns;
use crate::sys::socket::Socket;

/// Chunks that may wait in a worker's ring, however short their tasks seem.
const MOST_IN_FLIGHT: usize = 1024;

/// A task that is said to take longer than this (nanoseconds, some 36 years) is thought to take so
/// long: the time is the worker's word.
const LONGEST: u64 = 1 << 60;

/// Why a worker is about to be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Doom {
    /// Its task (the so-manieth it began) was cancelled.
    Cancelled(u64),
    /// Its task took too long.
    TimedOut(u64),
    /// What it wrote cannot be read.
    Corrupt,
    /// It does not begin what it was given.
    Silent,
}

/// How far a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Stage {
    /// Takes tasks.
    Serving,
    /// Was told to quit after what it has.
    Retiring,
    /// Will be killed, or already is.
    Doomed(Doom),
}

/// A chunk in a worker's ring.
pub(in crate::engine) struct InFlight {
    pub(in crate::engine) chunk: Chunk,
    /// How many tasks of the chunk, counted from its first, this worker was given: all of them,
    /// unless its budget was smaller.
    until: u32,
    number: u32,
    /// Estimated nanoseconds.
    cost: u64,
}

/// One worker, as the pool sees it.
pub(in crate::engine) struct Link {
    pub(in crate::engine) id: u64,
    pub(in crate::engine) name: Arc<str>,
    /// 0 until the zygote has reported it.
    pub(in crate::engine) pid: u32,
    pub(in crate::engine) stage: Stage,
    segment: Arc<Segment>,
    /// Where handles go; its other end closes when the worker ends.
    pub(in crate::engine) socket: Socket,
    tasks: Producer,
    results: Consumer,
    /// Bytes that came and do not yet make a frame.
    inbox: Vec<u8>,
    /// A large frame in the making, and what its body will measure. Its task has begun, whatever
    /// else the worker says, and can go to no other worker: its arguments may be gone.
    large: Option<(FrameHead, Vec<u8>)>,
    /// Bytes to go into the task ring before any further chunk, and how many of them are there
    /// already.
    outbox: (Vec<u8>, usize),
    /// What has yet to be written of the last chunk's payload.
    sending: std::ops::Range<usize>,
    pub(in crate::engine) in_flight: VecDeque<InFlight>,
    /// States the worker holds.
    pub(in crate::engine) states: HashSet<u64>,
    epoch: u32,
    number: u32,
    /// Tasks it may still be given.
    pub(in crate::engine) budget: u64,
    quit_sent: bool,
    /// Bytes a result may have.
    cap: u64,
    /// The initializer has run, or there is none.
    pub(in crate::engine) was_ready: bool,
    /// Results received.
    pub(in crate::engine) finished: u64,
    /// Estimated nanoseconds until all it was given is done.
    pub(in crate::engine) load: u64,
    /// When a result last came, or a chunk was given to it while it had none.
    pub(in crate::engine) heard: u64,
    seen_busy: u64,
    seen_finished: u64,
    pub(in crate::engine) pulse: Pulse,
}

impl Link {
    pub(in crate::engine) fn new(
        id: u64,
        name: Arc<str>,
        (segment, socket): (Arc<Segment>, Socket),
        budget: u64,
        cap: u64,
    ) -> Self {
        Self {
            id,
            name,
            pid: 0,
            stage: Stage::Serving,
            tasks: Producer::tasks(segment.clone()),
            results: Consumer::results(segment.clone()),
            segment,
            socket,
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
            was_ready: false,
            finished: 0,
            load: 0,
            heard: now_ns(),
            seen_busy: 0,
            seen_finished: 0,
            pulse: Pulse::default(),
        }
    }

    /// In a copy of the process that the worker works for: closes the copy's end of the worker's
    /// socket. What the tasks hold may run code of others when it is dropped, and stays.
    pub(in crate::engine) fn let_go(self) {
        let Self { in_flight, .. } = self;
        std::mem::forget(in_flight);
    }

    /// Resident memory in bytes after the last chunk.
    pub(in crate::engine) fn memory(&self) -> u64 {
        self.header().worker.memory.load(Relaxed)
    }

    pub(in crate::engine) fn header(&self) -> &crate::ring::Header {
        self.segment.header()
    }

    /// Whether a further chunk can be handed over at once.
    pub(in crate::engine) fn has_room(&self) -> bool {
        self.stage == Stage::Serving && self.budget > 0 && !self.is_sending() && self.in_flight.len() < MOST_IN_FLIGHT
    }

    /// Whether what it must have before its first task, which may be large, is still on its way.
    pub(in crate::engine) fn is_being_set_up(&self) -> bool {
        self.stage == Stage::Serving && self.in_flight.is_empty() && self.is_sending()
    }

    pub(in crate::engine) fn is_sending(&self) -> bool {
        !self.sending.is_empty() || self.outbox.1 < self.outbox.0.len()
    }

    /// Bytes of the task ring that the worker has taken.
    pub(in crate::engine) fn tasks_taken(&self) -> u64 {
        self.header().tasks.head.0.position.load(Acquire)
    }

    /// Whether the worker has taken all that was written, and all that it has shown was received.
    pub(in crate::engine) fn has_taken_all(&mut self) -> bool {
        self.tasks_taken() == self.tasks.written() && self.results.available().is_ok_and(|bytes| bytes == 0)
    }

    /// Whether the initializer has run.
    pub(in crate::engine) fn is_ready(&self) -> bool {
        self.header().worker.ready.load(Acquire) == 1
    }

    /// Why its process could not begin, if it has left a word about that.
    pub(in crate::engine) fn failure(&self) -> Option<Failure> {
        Failure::from_word(self.header().failure())
    }

    /// The mean time of the tasks done since the last call, in nanoseconds, if there were any.
    pub(in crate::engine) fn task_time(&mut self) -> Option<u64> {
        // The worker adds up its time after it has sent the results, so a sample can be a little late,
        // never too early.
        let busy = self.busy_ns();
        let (time, tasks) = (busy.wrapping_sub(self.seen_busy), self.finished - self.seen_finished);
        if time == 0 || tasks == 0 {
            return None;
        }
        (self.seen_busy, self.seen_finished) = (busy, self.finished);
        Some((time / tasks).min(LONGEST))
    }

    /// Nanoseconds that the worker has run tasks.
    pub(in crate::engine) fn busy_ns(&self) -> u64 {
        self.header().worker.busy_ns.load(Relaxed)
    }

    /// Tasks the worker has begun.
    pub(in crate::engine) fn started(&self) -> u64 {
        self.header().worker.started.load(Acquire)
    }

    /// Whether a task runs now, and since when (nanoseconds of the common clock).
    pub(in crate::engine) fn running_since(&self) -> Option<u64> {
        let words = &self.header().worker;
        (self.started() != self.finished && !self.in_flight.is_empty()).then(|| words.started_at.load(Relaxed))
    }

    /// Takes back the chunks that the worker has not begun, in order. It will not begin them any
    /// more.
    pub(in crate::engine) fn revoke(&mut self) -> Vec<Chunk> {
        if self.is_sending() {
            // A record that is half in the ring has to be completed first, or the stream would break off.
            return Vec::new();
        }
        let handles = self.in_flight.front().map(|sent| &sent.chunk.tasks.handles);
        if self.started() == self.finished && handles.is_some_and(Handles::is_spent) {
            // Nobody else could run this one: its handles have gone to this worker. Chunks with handles are
            // always first.
            return Vec::new();
        }
        let begun = self.header().claim.0.revoke();
        self.epoch = self.epoch.wrapping_add(1);
        let keep = self.in_flight.iter().take_while(|sent| sent.number.wrapping_sub(begun) > u32::MAX / 2).count();
        // A large frame of the initializer is nobody's task.
        let keep = keep.max(self.large.is_some().into()).min(self.in_flight.len());
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
    pub(in crate::engine) fn abandon(mut self) -> (Vec<Chunk>, bool) {
        let begun = self.started() != self.finished || self.large.is_some();
        (self.in_flight.drain(..).map(|sent| sent.chunk).collect(), begun)
    }
}
