//! Signs of life: what neither a result nor a report tells of.
//!
//! A process that is stopped, or that has garbled what it shares with its parent, says nothing, and
//! nothing says so of it. So while there is something to wait for, each worker is looked at now and
//! then.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::engine::core::Core;
use crate::engine::link::{Doom, Link, Stage};

/// Time between two looks, in nanoseconds: seldom enough to cost nothing, often enough for a call
/// that waits for such a worker.
const PERIOD: u64 = 500_000_000;

/// A worker that has been given something and has not begun it for this long (nanoseconds) is
/// stopped, or cannot get a CPU.
const QUIET: u64 = 1_000_000_000;

/// How long the zygote may owe the report of a start or an end (nanoseconds) before it is asked
/// whether it is stopped. It does nothing that takes time, but the end of a large process does.
const NURSERY_QUIET: u64 = 5_000_000_000;

/// What was seen of a worker.
#[derive(Debug, Default)]
pub(in crate::engine) struct Pulse {
    /// Tasks begun, results received, bytes of the task ring taken.
    seen: (u64, u64, u64),
    /// Since when (nanoseconds of the common clock) that is so.
    since: u64,
    /// It slept with nothing left to do, and there were results to come.
    confused: bool,
    /// Since when the zygote owes a report about it.
    owed: Option<u64>,
}

impl Link {
    /// Whether somebody waits for something that may never come.
    pub(in crate::engine) fn is_awaited(&self) -> bool {
        !self.in_flight.is_empty() || self.pid == 0 || matches!(self.stage, Stage::Doomed(_))
    }

    /// Notes how far the worker is; says for how long it has been there.
    fn quiet_for(&mut self, now: u64) -> u64 {
        let seen = (self.started(), self.finished, self.tasks_taken());
        if self.pulse.seen != seen || self.in_flight.is_empty() {
            (self.pulse.seen, self.pulse.since) = (seen, now);
        }
        now.saturating_sub(self.pulse.since)
    }

    /// Whether the worker has been asleep for two looks, with everything taken that it was sent,
    /// and nothing sent that it owes: what it wrote is not what was to be written, or its
    /// records were garbled.
    fn is_confused(&mut self, quiet: u64) -> bool {
        let idle =
            !self.in_flight.is_empty() && !self.is_sending() && self.has_taken_all() && self.header().worker_sleeps();
        let before = std::mem::replace(&mut self.pulse.confused, idle);
        before && idle && quiet >= PERIOD
    }

    /// For how long the zygote has owed a report about the worker: of its start, or of its end.
    fn owed_for(&mut self, now: u64) -> u64 {
        let ended = || {
            let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
            poll(&mut socket, PollTimeout::ZERO).is_ok_and(|ended| ended > 0)
        };
        let owed = self.pid == 0 || matches!(self.stage, Stage::Doomed(_)) || ended();
        let since = if owed { Some(self.pulse.owed.unwrap_or(now)) } else { None };
        self.pulse.owed = since;
        since.map_or(0, |since| now.saturating_sub(since))
    }
}

impl Core {
    /// When to look at the workers again, if anything is expected of one.
    pub(super) fn next_pulse(&self) -> Option<u64> {
        self.living().any(Link::is_awaited).then_some(self.pulse_due)
    }

    /// Looks at the workers, if it is time. What ends a worker here costs the task that it runs, if
    /// it runs one.
    pub(super) fn feel_pulses(&mut self, now: u64) {
        if now < self.pulse_due {
            return;
        }
        self.pulse_due = now + PERIOD;
        let (limit, zygote) = (self.config.task_limit(), self.zygote.clone());
        for slot in 0..self.links.len() {
            let Some(link) = self.link(slot) else { continue };
            let owed = link.owed_for(now);
            if owed >= NURSERY_QUIET && zygote.as_ref().is_some_and(|zygote| zygote.kill_stopped_zygote()) {
                // The end of the channel brings on the rest.
                return;
            }
            let quiet = link.quiet_for(now);
            let since = now - quiet;
            let confused = link.is_confused(quiet);
            if quiet >= PERIOD {
                // Should its words be garbled, it may sleep although there is something for it.
                link.header().force_wake_worker();
            }
            if link.in_flight.is_empty() || matches!(link.stage, Stage::Doomed(_)) {
                continue;
            }
            let running = link.running_since();
            let quiet = self.elapsed(since, now);
            let overdue = limit.is_some_and(|limit| quiet >= limit.saturating_add(QUIET));
            let Some(link) = self.link(slot) else { continue };
            match running {
                _ if confused => self.doom(slot, Doom::Corrupt),
                // The worker's own word for when its task began says otherwise, or the limit would have ended it.
                Some(_) if overdue => {
                    let task = link.started();
                    self.doom(slot, Doom::TimedOut(task));
                }
                None if overdue && link.is_ready() => self.doom(slot, Doom::Silent),
                None if quiet >= QUIET && self.idle.iter().any(|idle| *idle != slot) => self.pass_on(slot),
                _ => {}
            }
        }
    }

    /// Gives what a worker does not begin to others. It comes last from now on.
    fn pass_on(&mut self, slot: usize) {
        self.take_back(slot);
        if let Some(at) = self.idle.iter().position(|idle| *idle == slot) {
            self.idle.remove(at);
            self.idle.insert(0, slot);
        }
        self.dispatch();
    }
}
