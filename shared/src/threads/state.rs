//! How many threads and tasks a pool has, and which it takes or wants.

use std::collections::BTreeSet;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::executor::Statistics;
use crate::progress::FailureKinds;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    Closing,
    Ended,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    submitted: u64,
    completed: u64,
    /// Without those that were cancelled.
    failed: u64,
    kinds: FailureKinds,
}

impl Counts {
    /// Returns the number of tasks whose outcome is still to come.
    fn outstanding(&self) -> u64 {
        self.submitted - self.completed - self.failed - self.kinds.cancelled
    }
}

/// What a new thread is called by.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThreadNumbers {
    /// Counts all threads of the pool, from 1.
    pub(super) number: u64,
    /// The smallest that no other thread has; see [`worker_index`](crate::worker_index).
    pub(super) index: usize,
}

/// The threads and tasks of a pool.
#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    wanted: usize,
    living: usize,
    next_thread: u64,
    /// Those of the threads that live.
    indices: BTreeSet<usize>,
    next_task: u64,
    counts: Counts,
    threads: Vec<JoinHandle<()>>,
    /// Wakers for the moment when a pool that takes no more tasks has done all, and no thread is
    /// left.
    end_wakers: Vec<Waker>,
}

impl State {
    /// Returns the state of a pool that is open and has nothing.
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Open,
            wanted: 0,
            living: 0,
            next_thread: 1,
            indices: BTreeSet::new(),
            next_task: 0,
            counts: Counts::default(),
            threads: Vec::new(),
            end_wakers: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Returns whether no more tasks are taken, all are done, and no thread is left.
    pub(super) fn is_over(&self) -> bool {
        !self.is_open() && self.counts.outstanding() == 0 && self.living == 0
    }

    /// Takes no more tasks.
    pub(super) fn close(&mut self) {
        self.phase = self.phase.max(Phase::Closing);
    }

    /// Takes no more tasks and wants no thread. Returns all threads, and how many of them live.
    pub(super) fn end(&mut self) -> (Vec<JoinHandle<()>>, usize) {
        self.phase = Phase::Ended;
        self.wanted = 0;
        (std::mem::take(&mut self.threads), self.living)
    }

    /// Wants no thread any more if the pool is closed and nothing is outstanding. Returns the
    /// number of those that live then.
    pub(super) fn dismiss_if_done(&mut self) -> Option<usize> {
        let is_done = !self.is_open() && self.counts.outstanding() == 0;
        is_done.then(|| {
            self.wanted = 0;
            self.living
        })
    }

    pub(super) fn wanted(&self) -> usize {
        self.wanted
    }

    /// Wants so many threads. Handles of those that have ended are dropped.
    pub(super) fn want(&mut self, threads: usize) {
        self.wanted = threads;
        self.threads.retain(|thread| !thread.is_finished());
    }

    /// Returns the numbers of the next thread, if another is wanted.
    pub(super) fn next_wanted(&self) -> Option<ThreadNumbers> {
        let index = (0..).find(|index| !self.indices.contains(index)).unwrap_or_default();
        (self.living < self.wanted).then_some(ThreadNumbers { number: self.next_thread, index })
    }

    /// Adds the thread that was started with these numbers.
    pub(super) fn add_thread(&mut self, numbers: ThreadNumbers, thread: JoinHandle<()>) {
        self.next_thread += 1;
        self.living += 1;
        self.indices.insert(numbers.index);
        self.threads.push(thread);
    }

    /// Returns the number of threads that live and are not wanted.
    pub(super) fn surplus(&self) -> usize {
        self.living.saturating_sub(self.wanted)
    }

    /// Lets one thread go that is not wanted, if there is one.
    pub(super) fn dismiss_surplus(&mut self) -> bool {
        let is_surplus = self.surplus() > 0;
        self.living -= usize::from(is_surplus);
        is_surplus
    }

    /// Lets another thread have the index of one that has ended.
    pub(super) fn free_index(&mut self, index: usize) {
        self.indices.remove(&index);
    }

    /// Returns whether more than `max` tasks would be outstanding with `tasks` more.
    pub(super) fn is_full(&self, tasks: u64, max: u64) -> bool {
        self.counts.outstanding().saturating_add(tasks) > max
    }

    /// Counts tasks that were submitted and will be queued. Returns the number of the first.
    pub(super) fn number_tasks(&mut self, tasks: u64) -> u64 {
        self.count_submitted(tasks);
        let first = self.next_task;
        self.next_task += tasks;
        first
    }

    /// Counts tasks that were submitted.
    pub(super) fn count_submitted(&mut self, tasks: u64) {
        self.counts.submitted += tasks;
    }

    /// Counts tasks that have ended. `failed` are those that were not cancelled, which `kinds`
    /// counts.
    pub(super) fn count_ended(&mut self, completed: u64, failed: u64, kinds: FailureKinds) {
        self.counts.completed += completed;
        self.counts.failed += failed;
        self.counts.kinds.add(kinds);
    }

    /// Returns the counters, of which `running` tasks run now and all have run for `run_time`.
    pub(super) fn statistics(&self, running: u64, run_time: Duration) -> Statistics {
        let Counts { submitted, completed, failed, kinds } = self.counts;
        Statistics {
            submitted,
            completed,
            failed,
            refused: kinds.refused,
            timed_out: kinds.timed_out,
            lost: kinds.lost,
            cancelled: kinds.cancelled,
            queued: self.counts.outstanding().saturating_sub(running),
            running,
            run_time,
            workers_started: self.next_thread - 1,
            workers_lost: 0,
        }
    }

    /// Keeps `waker` until the pool is over. Returns `false` if it is, or is open.
    pub(super) fn wake_when_over(&mut self, waker: &Waker) -> bool {
        let pending = !self.is_open() && !self.is_over();
        if pending && !self.end_wakers.iter().any(|known| known.will_wake(waker)) {
            self.end_wakers.push(waker.clone());
        }
        pending
    }

    /// Returns the wakers to call now. The lock is to be released before.
    pub(super) fn take_end_wakers(&mut self) -> Vec<Waker> {
        if self.is_over() { std::mem::take(&mut self.end_wakers) } else { Vec::new() }
    }
}
