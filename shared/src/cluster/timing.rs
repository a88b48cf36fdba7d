//! Times: how often heartbeats are sent, when a rank that sends none is lost, and how often to look
//! for messages.
//!
//! Nothing wakes a thread when a message comes: MPI's waiting calls spin instead. So a thread looks
//! often while messages come and go, and ever more seldom the longer nothing has come.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl;

use crate::error::{Error, Result};

/// The longest time that rank 0 waits for the last messages of the ranks, and they until theirs
/// have left.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The silence after which a rank is lost, if the caller sets none.
const DEFAULT_SILENCE: Duration = Duration::from_secs(10);

/// The time within which all ranks must have started MPI, if the caller sets none: what stands
/// before the executor in the program may read much from a slow disk.
const DEFAULT_START: Duration = Duration::from_secs(120);

/// The time for which a serving rank waits for longer than rank 0, whose error ends the program.
const START_GRACE: Duration = Duration::from_secs(10);

/// The shortest silence that makes sense: a busy machine may keep a process waiting for some
/// hundredths of a second.
const MIN_SILENCE: Duration = Duration::from_millis(100);

/// The shortest sleep.
const MIN_SLEEP: Duration = Duration::from_micros(20);

/// The ratio of the time for which nothing has come to a sleep: what is waited for comes late by
/// this part of it at most.
const RATIO: u32 = 8;

/// The time for which a thread only gives way to others between two parts of a large message, which
/// nothing but looks moves on.
const MAX_SPIN: Duration = Duration::from_millis(1);

/// The longest sleep, and that after [`IDLE_AFTER`] without anything to do: a first task waits half
/// of it on average. A look took 40 µs of CPU where this was measured (two virtual CPUs, sixteen
/// ranks, Open MPI 4.1.4), so that sixteen ranks that do nothing take 2 % of one.
const MAX_SLEEP: Duration = Duration::from_millis(5);
const MAX_IDLE_SLEEP: Duration = Duration::from_millis(30);
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// The times that follow from the longest silence that is allowed to a rank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    max_silence: Duration,
}

impl Heartbeat {
    /// Returns the times for a silence, the default one if it is `None`.
    pub(super) fn new(max_silence: Option<Duration>) -> Result<Self> {
        let max_silence = max_silence.unwrap_or(DEFAULT_SILENCE);
        if max_silence < MIN_SILENCE {
            return Err(Error::Config("the silence that a rank is allowed must be 100 ms or more".into()));
        }
        Ok(Self { max_silence })
    }

    /// Returns whether a rank is lost from which nothing has come for `silent_for`.
    pub(super) fn is_lost(self, silent_for: Duration) -> bool {
        silent_for > self.max_silence
    }

    /// Returns whether a rank to which the last message went at `sent` must be sent another.
    pub(super) fn is_due(self, sent: Instant) -> bool {
        sent.elapsed() >= self.interval()
    }

    /// Returns the longest time between two messages to a rank.
    pub(super) fn interval(self) -> Duration {
        self.max_silence / 4
    }

    /// Returns the time between two looks for what is due and which rank is lost.
    pub(super) fn check_interval(self) -> Duration {
        (self.max_silence / 20).clamp(Duration::from_millis(1), Duration::from_millis(50))
    }

    /// Returns the time between two looks of the thread for heartbeats. It is longer: of sixteen
    /// ranks that do nothing, looks every 50 ms took 2 % of a CPU (two virtual CPUs).
    pub(super) fn beat_interval(self) -> Duration {
        (self.max_silence / 20).clamp(Duration::from_millis(1), Duration::from_millis(250))
    }

    /// Returns the time within which a rank must send its first message: it may have much to do
    /// before.
    pub(super) fn start_timeout(self) -> Duration {
        self.max_silence.max(DEFAULT_SILENCE)
    }
}

/// Returns the time for which `rank` waits for MPI to start, which it does when all ranks have
/// joined.
pub(super) fn join_timeout(start_timeout: Option<Duration>, rank: usize) -> Duration {
    let timeout = start_timeout.unwrap_or(DEFAULT_START);
    if rank == 0 { timeout } else { timeout.saturating_add(START_GRACE) }
}

/// What a thread that looks for messages has to do meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// Parts of a large message are on their way, which nothing but looks moves on.
    Transfer,
    /// Tasks run, or last messages are awaited.
    Tasks,
    /// Nothing.
    Idle,
}

/// The time between two looks, which grows with the time since the last message.
#[derive(Debug)]
pub(super) struct PollInterval {
    last_activity: Instant,
}

impl PollInterval {
    /// Returns the interval of the calling thread, whose sleeps are exact from now on: by default
    /// the kernel adds up to 50 µs to each.
    pub(super) fn new() -> Self {
        // Without it the sleeps are longer, and nothing is wrong.
        let _ = prctl::set_timerslack(1);
        Self { last_activity: Instant::now() }
    }

    /// Records that something came or went.
    pub(super) fn reset(&mut self) {
        self.last_activity = Instant::now();
    }

    /// Returns the time to sleep now, which is zero at first during a transfer.
    pub(super) fn sleep_time(&self, activity: Activity) -> Duration {
        let elapsed = self.last_activity.elapsed();
        let max = match activity {
            Activity::Transfer if elapsed < MAX_SPIN => return Duration::ZERO,
            Activity::Idle if elapsed >= IDLE_AFTER => MAX_IDLE_SLEEP,
            _ => MAX_SLEEP,
        };
        (elapsed / RATIO).clamp(MIN_SLEEP, max)
    }
}

/// Sleeps, or if the time is zero gives way to others.
pub(super) fn sleep(time: Duration) {
    if time.is_zero() {
        thread::yield_now();
    } else {
        thread::sleep(time);
    }
}
