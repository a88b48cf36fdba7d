//! The step that drives a pool: moves everything that can move without waiting. Here the parts
//! meet: collecting, dispatch, reports, watchdog and scaling.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::chunk::Tasks;
use crate::engine::job::Job;
use crate::engine::state::State;
use crate::error::Error;
use crate::identity::unregister;
use crate::sys::now_ns;
use crate::zygote::ZygoteClient;

impl State {
    /// Takes tasks into the backlog, or fails them at once if the pool takes none.
    pub(super) fn submit(&mut self, job: &Arc<Job>, tasks: Tasks) {
        let chunk = self.backlog.number(job, tasks);
        self.enqueue(chunk);
        self.dispatch();
        self.wake_io_thread();
    }

    /// Adds a failure of one task that could not be encoded.
    pub(super) fn submit_failed(&mut self, job: &Arc<Job>, error: Error) {
        let mut chunk = self.backlog.number(job, Tasks { count: 1, ..Tasks::default() });
        self.backlog.add(&chunk);
        chunk.fail(error);
        self.complete(chunk);
    }

    /// Moves results and tasks. Returns `true` if anything moved.
    pub(super) fn step(&mut self) -> bool {
        let mut moved = false;
        for slot in self.workers.slots() {
            moved |= self.collect(slot) | self.flush(slot);
        }
        self.dispatch();
        if self.watchdog.count_step() {
            moved |= self.attend();
        }
        moved
    }

    /// Does the part of a step that is not worth doing each time. Returns `true` if there were
    /// reports.
    pub(super) fn attend(&mut self) -> bool {
        let any = self.handle_reports();
        let now = now_ns();
        self.enforce_limits(now);
        if self.starts.take_due() {
            self.replace_missing();
        }
        self.check_liveness(now);
        self.shrink(now);
        self.retire_if_finished();
        any
    }

    /// Has every worker notify the leader, and looks once more. Returns `None` if there is
    /// something to do after all; else when to look again at the latest, and the zygote, whose
    /// reports wake the leader, too.
    pub(super) fn fall_asleep(&mut self) -> Option<(Option<Instant>, Option<Arc<ZygoteClient>>)> {
        self.waiters.set_asleep(true);
        self.workers.iter().for_each(|worker| worker.header().parent_awaits(worker.is_sending()));
        if self.step() | self.attend() {
            self.wake_up();
            return None;
        }
        Some((self.next_look(), self.zygote.clone()))
    }

    /// Records that the leader is awake, and looks at what may have woken it.
    pub(super) fn wake_up(&mut self) {
        self.waiters.set_asleep(false);
        self.workers.iter().for_each(|worker| worker.header().parent_woke());
        self.attend();
    }

    /// Records that a thread stops waiting, which led if `leading`.
    pub(super) fn leave(&mut self, leading: bool) {
        self.retire_if_finished();
        self.waiters.leave(leading, &mut self.deferred);
    }

    /// Gives the lead up if this thread has it. It is about to call wakers, which may wait for the
    /// pool, or for threads that do.
    pub(super) fn lend_lead(&mut self) {
        if self.waiters.is_led_here() {
            if self.waiters.is_asleep() {
                self.wake_up();
            }
            self.leave(true);
        }
    }

    /// Ends the pool now: all that is outstanding is cancelled.
    pub(super) fn terminate(&mut self) {
        self.lifecycle.end();
        self.wake_io_thread();
        self.fail_blocked();
        for slot in self.workers.slots() {
            self.collect(slot);
            self.record_cut_short(slot);
            if let Some(worker) = self.workers.remove(slot) {
                unregister(worker.pid());
                worker.into_chunks().0.into_iter().for_each(|chunk| self.put_back(chunk));
            }
        }
    }
}
