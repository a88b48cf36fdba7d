//! Which worker gets the next chunk.
//!
//! An idle worker, the one used last first: its caches are warm, and it may still be awake. But
//! while the tasks are so short that to wake another worker would take longer than to run them,
//! they go to the one that is at it already; and when none is idle, workers get a little work in
//! advance, which they give back if it turns out to wait behind a long task.

use crate::engine::core::Core;
use crate::engine::link::Link;
use crate::fds::Handles;
use crate::ring::Flags;

/// While a worker has less work than this ahead of it (nanoseconds), it gets the next short task
/// too: to wake another would take longer (two kernel wake-ups, 25 µs each where this was
/// measured).
const HOT: u64 = 60_000;

/// A worker gets work in advance for this long at most (nanoseconds), so that it need not wait for
/// its parent to wake up. With more, a long task that is not known to be one would more often wait
/// behind another.
const AHEAD: u64 = 1_500_000;

impl Core {
    /// Learns what a task of a function takes, in nanoseconds.
    pub(super) fn took(&mut self, function: Option<u64>, sample: u64) {
        let Some(function) = function else { return };
        let cost = self.costs.entry(function).or_insert(sample);
        // Up at once, down slowly: to think a task short that is long costs more than the other way round.
        *cost = if sample > *cost { sample } else { (3 * *cost + sample) / 4 };
    }

    /// Hands chunks from the backlog to workers.
    pub(super) fn dispatch(&mut self) {
        while let Some(chunk) = self.backlog.front() {
            if let Some(error) = self.fate(chunk) {
                if let Some(mut chunk) = self.backlog.pop_front() {
                    chunk.fail_rest(&error);
                    self.finish(chunk);
                }
                continue;
            }
            if self.is_outside() {
                return;
            }
            let cost = self.costs.get(&chunk.job.function.0).copied();
            let estimate = cost.map(|cost| cost.saturating_mul(chunk.left().into()));
            let Some(slot) = self.choose(estimate) else {
                if self.grow(cost) {
                    continue;
                }
                return;
            };
            let Some(chunk) = self.backlog.pop_front() else { return };
            let again = self.config.replace;
            let Some(link) = self.link(slot) else { return };
            // A function never seen counts as long, so that its first tasks spread over the workers.
            if let Some(failed) = link.give(chunk, cost.unwrap_or(AHEAD)) {
                if link.in_flight.is_empty() {
                    self.idle.push(slot);
                }
                self.finish(failed);
                continue;
            }
            if let (false, Some(sent)) = (again, link.in_flight.back_mut()) {
                // It will not be sent once more, so that nobody but the worker needs its handles.
                sent.chunk.tasks.handles = Handles::default();
            }
            self.push(slot);
            self.heat(slot);
        }
    }

    /// The worker for the first chunk of the backlog, which is thought to take `cost`. Behind other
    /// work it must fit into the ring whole: half a chunk could not be taken back.
    fn choose(&mut self, cost: Option<u64>) -> Option<usize> {
        let chunk = self.backlog.front()?;
        let bytes = chunk.tasks.payload.len() + chunk.job.state().map_or(0, |state| state.bytes.len());
        let fits = |link: Option<&mut Option<Link>>, most: u64| {
            let cost = cost.unwrap_or(AHEAD);
            link.and_then(Option::as_mut).is_some_and(|link| {
                !link.in_flight.is_empty()
                    && link.has_room()
                    && link.load.saturating_add(cost) <= most
                    && link.can_queue(chunk)
                    && link.holds_whole(bytes)
            })
        };
        let hot = self.hot;
        if fits(self.links.get_mut(hot), HOT) {
            return Some(hot);
        }
        let mut at = self.idle.len();
        while at > 0 {
            at -= 1;
            let slot = self.idle[at];
            let link = self.links[slot].as_ref();
            if link.is_some_and(Link::is_being_set_up) {
                continue;
            }
            self.idle.remove(at);
            if link.is_some_and(Link::has_room) {
                return Some(slot);
            }
        }
        let slots = self.links.len();
        (1..=slots).map(|step| hot.wrapping_add(step) % slots).find(|slot| fits(self.links.get_mut(*slot), AHEAD))
    }

    /// Makes a worker the one that may wait busily: with more busy waiters than CPUs each would
    /// only keep another from working.
    fn heat(&mut self, slot: usize) {
        if slot == self.hot || !self.config.spin || self.config.roomy(self.links.len()) {
            self.hot = slot;
            return;
        }
        for (slot, on) in [(self.hot, false), (slot, true)] {
            if let Some(link) = self.link(slot) {
                link.header().set(Flags::SPIN, on);
            }
        }
        self.hot = slot;
    }
}
