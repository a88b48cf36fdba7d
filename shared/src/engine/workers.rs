//! The workers of a pool: which there are, and which have nothing to do.

use std::ops::Range;

use crate::engine::chunk::Chunk;
use crate::engine::config::Config;
use crate::engine::job::Job;
use crate::engine::worker_handle::{KillReason, Observation, Received, WorkerHandle, WorkerState};
use crate::exit_status::ExitStatus;
use crate::ring::{Corrupt, Flags};

/// The worker table. A slot is reused, so that an index stays the same while its worker lives. It
/// is what [`worker_index`](crate::worker_index) returns there.
///
/// Idle are exactly those serving workers that have nothing in flight, each once: every method
/// that gives a worker something, takes it away or ends it keeps that so.
pub(super) struct Workers {
    slots: Vec<Option<WorkerHandle>>,
    /// Slots of idle workers, the most recently used last.
    idle: Vec<usize>,
    /// The slot of the worker that was given something last.
    last_used: Option<usize>,
    next_id: u64,
    counts: WorkerCounts,
    last_exit: Option<ExitStatus>,
}

/// How many workers there were, and what they did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WorkerCounts {
    pub(super) started: u64,
    pub(super) lost: u64,
    /// Nanoseconds for which workers have run tasks.
    pub(super) busy_ns: u64,
}

impl Workers {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            idle: Vec::new(),
            last_used: None,
            next_id: 1,
            counts: WorkerCounts::default(),
            last_exit: None,
        }
    }

    /// Returns all slots, those without a worker included.
    #[inline]
    pub(super) fn slots(&self) -> Range<usize> {
        0..self.slots.len()
    }

    #[inline]
    pub(super) fn get(&self, slot: usize) -> Option<&WorkerHandle> {
        self.slots.get(slot)?.as_ref()
    }

    #[inline]
    fn get_mut(&mut self, slot: usize) -> Option<&mut WorkerHandle> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Iterates over the workers that have not ended.
    pub(super) fn iter(&self) -> impl Iterator<Item = &WorkerHandle> {
        self.slots.iter().flatten()
    }

    /// Returns the number of workers that have not ended.
    pub(super) fn count(&self) -> usize {
        self.iter().count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Returns the slot of a worker.
    pub(super) fn slot_of(&self, id: u64) -> Option<usize> {
        self.slots.iter().position(|worker| worker.as_ref().is_some_and(|worker| worker.id() == id))
    }

    /// Returns the number of the next worker.
    pub(super) fn next_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Returns the slot of the next worker: the lowest that is free.
    pub(super) fn free_slot(&self) -> usize {
        self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len())
    }

    /// Adds a worker that is being started, in the [free slot](Workers::free_slot). It is the last
    /// idle one to be used. Returns its slot.
    pub(super) fn add(&mut self, worker: WorkerHandle) -> usize {
        let slot = self.free_slot();
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[slot] = Some(worker);
        self.idle.insert(0, slot);
        self.check_slot(slot);
        slot
    }

    /// Records that a worker's process was started. Returns the worker.
    pub(super) fn on_started(&mut self, id: u64, pid: u32) -> Option<&WorkerHandle> {
        self.counts.started += 1;
        let worker = self.get_mut(self.slot_of(id)?)?;
        worker.set_pid(pid);
        Some(worker)
    }

    /// Removes a worker that was never started, or is ended with the pool.
    pub(super) fn remove(&mut self, slot: usize) -> Option<WorkerHandle> {
        let worker = self.slots.get_mut(slot)?.take()?;
        self.remove_idle(slot);
        self.last_used.take_if(|last| *last == slot);
        self.counts.busy_ns = self.counts.busy_ns.saturating_add(worker.busy_ns());
        self.check_slot(slot);
        Some(worker)
    }

    /// Removes a worker that has ended by itself or was killed. Returns it, and whether it is lost.
    pub(super) fn on_exit(&mut self, slot: usize, exit: ExitStatus) -> Option<(WorkerHandle, bool)> {
        let worker = self.remove(slot)?;
        let lost = worker.state() != WorkerState::Retiring || !exit.success();
        self.counts.lost += u64::from(lost);
        self.last_exit = Some(exit);
        Some((worker, lost))
    }

    /// Returns how the last worker to end did so.
    pub(super) fn last_exit(&self) -> Option<ExitStatus> {
        self.last_exit
    }

    /// Returns how many workers there were, and what all of them have done so far.
    pub(super) fn counts(&self) -> WorkerCounts {
        // A worker's results may come before the report that it was started.
        let unreported = self.iter().filter(|worker| worker.pid() == 0 && worker.finished() > 0).count();
        WorkerCounts {
            started: self.counts.started + unreported as u64,
            busy_ns: self.iter().map(WorkerHandle::busy_ns).fold(self.counts.busy_ns, u64::saturating_add),
            ..self.counts
        }
    }

    /// Returns the number of workers whose processes were started.
    pub(super) fn started(&self) -> u64 {
        self.counts.started
    }

    /// Returns the idle worker to be used next: the most recently used one, since its caches are
    /// warm. One that is still being set up comes later.
    #[inline]
    pub(super) fn idle_worker(&self) -> Option<usize> {
        let fits = |worker: &WorkerHandle| !worker.is_being_set_up() && worker.has_room();
        self.idle.iter().rev().copied().find(|slot| self.get(*slot).is_some_and(fits))
    }

    /// Returns `true` if a worker is idle.
    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Returns `true` if a worker other than that of `slot` is idle.
    pub(super) fn has_other_idle(&self, slot: usize) -> bool {
        self.idle.iter().any(|idle| *idle != slot)
    }

    /// Returns the slot of the worker that was given something last.
    #[inline]
    pub(super) fn last_used(&self) -> Option<usize> {
        self.last_used
    }

    /// Returns `true` if a worker that has work can be given a chunk of `bytes` bytes behind it,
    /// and has at most `max` nanoseconds of work then.
    #[inline]
    pub(super) fn can_queue(&mut self, slot: usize, chunk: &Chunk, bytes: usize, cost: u64, max: u64) -> bool {
        self.get_mut(slot).is_some_and(|worker| worker.can_queue(chunk, bytes, cost, max))
    }

    /// Gives a worker a chunk, of which a task takes `cost` nanoseconds; `once` means that it will
    /// not be sent once more, so that only this worker needs its handles. Returns the chunk with
    /// its tasks failed if its handles cannot be sent.
    #[inline]
    pub(super) fn assign(&mut self, slot: usize, chunk: Chunk, cost: u64, once: bool) -> Option<Chunk> {
        let Some(worker) = self.get_mut(slot) else { return Some(chunk) };
        let was_idle = !worker.has_work();
        let failed = worker.give(chunk, cost, once);
        if was_idle && self.remove_idle(slot) && failed.is_some() {
            self.idle.push(slot);
        }
        self.check_slot(slot);
        failed
    }

    /// Records which worker was given something last, and makes it the one that may wait busily:
    /// with more busy waiters than CPUs each would only keep another from working.
    #[inline]
    pub(super) fn set_last_used(&mut self, slot: usize, config: &Config) {
        let last = self.last_used.replace(slot);
        if last == Some(slot) || !config.spin || config.roomy(self.slots.len()) {
            return;
        }
        for (slot, on) in [(last, false), (Some(slot), true)] {
            if let Some(worker) = slot.and_then(|slot| self.get(slot)) {
                worker.header().set(Flags::SPIN, on);
            }
        }
    }

    /// Reads the results that a worker has published; `last` says that it has ended. Returns `None`
    /// if none can be there. A worker that has used up its tasks or memory retires.
    #[inline]
    pub(super) fn receive(&mut self, slot: usize, last: bool, max_memory: Option<u64>) -> Option<Received> {
        let worker = self.slots.get_mut(slot)?.as_mut()?;
        if !worker.has_work() && worker.is_ready() {
            return None;
        }
        let received = if last { worker.receive_last() } else { worker.receive() };
        if received.tasks > 0 && !worker.has_work() && worker.is_serving() {
            if worker.is_used_up() || max_memory.is_some_and(|max| worker.memory() > max) {
                worker.retire();
            } else {
                self.idle.push(slot);
            }
        }
        self.check_slot(slot);
        Some(received)
    }

    /// Takes back the chunks that a worker has not begun, in order.
    pub(super) fn take_back(&mut self, slot: usize) -> Vec<Chunk> {
        let Some(worker) = self.get_mut(slot) else { return Vec::new() };
        let had_work = worker.has_work();
        let chunks = worker.revoke();
        if had_work && !worker.has_work() && worker.is_serving() {
            self.idle.push(slot);
        }
        self.check_slot(slot);
        chunks
    }

    /// Takes back what a worker does not begin. It is the last idle one to be used from now on.
    pub(super) fn pass_over(&mut self, slot: usize) -> Vec<Chunk> {
        let chunks = self.take_back(slot);
        if self.remove_idle(slot) {
            self.idle.insert(0, slot);
        }
        self.check_slot(slot);
        chunks
    }

    /// Has a worker exit once it has done what it was given.
    pub(super) fn retire(&mut self, slot: usize) {
        let Some(worker) = self.get_mut(slot) else { return };
        worker.retire();
        self.remove_idle(slot);
        self.check_slot(slot);
    }

    /// Records that the task that a worker runs is warned. Returns the worker's number.
    pub(super) fn warn(&mut self, slot: usize) -> Option<u64> {
        let worker = self.get_mut(slot)?;
        worker.warn();
        let id = worker.id();
        self.remove_idle(slot);
        self.check_slot(slot);
        Some(id)
    }

    /// Records that a worker is killed. Returns its number unless it already was.
    pub(super) fn mark_killed(&mut self, slot: usize, reason: KillReason) -> Option<u64> {
        let worker = self.get_mut(slot)?;
        let killed = worker.mark_killed(reason).then(|| worker.id());
        self.remove_idle(slot);
        self.check_slot(slot);
        killed
    }

    /// Writes what waits to be sent to a worker. Returns `true` if anything moved. With `notify`
    /// the worker wakes its parent when it has made room for the rest.
    #[inline]
    pub(super) fn flush(&mut self, slot: usize, notify: bool) -> Result<bool, Corrupt> {
        let Some(worker) = self.get_mut(slot) else { return Ok(false) };
        if notify {
            worker.header().parent_awaits(worker.is_sending());
        }
        worker.flush()
    }

    /// Has a worker drop the state of a job. Returns `true` if it holds it.
    pub(super) fn forget(&mut self, slot: usize, job: &Job) -> bool {
        self.get_mut(slot).is_some_and(|worker| worker.forget(job.id))
    }

    /// Corrects an estimate of a worker's load that was too small.
    pub(super) fn raise_load(&mut self, slot: usize, load: u64) {
        if let Some(worker) = self.get_mut(slot) {
            worker.raise_load(load);
        }
    }

    /// Observes a worker for signs of a stall.
    pub(super) fn observe(&mut self, slot: usize, now: u64) -> Option<Observation> {
        Some(self.get_mut(slot)?.observe(now))
    }

    /// Returns the serving workers that are more than `wanted`, those in the highest slots: the
    /// numbers of the others stay below it.
    pub(super) fn surplus(&self, wanted: usize) -> Vec<usize> {
        let serving = |slot: &usize| self.get(*slot).is_some_and(WorkerHandle::is_serving);
        let surplus = self.slots().filter(serving).count().saturating_sub(wanted);
        self.slots().rev().filter(serving).take(surplus).collect()
    }

    /// Closes the descriptors of workers of another process, of which this one is a copy.
    pub(super) fn close_copies(&mut self) {
        self.idle.clear();
        self.slots.drain(..).flatten().for_each(WorkerHandle::close_copy);
    }

    /// Removes a slot from the idle ones. Returns `true` if it was there.
    #[inline]
    fn remove_idle(&mut self, slot: usize) -> bool {
        // The most recently used come last, and are the first to be used again.
        let at = self.idle.iter().rposition(|idle| *idle == slot);
        at.map(|at| self.idle.remove(at)).is_some()
    }

    /// Checks that a worker is among the idle ones if it is idle, and once.
    fn check_slot(&self, slot: usize) {
        debug_assert_eq!(
            self.idle.iter().filter(|idle| **idle == slot).count(),
            usize::from(self.get(slot).is_some_and(|worker| worker.is_serving() && !worker.has_work())),
            "idle are the serving workers with nothing in flight"
        );
    }

    /// Panics if its parts do not fit together.
    #[cfg(all(test, not(multiproc_loom)))]
    pub(super) fn check(&self) {
        self.slots().for_each(|slot| self.check_slot(slot));
        assert!(self.idle.iter().all(|slot| self.get(*slot).is_some()));
        assert!(self.last_used.is_none_or(|slot| self.get(slot).is_some()));
    }
}
