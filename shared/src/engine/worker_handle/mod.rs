//! The pool's handle of one worker: what was sent to it ([`send`]), what came back ([`receive`]),
//! what is taken back ([`revoke`]), and for how long it has made no progress ([`stall`]).

#[cfg(all(test, not(multiproc_loom)))]
mod fuzz;
mod receive;
mod revoke;
mod send;
mod stall;

pub(in crate::engine) use receive::Received;
pub(in crate::engine) use stall::{OBSERVATION_PERIOD, Observation};

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::bootstrap::Failure;
use crate::engine::chunk::Chunk;
use crate::engine::job::Job;
use crate::engine::worker_handle::stall::Stall;
use crate::protocol::FrameHead;
use crate::ring::{Consumer, Producer, Segment};
use crate::sys::now_ns;
use crate::sys::socket::Socket;

/// Chunks that may wait in a worker's ring, however short their tasks seem.
const MAX_IN_FLIGHT: usize = 1024;

/// The longest time of a task that is believed (nanoseconds, some 36 years): it is the worker that
/// measured it.
const MAX_TASK_TIME: u64 = 1 << 60;

/// Why a worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum KillReason {
    /// Its task was cancelled, the one that was the n-th it began.
    Cancelled(u64),
    /// Its task, the n-th it began, took too long.
    TimedOut(u64),
    /// Its results cannot be read.
    Corrupt,
    /// It does not begin what it was given.
    Stalled,
}

/// How far a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum WorkerState {
    /// Takes tasks.
    Serving,
    /// Exits after the tasks that it has.
    Retiring,
    /// Will be killed, or already is.
    Killed(KillReason),
}

/// A chunk in a worker's ring.
struct InFlight {
    chunk: Chunk,
    /// Tasks of the chunk, counted from its first, that this worker was given: all of them, unless
    /// its budget was smaller.
    until: u32,
    number: u32,
    /// Estimated nanoseconds.
    cost: u64,
}

/// A worker, as the pool sees it.
pub(in crate::engine) struct WorkerHandle {
    id: u64,
    name: Arc<str>,
    /// 0 until the zygote has reported it.
    pid: u32,
    state: WorkerState,
    segment: Arc<Segment>,
    /// Where handles go; its other end closes when the worker ends.
    socket: Socket,
    tasks: Producer,
    results: Consumer,
    /// Bytes that came and do not yet make a frame.
    unread: Vec<u8>,
    /// A large frame in the making, and the size that its body will have. Its task has begun,
    /// whatever else the worker writes, and can go to no other worker: its arguments may be gone.
    large: Option<(FrameHead, Vec<u8>)>,
    /// Bytes to go into the task ring before any further chunk, and how many of them are there
    /// already.
    outbox: (Vec<u8>, usize),
    /// The part of the last chunk's payload that has yet to be written.
    sending: std::ops::Range<usize>,
    in_flight: VecDeque<InFlight>,
    /// Jobs whose state the worker holds.
    states: HashSet<u64>,
    epoch: u32,
    number: u32,
    /// The number of tasks it may still be given.
    budget: u64,
    quit_sent: bool,
    /// Bytes a result may have.
    cap: u64,
    /// The initializer has run, or there is none.
    was_ready: bool,
    /// The number of results received.
    finished: u64,
    /// Estimated nanoseconds until all it was given is done.
    load: u64,
    /// When a result last came, or a chunk was given to it while it had none.
    last_active: u64,
    seen_busy: u64,
    seen_finished: u64,
    stall: Stall,
}

impl WorkerHandle {
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
            state: WorkerState::Serving,
            tasks: Producer::tasks(segment.clone()),
            results: Consumer::results(segment.clone()),
            segment,
            socket,
            unread: Vec::new(),
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
            last_active: now_ns(),
            seen_busy: 0,
            seen_finished: 0,
            stall: Stall::default(),
        }
    }

    /// Closes the descriptors of a worker of another process, of which this one is a copy. The
    /// drop of what the tasks hold may run foreign code, so they stay in memory.
    pub(in crate::engine) fn close_copy(self) {
        let Self { in_flight, .. } = self;
        std::mem::forget(in_flight);
    }

    pub(in crate::engine) fn id(&self) -> u64 {
        self.id
    }

    pub(in crate::engine) fn name(&self) -> &str {
        &self.name
    }

    /// Returns its process id, or 0 if the zygote has not reported that it was started.
    pub(in crate::engine) fn pid(&self) -> u32 {
        self.pid
    }

    pub(in crate::engine) fn set_pid(&mut self, pid: u32) {
        self.pid = pid;
    }

    pub(in crate::engine) fn state(&self) -> WorkerState {
        self.state
    }

    pub(in crate::engine) fn is_serving(&self) -> bool {
        self.state == WorkerState::Serving
    }

    pub(in crate::engine) fn is_killed(&self) -> bool {
        matches!(self.state, WorkerState::Killed(_))
    }

    /// Returns `true` if it has chunks in flight.
    pub(in crate::engine) fn has_work(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Returns `true` if chunks wait behind the one that it runs.
    pub(in crate::engine) fn has_queued(&self) -> bool {
        self.in_flight.len() > 1
    }

    /// Returns `true` if the first chunk in flight is of `job`.
    pub(in crate::engine) fn has_first(&self, job: &Arc<Job>) -> bool {
        self.in_flight.front().is_some_and(|sent| Arc::ptr_eq(sent.chunk.job(), job))
    }

    /// Returns `true` if any chunk in flight is of `job`.
    pub(in crate::engine) fn has_chunk_of(&self, job: &Arc<Job>) -> bool {
        self.in_flight.iter().any(|sent| Arc::ptr_eq(sent.chunk.job(), job))
    }

    /// Returns the function of the first chunk in flight.
    pub(in crate::engine) fn function(&self) -> Option<u64> {
        self.in_flight.front().map(|sent| sent.chunk.job().function.0)
    }

    /// Returns `true` if it may be given no further task.
    pub(in crate::engine) fn is_used_up(&self) -> bool {
        self.budget == 0
    }

    /// Returns the number of results received.
    pub(in crate::engine) fn finished(&self) -> u64 {
        self.finished
    }

    /// Returns the estimated nanoseconds until all it was given is done.
    pub(in crate::engine) fn load(&self) -> u64 {
        self.load
    }

    /// Corrects an estimate of its load that was too small.
    pub(in crate::engine) fn raise_load(&mut self, load: u64) {
        self.load = self.load.max(load);
    }

    /// Returns when a result last came, or a chunk was given to it while it had none.
    pub(in crate::engine) fn last_active(&self) -> u64 {
        self.last_active
    }

    /// Returns the resident memory in bytes after the last chunk.
    pub(in crate::engine) fn memory(&self) -> u64 {
        self.header().worker.memory.load(Relaxed)
    }

    pub(in crate::engine) fn header(&self) -> &crate::ring::Header {
        self.segment.header()
    }

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

    /// Returns the number of bytes of the task ring that the worker has taken.
    fn tasks_taken(&self) -> u64 {
        self.header().tasks.head.0.position.load(Acquire)
    }

    /// Returns `true` if the worker has taken all that was written, and all that it has published
    /// was received.
    fn has_taken_all(&mut self) -> bool {
        self.tasks_taken() == self.tasks.written() && self.results.available().is_ok_and(|bytes| bytes == 0)
    }

    /// Returns `true` if the initializer has run, or there is none.
    pub(in crate::engine) fn is_ready(&self) -> bool {
        self.header().worker.ready.load(Acquire) == 1
    }

    /// Returns `true` if the worker was seen ready, is, or has finished a task.
    pub(in crate::engine) fn got_ready(&self) -> bool {
        self.was_ready || self.is_ready() || self.finished > 0
    }

    /// Returns why its process could not begin, if it wrote a reason.
    pub(in crate::engine) fn failure(&self) -> Option<Failure> {
        Failure::from_word(self.header().failure())
    }

    /// Returns the mean time of the tasks done since the last call, in nanoseconds, if there were
    /// any.
    fn task_time(&mut self) -> Option<u64> {
        // The worker adds up its time after it has sent the results, so a sample can be a little
        // late, never too early.
        let busy = self.busy_ns();
        let (time, tasks) = (busy.wrapping_sub(self.seen_busy), self.finished - self.seen_finished);
        if time == 0 || tasks == 0 {
            return None;
        }
        (self.seen_busy, self.seen_finished) = (busy, self.finished);
        Some((time / tasks).min(MAX_TASK_TIME))
    }

    /// Returns the nanoseconds for which the worker has run tasks.
    pub(in crate::engine) fn busy_ns(&self) -> u64 {
        self.header().worker.busy_ns.load(Relaxed)
    }

    /// Returns the number of tasks that the worker has begun.
    pub(in crate::engine) fn started(&self) -> u64 {
        self.header().worker.started.load(Acquire)
    }

    /// Returns since when a task runs (nanoseconds of the common clock), if one does.
    pub(in crate::engine) fn running_since(&self) -> Option<u64> {
        let words = &self.header().worker;
        (self.started() != self.finished && !self.in_flight.is_empty()).then(|| words.started_at.load(Relaxed))
    }

    /// Has the worker exit once it has done what it was given.
    pub(in crate::engine) fn retire(&mut self) {
        if self.is_serving() {
            self.state = WorkerState::Retiring;
        }
    }

    /// Records that the worker is killed. Returns `false` if it already was.
    pub(in crate::engine) fn mark_killed(&mut self, reason: KillReason) -> bool {
        let first = !self.is_killed();
        if first {
            self.state = WorkerState::Killed(reason);
        }
        first
    }
}
