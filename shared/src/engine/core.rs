//! The state of a pool, under its one lock: workers, backlog, and the step that moves tasks and
//! results between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Waker;
use std::thread::{Thread, ThreadId};
use std::time::Instant;

use crate::engine::chunk::{Chunk, Tasks};
use crate::engine::config::Config;
use crate::engine::job::{Job, WhenDone};
use crate::engine::link::{Doom, Link};
use crate::engine::outside::{Order, Outside};
use crate::engine::pauses::Pauses;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::protocol::{Record, RecordKind};
use crate::sys::clock::now_ns;
use crate::sys::notifier::Notifier;
use crate::trace::TaskEvent;
use crate::zygote::ZygoteClient;

/// Steps between two looks at what needs a system call or the clock.
const SELDOM: u32 = 64;

/// No worker's slot.
pub(super) const NOBODY: usize = usize::MAX;

/// How far the pool is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Takes tasks.
    Open,
    /// Takes no more tasks, and ends its workers once it has none left.
    Closing,
    /// Over.
    Ended,
}

/// Counts for [`Stats`](crate::Stats).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) submitted: u64,
    pub(super) completed: u64,
    pub(super) failed: u64,
    /// Of the failed: those that were cancelled.
    pub(super) cancelled: u64,
    /// Nanoseconds that workers which are no more have run tasks.
    pub(super) spent: u64,
    pub(super) workers_started: u64,
    pub(super) workers_lost: u64,
}

/// What is to be done once the lock is released: all of it runs code of others.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) wakers: Vec<Waker>,
    pub(super) when_done: Vec<WhenDone>,
    pub(super) unpark: Vec<Thread>,
}

/// Who waits for results and drives the pool meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leader {
    Caller,
    Supervisor,
}

pub(super) struct Core {
    pub(super) config: Arc<Config>,
    pub(super) notifier: Arc<Notifier>,
    pub(super) phase: Phase,
    /// Tasks are refused; for those who ask without the lock.
    pub(super) refuses: Arc<AtomicBool>,
    /// Why no task can run any more.
    pub(super) broken: Option<Error>,
    pub(super) zygote: Option<Arc<ZygoteClient>>,
    /// The workers. A slot is reused, so that an index stays the same while its worker lives.
    pub(super) links: Vec<Option<Link>>,
    /// Slots of workers that have nothing to do, the most recently used last.
    pub(super) idle: Vec<usize>,
    /// The worker that was given something last, or [`NOBODY`].
    pub(super) hot: usize,
    pub(super) wanted: usize,
    /// The bounds of `wanted`, which follows the backlog between them.
    pub(super) least: usize,
    pub(super) most: usize,
    /// The thread that lets workers go that have had nothing to do for long.
    pub(super) keeper: Option<Thread>,
    pub(super) backlog: VecDeque<Chunk>,
    /// What a task of a function takes, in nanoseconds, as last seen. Functions are few, and asked
    /// about with every task.
    pub(super) costs: BTreeMap<u64, u64>,
    /// Tasks whose outcome is still to come.
    pub(super) outstanding: u64,
    pub(super) counts: Counts,
    pub(super) events: Vec<TaskEvent>,
    next_task: u64,
    pub(super) next_worker: u64,
    /// Workers that ended one after the other before they were ready.
    pub(super) failed_starts: u32,
    /// The last of them.
    pub(super) last_failed: u64,
    /// How the last worker to end did so.
    pub(super) last_exit: Option<ExitStatus>,
    /// When to look next for workers that have fallen silent (nanoseconds of the common clock).
    pub(super) pulse_due: u64,
    /// When to try again to start workers that the system refused.
    pub(super) start_again: Option<Instant>,
    /// What the system said when it refused.
    pub(super) refused: Option<Error>,
    pub(super) effects: Effects,
    pub(super) pauses: Pauses,
    steps: u32,
    pub(super) leader: Option<Leader>,
    /// How often the lead was taken, and by which thread the last time.
    pub(super) term: u64,
    pub(super) leads_in: Option<ThreadId>,
    /// The leader sleeps: who gives a worker something must have it ring.
    pub(super) asleep: bool,
    /// How often a caller took the lead.
    pub(super) leads: u64,
    /// The supervisor, if it sleeps until the caller who leads now leaves.
    pub(super) relief: Option<Thread>,
    /// A caller wants the lead that the supervisor has.
    pub(super) lead_wanted: bool,
    /// Threads that wait while another leads, and the jobs they wait for (0 for any).
    pub(super) followers: Vec<(u64, Thread)>,
    /// The last wait was so short that a busy one would have seen its end.
    pub(super) spin_pays: bool,
    /// Somebody waits for a job without a thread of his own.
    pub(super) unattended: bool,
    /// Those who run the tasks, if the workers of this engine do not.
    pub(super) outside: Option<Outside>,
}

impl Core {
    pub(super) fn new(config: Arc<Config>, notifier: Arc<Notifier>, zygote: Option<ZygoteClient>) -> Self {
        Self {
            wanted: config.processes,
            least: config.processes,
            most: config.max_processes,
            keeper: None,
            config,
            notifier,
            phase: Phase::Open,
            refuses: Arc::default(),
            broken: None,
            zygote: zygote.map(Arc::new),
            links: Vec::new(),
            idle: Vec::new(),
            hot: NOBODY,
            backlog: VecDeque::new(),
            costs: BTreeMap::new(),
            outstanding: 0,
            counts: Counts::default(),
            events: Vec::new(),
            next_task: 0,
            next_worker: 1,
            failed_starts: 0,
            last_failed: 0,
            last_exit: None,
            pulse_due: 0,
            start_again: None,
            refused: None,
            effects: Effects::default(),
            pauses: Pauses::default(),
            steps: 0,
            leader: None,
            term: 0,
            leads_in: None,
            asleep: false,
            leads: 0,
            relief: None,
            lead_wanted: false,
            followers: Vec::new(),
            spin_pays: true,
            unattended: false,
            outside: None,
        }
    }

    /// Goes on to a later phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = self.phase.max(phase);
        self.refuses.store(true, Relaxed);
    }

    /// Why no further task is taken, if so.
    pub(super) fn refusal(&self) -> Option<Error> {
        match (&self.broken, self.phase) {
            (Some(error), _) => Some(error.clone()),
            (None, Phase::Open) => None,
            (None, _) => Some(Error::Closed),
        }
    }

    /// Takes tasks into the backlog, or fails them at once if the pool takes none.
    pub(super) fn submit(&mut self, job: &Arc<Job>, tasks: Tasks) {
        let chunk = Chunk::new(job.clone(), self.next_task, tasks);
        self.next_task += u64::from(chunk.tasks.count);
        self.enqueue(chunk);
        self.dispatch();
        self.wake_carrier();
    }

    /// Adds a chunk to the backlog, or fails it if none is taken.
    pub(super) fn enqueue(&mut self, mut chunk: Chunk) {
        let count = u64::from(chunk.tasks.count);
        let full = self.outstanding.saturating_add(count) > self.config.reject_at;
        self.counts.submitted += count;
        self.outstanding += count;
        if let Some(error) = self.refusal().or(full.then_some(Error::Full)).or(self.not_for_travel(&chunk)) {
            chunk.fail_rest(&error);
            return self.finish(chunk);
        }
        self.backlog.push_back(chunk);
    }

    /// Adds a failure of one task that never got as far as a chunk.
    pub(super) fn submit_failed(&mut self, job: &Arc<Job>, error: Error) {
        let tasks = Tasks { count: 1, ..Tasks::default() };
        let mut chunk = Chunk::new(job.clone(), self.next_task, tasks);
        self.next_task += 1;
        self.counts.submitted += 1;
        self.outstanding += 1;
        chunk.fail(error);
        self.finish(chunk);
    }

    pub(super) fn link(&mut self, slot: usize) -> Option<&mut Link> {
        self.links.get_mut(slot)?.as_mut()
    }

    pub(super) fn living(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().flatten()
    }

    /// Moves everything that can move without waiting; says whether anything did.
    pub(super) fn step(&mut self) -> bool {
        let mut moved = false;
        for slot in 0..self.links.len() {
            moved |= self.collect(slot) | self.push(slot);
        }
        self.dispatch();
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(SELDOM) {
            moved |= self.attend();
        }
        moved
    }

    /// The part of a step that is not worth doing each time.
    pub(super) fn attend(&mut self) -> bool {
        let moved = self.hear_reports();
        let now = now_ns();
        self.enforce_limits(now);
        self.feel_pulses(now);
        self.shrink(now);
        self.retire_if_closing();
        moved
    }

    /// Drops a job's state from the workers that hold it.
    pub(super) fn forget(&mut self, job: &Job) {
        if !job.has_state() {
            return;
        }
        self.order(Order::Forget(job.id));
        for slot in 0..self.links.len() {
            if let Some(link) = self.link(slot)
                && link.states.remove(&job.id)
            {
                link.send(Record { state: job.id, ..Record::new(RecordKind::Forget, 0) }, &[]);
                self.push(slot);
            }
        }
    }

    /// Writes what waits to be sent to a worker.
    pub(super) fn push(&mut self, slot: usize) -> bool {
        let asleep = self.asleep;
        let Some(link) = self.link(slot) else { return false };
        if asleep {
            link.header().parent_awaits(link.is_sending());
        }
        match link.push() {
            Ok(moved) => moved,
            Err(_) => {
                self.doom(slot, Doom::Corrupt);
                true
            }
        }
    }

    /// From now on nothing can run: fails all tasks that have not begun, and all to come.
    pub(super) fn break_down(&mut self, error: Error) {
        if self.broken.is_none() {
            self.broken = Some(error);
        }
        self.refuses.store(true, Relaxed);
        for slot in 0..self.links.len() {
            self.take_back(slot);
        }
        self.dispatch();
    }

    /// In a copy of the process that the pool belongs to: closes the copy's descriptors. Nobody's
    /// tasks are touched.
    pub(super) fn let_go(&mut self) {
        self.zygote = None;
        self.links.drain(..).flatten().for_each(Link::let_go);
    }

    /// Ends the pool now: all that is outstanding is cancelled.
    pub(super) fn end(&mut self) {
        self.enter(Phase::Ended);
        self.wake_carrier();
        self.dispatch();
        for slot in 0..self.links.len() {
            self.collect(slot);
            self.note_cut_short(slot);
            let (chunks, _) = self.take_apart(slot);
            chunks.into_iter().for_each(|chunk| self.settle(chunk));
        }
    }
}
