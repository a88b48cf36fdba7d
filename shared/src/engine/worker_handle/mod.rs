//! The pool's handle of one worker: its state, what was sent to it and is taken back ([`send`]),
//! and what came of it ([`receive`]).

#[cfg(all(test, not(multiproc_loom)))]
mod fuzz;
mod receive;
mod send;
mod task_time;

pub(super) use receive::Received;

use std::collections::{HashSet, VecDeque};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;

use crate::engine::chunk::Chunk;
use crate::engine::job::Job;
use crate::engine::watchdog::Stall;
use crate::engine::worker_handle::task_time::TaskTime;
use crate::output::Stream;
use crate::protocol::FrameHead;
use crate::ring::{Consumer, Producer, Segment};
use crate::sys::now_ns;
use crate::sys::proc_stat::ProcStat;
use crate::sys::socket::Socket;

/// Time between two observations of a worker, in nanoseconds: seldom enough to cost nothing, often
/// enough for a call that waits for such a worker.
pub(super) const OBSERVATION_PERIOD: u64 = 500_000_000;

/// Why a worker is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KillReason {
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
pub(super) enum WorkerState {
    /// Takes tasks.
    Serving,
    /// Exits after the tasks that it has.
    Retiring,
    /// Will be killed, or already is.
    Killed(KillReason),
}

/// A worker's condition when it was observed, in nanoseconds.
pub(super) struct Observation {
    /// The time for which the zygote has owed a report about it: of its start, or of its end.
    pub(super) report_late: u64,
    /// The time for which it has made no progress.
    pub(super) quiet: u64,
    /// It has been asleep for two observations, with everything taken that it was sent, and results
    /// to come: what it wrote is not what was to be written, or its records were garbled.
    pub(super) confused: bool,
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
pub(super) struct WorkerHandle {
    id: u64,
    name: Arc<str>,
    /// 0 until the zygote has reported it.
    pid: u32,
    state: WorkerState,
    /// Its task, the n-th it began, was warned that its time is over.
    warned: Option<u64>,
    segment: Arc<Segment>,
    /// Where handles go and come from; its other end closes when the worker ends.
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
    max_message: u64,
    /// The initializer has run, or there is none.
    was_ready: bool,
    /// The number of results received.
    finished: u64,
    /// Estimated nanoseconds until all it was given is done.
    load: u64,
    /// When a result last came, or a chunk was given to it while it had none.
    last_active: u64,
    task_time: TaskTime,
    stall: Stall,
    /// What it writes to standard error, if that is captured.
    stderr: Option<Arc<Stream>>,
}

impl WorkerHandle {
    pub(super) fn new(
        id: u64,
        name: Arc<str>,
        (segment, socket): (Arc<Segment>, Socket),
        budget: u64,
        max_message: u64,
    ) -> Self {
        Self {
            id,
            name,
            pid: 0,
            state: WorkerState::Serving,
            warned: None,
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
            max_message,
            was_ready: false,
            finished: 0,
            load: 0,
            last_active: now_ns(),
            task_time: TaskTime::default(),
            stall: Stall::default(),
            stderr: None,
        }
    }

    /// Closes the descriptors of a worker of another process, of which this one is a copy. The
    /// drop of what the tasks hold may run foreign code, so they stay in memory.
    pub(super) fn close_copy(self) {
        let Self { in_flight, .. } = self;
        std::mem::forget(in_flight);
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns its process id, or 0 if the zygote has not reported that it was started.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    pub(super) fn set_pid(&mut self, pid: u32) {
        self.pid = pid;
    }

    /// Sets what comes of its standard error.
    pub(super) fn set_stderr(&mut self, stderr: Option<Arc<Stream>>) {
        self.stderr = stderr;
    }

    /// Returns the end of what its `task`-th task wrote to standard error, if that is captured.
    pub(super) fn stderr_of(&self, task: u64) -> Option<String> {
        self.stderr.as_ref()?.output_of(task)
    }

    pub(super) fn state(&self) -> WorkerState {
        self.state
    }

    pub(super) fn is_serving(&self) -> bool {
        self.state == WorkerState::Serving
    }

    pub(super) fn is_killed(&self) -> bool {
        matches!(self.state, WorkerState::Killed(_))
    }

    /// Returns `true` if it has chunks in flight.
    pub(super) fn has_work(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Returns `true` if chunks wait behind the one that it runs.
    pub(super) fn has_queued(&self) -> bool {
        self.in_flight.len() > 1
    }

    /// Returns `true` if the first chunk in flight is of `job`.
    pub(super) fn has_first(&self, job: &Arc<Job>) -> bool {
        self.in_flight.front().is_some_and(|sent| Arc::ptr_eq(sent.chunk.job(), job))
    }

    /// Returns `true` if any chunk in flight is of `job`.
    pub(super) fn has_chunk_of(&self, job: &Arc<Job>) -> bool {
        self.in_flight.iter().any(|sent| Arc::ptr_eq(sent.chunk.job(), job))
    }

    /// Returns the time limit that the tasks of the first chunk in flight have of their own, in
    /// nanoseconds.
    pub(super) fn time_limit(&self) -> Option<u64> {
        self.in_flight.front()?.chunk.job().limits().time
    }

    /// Returns the time that the task that it runs has after its time is over, in nanoseconds; 0 if
    /// it is not to be warned.
    pub(super) fn grace(&self) -> u64 {
        self.in_flight.front().map_or(0, |running| running.chunk.job().limits().grace)
    }

    /// Returns `true` if the task that it runs, or ran when it ended, was warned.
    pub(super) fn is_warned(&self) -> bool {
        self.warned == Some(self.started())
    }

    /// Records that the task that it runs is warned. It gets no other, which would receive the
    /// signal if it is late.
    pub(super) fn warn(&mut self) {
        self.warned = Some(self.started());
        self.retire();
    }

    /// Returns the function of the first chunk in flight.
    pub(super) fn function(&self) -> Option<u64> {
        self.in_flight.front().map(|sent| sent.chunk.job().function.0)
    }

    /// Returns `true` if it may be given no further task.
    pub(super) fn is_used_up(&self) -> bool {
        self.budget == 0
    }

    /// Returns the number of results received.
    pub(super) fn finished(&self) -> u64 {
        self.finished
    }

    /// Corrects an estimate of its load that was too small.
    pub(super) fn raise_load(&mut self, load: u64) {
        self.load = self.load.max(load);
    }

    /// Returns when a result last came, or a chunk was given to it while it had none.
    pub(super) fn last_active(&self) -> u64 {
        self.last_active
    }

    pub(super) fn header(&self) -> &crate::ring::Header {
        self.segment.header()
    }

    /// Has the worker exit once it has done what it was given.
    pub(super) fn retire(&mut self) {
        if self.is_serving() {
            self.state = WorkerState::Retiring;
        }
    }

    /// Records that the worker is killed. Returns `false` if it already was.
    pub(super) fn mark_killed(&mut self, reason: KillReason) -> bool {
        let first = !self.is_killed();
        if first {
            self.state = WorkerState::Killed(reason);
        }
        first
    }

    /// Returns `true` if something is awaited of it that may never come.
    pub(super) fn is_awaited(&self) -> bool {
        self.has_work() || self.pid == 0 || self.is_killed()
    }

    /// Returns whether the worker has ended. Its end of the socket is closed then, but not the
    /// copies that a stopped zygote may have, or a process that the worker has forked: one that has
    /// been `quiet` for long is looked up.
    fn has_ended(&self, quiet: u64) -> bool {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        let is_closed = poll(&mut socket, PollTimeout::ZERO).is_ok_and(|closed| closed > 0);
        let pid = Pid::from_raw(self.pid.cast_signed());
        is_closed || quiet >= OBSERVATION_PERIOD && ProcStat::of(pid).is_none_or(|worker| worker.has_ended())
    }

    /// Observes the worker, and wakes it if it has made no progress for long.
    pub(super) fn observe(&mut self, now: u64) -> Observation {
        let tasks_taken = self.header().tasks.head.0.position.load(Acquire);
        let seen = (self.started(), self.finished, tasks_taken);
        let quiet = self.stall.quiet_for(seen, self.has_work(), now);
        let report_due = self.pid == 0 || self.is_killed() || self.has_ended(quiet);
        let report_late = self.stall.report_late(report_due, now);
        let has_taken_all = self.has_work()
            && !self.is_sending()
            && tasks_taken == self.tasks.written()
            && self.results.available().is_ok_and(|bytes| bytes == 0);
        let asleep = has_taken_all && self.header().worker_sleeps();
        let confused = self.stall.stays_confused(asleep) && quiet >= OBSERVATION_PERIOD;
        if quiet >= OBSERVATION_PERIOD {
            // If its words are garbled, it may sleep although there is something for it.
            self.header().force_wake_worker();
        }
        Observation { report_late, quiet, confused }
    }
}
