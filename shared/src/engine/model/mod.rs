//! Any order of operations on the workers and the backlog, against a model that says where each
//! chunk is.

mod fake_worker;
mod operation;

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::prelude::*;

use crate::engine::backlog::{Backlog, TaskCounts};
use crate::engine::chunk::{Chunk, Tasks};
use crate::engine::config::Config;
use crate::engine::job::{Job, TaskLimits};
use crate::engine::model::fake_worker::{FakeWorker, RING};
use crate::engine::model::operation::{JOBS, Op, op};
use crate::engine::worker_handle::{KillReason, WorkerHandle};
use crate::engine::workers::Workers;
use crate::error::Error;
use crate::exit_status::ExitStatus;
use crate::output::Outputs;
use crate::protocol::push_item;
use crate::task::{Function, Prepared};
use crate::zygote::StartMethod;

const CAP: u64 = 1 << 20;
/// Tasks that a worker may run before it retires.
const BUDGET: u64 = 6;

/// The real thing beside the model.
struct World {
    workers: Workers,
    backlog: Backlog,
    jobs: Vec<Arc<Job>>,
    fakes: Vec<Option<FakeWorker>>,
    /// The model of the queue: the number of each chunk's first task, which never changes.
    queued: VecDeque<u64>,
    /// The model of what workers have, by slot.
    given: Vec<Vec<u64>>,
    /// The model of the counts, in tasks.
    counts: TaskCounts,
}

/// Returns the limits of a job: every other one has a time limit.
fn limits(id: u64) -> TaskLimits {
    TaskLimits { time: id.is_multiple_of(2).then_some(u64::MAX), ..TaskLimits::default() }
}

/// Returns what tells chunks apart.
fn id(chunk: &Chunk) -> u64 {
    chunk.next_task() - u64::from(chunk.done())
}

impl World {
    fn new() -> Self {
        let prepared = || Prepared { function: Function(0), state: None, label: "" };
        Self {
            workers: Workers::new(),
            backlog: Backlog::default(),
            jobs: (1..=JOBS as u64)
                .map(|id| Arc::new(Job::new(id, prepared(), false, CAP, true).with_limits(limits(id))))
                .collect(),
            fakes: Vec::new(),
            queued: VecDeque::new(),
            given: Vec::new(),
            counts: TaskCounts::default(),
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Start if self.workers.count() < 4 => self.start(),
            Op::Start => {}
            Op::Submit { job, tasks } => self.submit(job, tasks),
            Op::Dispatch => self.dispatch(),
            Op::Run(slot) => {
                if let Some(Some(fake)) = self.fakes.get_mut(slot) {
                    fake.run();
                }
            }
            Op::Crash(slot) => self.crash(slot),
            Op::Receive(slot) => self.receive(slot, false),
            Op::TakeBack(slot) => {
                let chunks = self.workers.take_back(slot);
                self.requeue(slot, chunks);
            }
            Op::PassOver(slot) => {
                let chunks = self.workers.pass_over(slot);
                self.requeue(slot, chunks);
            }
            Op::Retire(slot) => {
                self.workers.retire(slot);
                self.workers.flush(slot, false).unwrap();
            }
            Op::Kill(slot) => {
                let was_killed = self.workers.get(slot).is_none_or(WorkerHandle::is_killed);
                assert_eq!(self.workers.mark_killed(slot, KillReason::Stalled).is_none(), was_killed);
            }
            Op::CancelJob(job) => {
                let job = self.jobs[job].clone();
                for chunk in self.backlog.remove_job(&job) {
                    assert!(Arc::ptr_eq(chunk.job(), &job));
                    self.cancel(chunk);
                }
                assert!(!self.backlog.has_job(&job));
            }
            Op::Withdraw(max) => {
                for chunk in self.backlog.withdraw(max) {
                    self.counts.submitted -= chunk.count();
                    self.unqueue(&chunk);
                }
                // Those that have begun may have changed places.
                self.queued = self.backlog.queued().map(id).collect();
            }
            Op::TakeAll => self.backlog.take_all().for_each(|chunk| self.cancel(chunk)),
        }
    }

    fn start(&mut self) {
        let (handle, fake) = FakeWorker::new(self.workers.next_id(), BUDGET, CAP);
        let free = (0..).find(|slot| self.workers.get(*slot).is_none());
        let slot = self.workers.add(handle);
        assert_eq!(Some(slot), free, "the lowest number that is free");
        if slot == self.fakes.len() {
            self.fakes.push(None);
            self.given.push(Vec::new());
        }
        self.fakes[slot] = Some(fake);
        assert!(self.given[slot].is_empty());
    }

    fn submit(&mut self, job: usize, count: u32) {
        let mut payload = Vec::new();
        (0..count).for_each(|_| push_item::<()>(&mut payload, |_| Ok(())).unwrap());
        let chunk = self.backlog.number(&self.jobs[job], Tasks { count, payload, ..Tasks::default() });
        self.queued.push_back(id(&chunk));
        self.counts.submitted += u64::from(count);
        self.backlog.add(&chunk);
        self.backlog.push_back(chunk);
    }

    /// Gives the first chunk to an idle worker, else to a busy one.
    fn dispatch(&mut self) {
        let Some(chunk) = self.backlog.front() else { return };
        let bytes = chunk.tasks().payload.len();
        let idle = self.workers.idle_worker();
        let fits = |slot: &usize| self.workers.can_queue(*slot, chunk, bytes, 1, u64::MAX);
        let Some(slot) = idle.or_else(|| self.fakes.iter().enumerate().map(|(slot, _)| slot).find(fits)) else {
            return;
        };
        let chunk = self.backlog.pop_front().unwrap();
        self.queued.pop_front();
        self.given[slot].push(id(&chunk));
        assert!(self.workers.assign(slot, chunk, 1, false).is_none());
        assert!(self.workers.flush(slot, false).unwrap());
        self.workers.set_last_used(slot, &config());
    }

    fn receive(&mut self, slot: usize, last: bool) {
        let Some(received) = self.workers.receive(slot, last, None) else { return };
        assert!(!received.corrupt);
        for chunk in received.chunks {
            self.given[slot].retain(|given| *given != id(&chunk));
            self.put_back(chunk);
        }
    }

    fn crash(&mut self, slot: usize) {
        let Some(fake) = self.fakes.get_mut(slot).and_then(Option::take) else { return };
        fake.crash();
        self.receive(slot, true);
        let (worker, _) = self.workers.on_exit(slot, ExitStatus::Signaled(9)).unwrap();
        let (mut chunks, begun) = worker.into_chunks();
        if begun {
            let first = &mut chunks[0];
            first.fail(Error::Closed);
        }
        assert_eq!(chunks.iter().map(id).collect::<Vec<_>>(), std::mem::take(&mut self.given[slot]));
        chunks.into_iter().rev().for_each(|chunk| self.put_back(chunk));
    }

    fn put_back(&mut self, chunk: Chunk) {
        if chunk.left() == 0 {
            return self.complete(chunk);
        }
        self.queued.push_front(id(&chunk));
        self.backlog.push_front(chunk);
    }

    fn requeue(&mut self, slot: usize, chunks: Vec<Chunk>) {
        for chunk in chunks.iter().rev() {
            assert_eq!(self.given[slot].pop(), Some(id(chunk)), "taken back from the end");
            self.queued.push_front(id(chunk));
        }
        self.backlog.push_all_front(chunks);
    }

    fn unqueue(&mut self, chunk: &Chunk) {
        let at = self.queued.iter().position(|queued| *queued == id(chunk)).unwrap();
        self.queued.remove(at);
    }

    fn cancel(&mut self, mut chunk: Chunk) {
        self.unqueue(&chunk);
        self.counts.kinds.cancelled += u64::from(chunk.left());
        chunk.fail_rest(&Error::Cancelled);
        self.complete(chunk);
    }

    fn complete(&mut self, chunk: Chunk) {
        let failed = u64::from(chunk.outcome().failures());
        self.counts.failed += failed;
        self.counts.completed += chunk.count() - failed;
        self.counts.kinds.refused += chunk.outcome().failure_kinds().refused;
        self.backlog.complete(&chunk);
        let (job, number, outcome) = chunk.into_outcome();
        job.add_outcome(number, outcome);
    }

    fn check(&self) {
        self.workers.check();
        self.backlog.check();
        assert!(self.backlog.queued().map(id).eq(self.queued.iter().copied()), "the order of the queue");
        assert_eq!(self.backlog.counts(), self.counts);
        let idle: Vec<usize> = self.workers.slots().filter(|slot| self.is_idle(*slot)).collect();
        assert_eq!(self.workers.has_idle(), !idle.is_empty());
        assert!(self.workers.idle_worker().is_none_or(|slot| idle.contains(&slot)));
        for slot in self.workers.slots() {
            let has_work = self.workers.get(slot).is_some_and(WorkerHandle::has_work);
            assert_eq!(has_work, !self.given[slot].is_empty());
        }
    }

    /// Returns whether the worker of `slot` is idle, by the model.
    fn is_idle(&self, slot: usize) -> bool {
        self.given[slot].is_empty() && self.workers.get(slot).is_some_and(WorkerHandle::is_serving)
    }
}

fn config() -> Config {
    Config {
        name: "model".into(),
        numbered: true,
        daemon: true,
        processes: 2,
        max_processes: 4,
        shrink_after: std::time::Duration::MAX,
        reject_at: u64::MAX,
        method: StartMethod::Spawn,
        unchecked: None,
        initializer: None,
        finalizer: None,
        end_limit: std::time::Duration::MAX,
        keep_started: false,
        max_tasks: BUDGET,
        task_timeout: None,
        max_memory: None,
        memory_limit: None,
        max_message: CAP,
        ring: RING,
        trace: false,
        output: Outputs::default(),
        replace: true,
        cpus: 1,
        spin: true,
    }
}

proptest! {
    #[test]
    fn workers_and_backlog_keep_every_chunk_in_one_place(ops in proptest::collection::vec(op(), 0..80)) {
        let mut world = World::new();
        for op in ops {
            world.apply(op);
            world.check();
        }
    }
}
