//! Worker slots: a number of a service, the worker that has it, and the delay until a worker that
//! ended by itself is replaced.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::process::Process;

/// The time that a worker may take to end after SIGKILL, before its process is dropped with
/// everything that belongs to it.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// The bounds of a [`RespawnDelay`].
#[derive(Debug, Clone, Copy)]
pub(super) struct DelayBounds {
    pub(super) min: Duration,
    /// The longest delay. A worker that lived longer than this resets the delay.
    pub(super) max: Duration,
}

impl Default for DelayBounds {
    fn default() -> Self {
        Self { min: Duration::from_millis(100), max: Duration::from_secs(5) }
    }
}

impl DelayBounds {
    /// Fails with [`Error::Config`] if the bounds make no sense.
    pub(super) fn check(self) -> Result<()> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let Self { min, max } = self;
        if min.is_zero() || min > max || max > DAY {
            let text = format!(
                "respawn_throttle({min:?}, {max:?}) makes no sense: the shortest wait is more than 0 and not over the \
                 longest, which is a day at most"
            );
            return Err(Error::Config(text));
        }
        Ok(())
    }
}

/// The delay of the workers of one number: none for the first, then twice as long each time
/// (exponential backoff).
#[derive(Debug, Default)]
struct RespawnDelay {
    next: Duration,
}

impl RespawnDelay {
    /// Returns the delay after a worker that lived for `lifetime`.
    fn after_lifetime(&mut self, lifetime: Duration, bounds: DelayBounds) -> Duration {
        if lifetime > bounds.max {
            self.next = Duration::ZERO;
        }
        let delay = self.next;
        self.next = delay.saturating_mul(2).clamp(bounds.min, bounds.max);
        delay
    }
}

/// A number of a service, and the worker that has it.
#[derive(Debug)]
pub(super) struct WorkerSlot {
    number: usize,
    delay: RespawnDelay,
    state: SlotState,
}

#[derive(Debug)]
enum SlotState {
    /// There is no worker, and is to be none before this time.
    Vacant(Instant),
    /// A worker runs, since this time.
    Running(Process<()>, Instant),
    /// A worker was sent SIGTERM, and is killed at this time, if the time can be represented.
    Terminated(Process<()>, Option<Instant>),
    /// A worker was killed, and is given up at this time.
    Killed(Process<()>, Instant),
}

/// The end of a worker.
pub(super) struct WorkerEnd {
    pub(super) exit: ExitStatus,
    /// The failure of its function, if it says more than the exit does.
    pub(super) error: Option<Error>,
}

impl WorkerSlot {
    /// Returns a vacant slot that is due now.
    pub(super) fn new(number: usize) -> Self {
        Self { number, delay: RespawnDelay::default(), state: SlotState::Vacant(Instant::now()) }
    }

    /// Returns the worker's number.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Returns the worker's process, if there is one.
    pub(super) fn process(&self) -> Option<&Process<()>> {
        match &self.state {
            SlotState::Vacant(_) => None,
            SlotState::Running(process, _) | SlotState::Terminated(process, _) | SlotState::Killed(process, _) => {
                Some(process)
            }
        }
    }

    /// Returns whether there is no worker.
    pub(super) fn is_vacant(&self) -> bool {
        self.process().is_none()
    }

    /// Returns when there is something to do here, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            SlotState::Vacant(at) | SlotState::Killed(_, at) => Some(*at),
            SlotState::Terminated(_, at) => *at,
            SlotState::Running(..) => None,
        }
    }

    /// Returns whether it is time for a new worker.
    pub(super) fn is_due(&self) -> bool {
        matches!(&self.state, SlotState::Vacant(at) if *at <= Instant::now())
    }

    /// Gives the slot to a new worker.
    pub(super) fn fill(&mut self, process: Process<()>) {
        debug_assert!(self.is_vacant());
        self.state = SlotState::Running(process, Instant::now());
    }

    /// Postpones the next start, because a worker could not be started.
    pub(super) fn postpone(&mut self, bounds: DelayBounds) {
        // At once would be too soon in any case: what the system refuses now, it refuses in a
        // moment.
        let delay = self.delay.after_lifetime(Duration::ZERO, bounds).max(bounds.min);
        self.state = SlotState::Vacant(Instant::now() + delay);
    }

    /// Sends SIGHUP to a worker that runs. If it has no handler for the signal yet its function has
    /// not begun, and begins with everything as it is now.
    pub(super) fn reload(&self) {
        if let SlotState::Running(process, _) = &self.state {
            // A worker that cannot be reached has ended, which `take_end` finds out.
            let _ = process.signal_handler(Signal::SIGHUP);
        }
    }

    /// Sends SIGTERM to a worker that runs, which has until `deadline` to end.
    pub(super) fn terminate(&mut self, deadline: Duration) {
        self.change(|state| match state {
            SlotState::Running(process, _) => {
                let _ = process.terminate();
                SlotState::Terminated(process, Instant::now().checked_add(deadline))
            }
            other => other,
        });
    }

    /// Kills a worker whose deadline has passed, and gives up one that has not ended although it
    /// was killed.
    pub(super) fn enforce_deadline(&mut self) {
        let now = Instant::now();
        self.change(|state| match state {
            SlotState::Terminated(process, Some(at)) if at <= now => {
                let _ = process.kill();
                SlotState::Killed(process, now + KILL_TIMEOUT)
            }
            // The drop of a daemon kills it, and the zygote if need be, within a bounded time.
            SlotState::Killed(_, at) if at <= now => SlotState::Vacant(now),
            other => other,
        });
    }

    /// Returns how the worker ended, if it has; then the slot is vacant, for the time of its
    /// respawn delay if it was not sent SIGTERM.
    pub(super) fn take_end(&mut self, bounds: DelayBounds) -> Option<WorkerEnd> {
        let exit = self.process()?.exit_status()?;
        let now = Instant::now();
        let (mut process, delay) = match std::mem::replace(&mut self.state, SlotState::Vacant(now)) {
            SlotState::Vacant(_) => return None,
            SlotState::Running(process, since) => (process, self.delay.after_lifetime(now - since, bounds)),
            SlotState::Terminated(process, _) | SlotState::Killed(process, _) => (process, Duration::ZERO),
        };
        self.state = SlotState::Vacant(now + delay);
        Some(WorkerEnd { exit, error: failure_of(process.join_timeout(Duration::ZERO)) })
    }

    fn change(&mut self, change: impl FnOnce(SlotState) -> SlotState) {
        let state = std::mem::replace(&mut self.state, SlotState::Vacant(Instant::now()));
        self.state = change(state);
    }
}

/// Returns the error of an outcome, if it says more than that the process has ended.
fn failure_of(outcome: Result<()>) -> Option<Error> {
    let error = outcome.err()?;
    let is_failure = matches!(
        error,
        Error::Panicked { .. } | Error::Encode(_) | Error::Decode(_) | Error::TooLarge { .. } | Error::Io { .. }
    );
    is_failure.then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delay_doubles_up_to_its_bound_and_is_reset_by_a_long_life() {
        let bounds = DelayBounds { min: Duration::from_secs(1), max: Duration::from_secs(5) };
        let mut delay = RespawnDelay::default();
        let mut after = |lifetime: u64| delay.after_lifetime(Duration::from_secs(lifetime), bounds).as_secs();
        assert_eq!([0, 0, 0, 0, 0, 5].map(&mut after), [0, 1, 2, 4, 5, 5]);
        assert_eq!([6, 0, 0].map(&mut after), [0, 1, 2]);
    }
}
