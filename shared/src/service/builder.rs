//! Settings of a service manager.

use std::time::Duration;

use crate::error::Result;
use crate::service::service_manager::ServiceManager;
use crate::service::supervisor::Settings;
use crate::service::worker_slot::DelayBounds;
use crate::zygote::StartMethod;

/// Settings of a [`ServiceManager`]. Made by [`ServiceManager::builder`].
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
    /// Sets the time that a worker may take to end after SIGTERM, before it is killed; 10 s if not
    /// set.
    ///
    /// systemd's counterpart: `TimeoutStopSec`.
    pub fn graceful_deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Sets the delay after which a worker that ended by itself is replaced, 100 ms to 5 s if not
    /// set.
    ///
    /// The first replacement starts at once; the next delay is `min`, and it doubles each time, up
    /// to `max`. A worker that lived longer than `max` resets it.
    ///
    /// systemd's counterpart: `RestartSec` and `RestartMaxDelaySec`.
    pub fn respawn_throttle(mut self, min: Duration, max: Duration) -> Self {
        self.settings.respawn = DelayBounds { min, max };
        self
    }

    /// Sets how the workers are started.
    pub fn start_method(mut self, method: StartMethod) -> Self {
        self.settings.method = method;
        self
    }

    /// Returns a manager with these settings.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if the shortest respawn delay is longer than the
    /// longest, or if either is zero or over a day.
    pub fn build(self) -> Result<ServiceManager> {
        self.settings.respawn.check()?;
        Ok(ServiceManager::with(self.settings))
    }
}

impl ServiceManager {
    /// Returns a builder for a manager with other settings.
    pub fn builder() -> ServiceManagerBuilder {
        ServiceManagerBuilder::default()
    }
}
