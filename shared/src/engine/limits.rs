//! What takes too long: time limits, stuck queues, and when to look again.

use std::time::{Duration, Instant};

use crate::engine::core::{Core, Phase};
use crate::engine::link::{Doom, Stage};
use crate::sys::clock::now_ns;

/// A worker that has begun nothing new for this long (nanoseconds) gives back what waits behind its
/// task, if another worker has nothing to do.
const STUCK: u64 = 1_000_000;

impl Core {
    /// Ends tasks that take too long and gives idle workers what waits behind long tasks.
    pub(super) fn enforce_limits(&mut self, now: u64) {
        if let Some(limit) = self.config.task_limit() {
            self.looks_at_limits(now);
            for slot in 0..self.links.len() {
                self.end_overdue(slot, now, limit);
            }
        }
        for slot in 0..self.links.len() {
            if (self.idle.is_empty() && !self.can_grow()) || !self.backlog.is_empty() {
                break;
            }
            self.unstick(slot, now);
        }
        if self.start_again.is_some_and(|time| Instant::now() >= time) {
            self.start_again = None;
            self.replace_missing();
        }
    }

    fn end_overdue(&mut self, slot: usize, now: u64, limit: u64) {
        let overdue = |core: &mut Self| {
            let link = core.links.get(slot)?.as_ref()?;
            let since = link.running_since()?;
            (matches!(link.stage, Stage::Serving | Stage::Retiring) && core.elapsed(since, now) >= limit)
                .then(|| link.started())
        };
        if overdue(self).is_none() {
            return;
        }
        // It may have finished just now, and it must not begin anything else while the signal is on its
        // way.
        self.take_back(slot);
        self.collect(slot);
        if let Some(task) = overdue(self) {
            self.doom(slot, Doom::TimedOut(task));
        }
        self.dispatch();
    }

    fn unstick(&mut self, slot: usize, now: u64) {
        let Some(link) = self.link(slot) else { return };
        let elapsed = now.saturating_sub(link.heard);
        if link.in_flight.len() < 2 || elapsed < STUCK {
            return;
        }
        // Its function is not as quick as was thought, or the same worker would get the same tasks again.
        link.load = link.load.max(elapsed);
        let function = link.in_flight.front().map(|sent| sent.chunk.job.function.0);
        self.took(function, elapsed);
        self.take_back(slot);
        self.dispatch();
    }

    /// Takes what a worker has not begun back into the backlog.
    pub(super) fn take_back(&mut self, slot: usize) {
        let Some(link) = self.link(slot) else { return };
        let had = !link.in_flight.is_empty();
        let back = link.revoke();
        let idle = had && link.in_flight.is_empty() && link.stage == Stage::Serving;
        back.into_iter().rev().for_each(|chunk| self.backlog.push_front(chunk));
        if idle {
            self.idle.push(slot);
        }
    }

    /// When something will have to be looked at even if no worker rings.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let now = now_ns();
        let mut soonest: Option<u64> = None;
        let mut at = |time: u64| soonest = Some(soonest.map_or(time, |soonest| soonest.min(time)));
        let some_idle = !self.idle.is_empty() || self.can_grow();
        self.next_shrink().into_iter().chain(self.next_pulse()).for_each(&mut at);
        for link in self.living() {
            if let (Some(limit), false) = (self.config.task_limit(), link.in_flight.is_empty()) {
                // The limit of a task that has not begun counts from when it will have.
                let since = link.running_since().unwrap_or(now);
                at(since.saturating_add(self.pauses.since(since)).saturating_add(limit));
            }
            if some_idle && link.in_flight.len() > 1 {
                // What could not be taken back just now will not be at once.
                at(link.heard.max(now) + STUCK);
            }
        }
        let start = self.start_again.filter(|_| self.phase != Phase::Ended);
        let look = soonest.and_then(|time| Instant::now().checked_add(Duration::from_nanos(time.saturating_sub(now))));
        [look, start].into_iter().flatten().min()
    }
}
