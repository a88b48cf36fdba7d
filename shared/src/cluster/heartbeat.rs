//! Heartbeats between ranks: how often they are sent, and when a rank that sends none is lost.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// The silence after which a rank is lost, if the caller sets none.
const DEFAULT_SILENCE: Duration = Duration::from_secs(10);

/// The shortest silence that makes sense: a busy machine may keep a process waiting for some
/// hundredths of a second.
const MIN_SILENCE: Duration = Duration::from_millis(100);

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

    /// Returns the time within which a rank must send its first message: it may have much to do
    /// before.
    pub(super) fn start_timeout(self) -> Duration {
        self.max_silence.max(DEFAULT_SILENCE)
    }
}
