//! A pool between bounds: more workers while tasks wait, fewer when there is nothing to do.

use std::time::Duration;

use crate::engine::core::{Core, Phase};
use crate::engine::link::{Link, Stage};
use crate::sys::clock::now_ns;

/// With less work than this ahead (nanoseconds) another worker would not be up before it is done:
/// to fork one takes about 1 ms.
const WORTH_A_WORKER: u64 = 2_000_000;

/// The supervisor does not look more often than this whether a worker can go.
const LEAST_DOZE: Duration = Duration::from_millis(10);

impl Core {
    /// Whether one more worker may be started.
    pub(super) fn can_grow(&self) -> bool {
        self.wanted < self.most
            && self.phase != Phase::Ended
            && self.broken.is_none()
            && self.start_again.is_none()
            && self.living().count() <= self.wanted
    }

    /// Starts one more worker for a backlog whose tasks take `cost` each, if that is known. Says
    /// whether there is one.
    pub(super) fn grow(&mut self, cost: Option<u64>) -> bool {
        if !self.can_grow() || cost.is_some_and(|cost| cost.saturating_mul(self.outstanding) < WORTH_A_WORKER) {
            return false;
        }
        if let Err(error) = self.start_worker() {
            self.start_failed(error);
            return false;
        }
        self.wanted += 1;
        // It may be asleep for good, with no worker to let go until now.
        self.effects.unpark.extend(self.keeper.clone());
        true
    }

    /// When an idle worker is to go.
    fn parting(&self, link: &Link) -> Option<u64> {
        let spare = link.stage == Stage::Serving && link.in_flight.is_empty() && link.is_ready();
        spare.then(|| link.heard.saturating_add(self.config.shrink_ns()))
    }

    /// When the next worker is to go.
    pub(super) fn next_shrink(&self) -> Option<u64> {
        let spare = self.wanted > self.least && self.phase == Phase::Open;
        let times = self.living().filter(|_| spare).filter_map(|link| self.parting(link));
        times.min()
    }

    /// How long until there can be a worker to let go; `None` if there is none too many.
    pub(super) fn may_shrink(&self) -> Option<Duration> {
        if self.wanted <= self.least || self.phase != Phase::Open {
            return None;
        }
        let left = self.next_shrink().map_or(0, |time| time.saturating_sub(now_ns()));
        Some(Duration::from_nanos(left).max(LEAST_DOZE))
    }

    /// Lets workers go that have had nothing to do for long.
    pub(super) fn shrink(&mut self, now: u64) {
        if self.wanted <= self.least || self.phase != Phase::Open {
            return;
        }
        for slot in 0..self.links.len() {
            let Some(link) = self.links[slot].as_ref() else { continue };
            if self.wanted > self.least && self.parting(link).is_some_and(|time| time <= now) {
                self.wanted -= 1;
                self.idle.retain(|idle| *idle != slot);
                if let Some(link) = self.link(slot) {
                    link.retire();
                }
                self.push(slot);
            }
        }
    }
}
