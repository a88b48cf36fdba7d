//! Settings of a service manager.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::service::ServiceManager;
use crate::service::throttle::Pace;
use crate::zygote::StartMethod;

/// What a manager goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) deadline: Duration,
    pub(super) pace: Pace,
    pub(super) method: StartMethod,
}

impl Default for Settings {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(10), pace: Pace::default(), method: StartMethod::default() }
    }
}

/// Settings of a [`ServiceManager`]; made by [`ServiceManager::builder`].
///
/// ```
/// use std::time::Duration;
/// use multiproc::ServiceManager;
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = ServiceManager::builder()
///     .graceful_deadline(Duration::from_secs(60))
///     .respawn_throttle(Duration::from_secs(1), Duration::from_secs(30))
///     .build()?;
/// # drop(manager);
/// # Ok(()) }
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `build`"]
pub struct ServiceManagerBuilder {
    settings: Settings,
}

impl ServiceManagerBuilder {
    /// How long a worker may take to end once it was told to (SIGTERM), before it is killed; 10 s
    /// if not set. systemd: `TimeoutStopSec`.
    pub fn graceful_deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How long the replacement of a worker that died has to wait: the first comes at once; then it
    /// is `shortest`, and twice as long each time, up to `longest`. A worker that lived longer
    /// than `longest` was well, and the count begins anew. 100 ms and 5 s if not set. systemd:
    /// `RestartSec` and `RestartMaxDelaySec`.
    pub fn respawn_throttle(mut self, shortest: Duration, longest: Duration) -> Self {
        self.settings.pace = Pace { shortest, longest };
        self
    }

    /// How the workers come to be.
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.settings.method = method;
        self
    }

    /// A manager with these settings.
    ///
    /// # Errors
    /// [`Error::Config`] if the shortest wait for a replacement is longer than the longest, or if
    /// either is none at all or over a day.
    pub fn build(self) -> Result<ServiceManager> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let Pace { shortest, longest } = self.settings.pace;
        if shortest.is_zero() || shortest > longest || longest > DAY {
            let text = format!(
                "respawn_throttle({shortest:?}, {longest:?}) makes no sense: the shortest wait is more than 0 and not \
                 over the longest, which is a day at most"
            );
            return Err(Error::Config(text));
        }
        Ok(ServiceManager::with(self.settings))
    }
}
