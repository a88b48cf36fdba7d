//! One worker's place: a number of a service, and whoever holds it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::process::Process;
use crate::service::throttle::{Pace, Throttle};

/// How long a worker that was killed may take to be gone, before its process is dropped with
/// everything that belongs to it.
const BURIAL: Duration = Duration::from_secs(5);

/// A number of a service.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) number: usize,
    throttle: Throttle,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    /// Nobody, and not before this time.
    Nobody(Instant),
    /// A worker that serves, since this time.
    Serves(Process<()>, Instant),
    /// A worker that was told to end, and is killed at this time, if time has an end.
    Leaves(Process<()>, Option<Instant>),
    /// A worker that was killed, and is given up at this time.
    Dies(Process<()>, Instant),
}

/// What became of a worker.
pub(super) struct End {
    pub(super) exit: ExitStatus,
    /// What its function's failure said, if it said more than the exit does.
    pub(super) error: Option<Error>,
}

impl Seat {
    pub(super) fn new(number: usize) -> Self {
        Self { number, throttle: Throttle::default(), holder: Holder::Nobody(Instant::now()) }
    }

    /// Its process, while there is one.
    pub(super) fn process(&self) -> Option<&Process<()>> {
        match &self.holder {
            Holder::Nobody(_) => None,
            Holder::Serves(process, _) | Holder::Leaves(process, _) | Holder::Dies(process, _) => Some(process),
        }
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.process().is_none()
    }

    /// When there is something to do here, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.holder {
            Holder::Nobody(at) | Holder::Dies(_, at) => Some(*at),
            Holder::Leaves(_, at) => *at,
            Holder::Serves(..) => None,
        }
    }

    /// Whether it is time for a new worker.
    pub(super) fn wants_worker(&self) -> bool {
        matches!(&self.holder, Holder::Nobody(at) if *at <= Instant::now())
    }

    /// Here is the new worker.
    pub(super) fn take(&mut self, process: Process<()>) {
        self.holder = Holder::Serves(process, Instant::now());
    }

    /// There was no new worker to be had.
    pub(super) fn put_off(&mut self, pace: Pace) {
        // At once would be too soon in any case: what the system refuses now, it refuses in a moment.
        let wait = self.throttle.wait_after(Duration::ZERO, pace).max(pace.shortest);
        self.holder = Holder::Nobody(Instant::now() + wait);
    }

    /// Tells a worker that serves to reload. One that is not prepared for the signal has not begun,
    /// and begins with all as it is now.
    pub(super) fn reload(&self) {
        if let Holder::Serves(process, _) = &self.holder {
            // One that cannot be reached has ended; that is noticed elsewhere.
            let _ = process.signal_handler(Signal::SIGHUP);
        }
    }

    /// Tells a worker that serves to end.
    pub(super) fn ask_to_leave(&mut self, deadline: Duration) {
        self.pass_on(|holder| match holder {
            Holder::Serves(process, _) => {
                let _ = process.terminate();
                Holder::Leaves(process, Instant::now().checked_add(deadline))
            }
            other => other,
        });
    }

    /// Ends by force a worker whose time is up.
    pub(super) fn insist(&mut self) {
        let now = Instant::now();
        self.pass_on(|holder| match holder {
            Holder::Leaves(process, Some(at)) if at <= now => {
                let _ = process.kill();
                Holder::Dies(process, now + BURIAL)
            }
            // The drop of a daemon kills it, and the zygote if need be, within a bounded time.
            Holder::Dies(_, at) if at <= now => Holder::Nobody(now),
            other => other,
        });
    }

    /// Looks whether its worker has ended; if so, the seat is vacant, and for how long at least,
    /// the throttle says.
    pub(super) fn look(&mut self, pace: Pace) -> Option<End> {
        let exit = self.process()?.exit_status()?;
        let now = Instant::now();
        let (mut process, wait) = match std::mem::replace(&mut self.holder, Holder::Nobody(now)) {
            Holder::Nobody(_) => return None,
            Holder::Serves(process, since) => (process, self.throttle.wait_after(now - since, pace)),
            Holder::Leaves(process, _) | Holder::Dies(process, _) => (process, Duration::ZERO),
        };
        self.holder = Holder::Nobody(now + wait);
        Some(End { exit, error: said(process.join_timeout(Duration::ZERO)) })
    }

    fn pass_on(&mut self, change: impl FnOnce(Holder) -> Holder) {
        let holder = std::mem::replace(&mut self.holder, Holder::Nobody(Instant::now()));
        self.holder = change(holder);
    }
}

/// What an outcome says beyond that the process has ended.
fn said(outcome: Result<()>) -> Option<Error> {
    let error = outcome.err()?;
    let has_said = matches!(
        error,
        Error::Panicked { .. } | Error::Encode(_) | Error::Decode(_) | Error::TooLarge { .. } | Error::Io { .. }
    );
    has_said.then_some(error)
}
