//! The manager, until it runs: services, hooks and settings.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::service::definition::{Hooks, Service};
use crate::service::manager_loop::{Settings, run};
use crate::service::service_control::{ServiceControl, ServiceId};
use crate::service::worker_slot::DelayBounds;
use crate::zygote::StartMethod;

/// A manager that runs services and handles the signals that are sent to a background program.
///
/// - **SIGHUP:** The hooks of [`on_reload`](ServiceManager::on_reload) run, then each worker is
///   asked to [reload](crate::ServiceWorker::reload_requested).
/// - **SIGTERM, SIGINT:** Each worker is sent SIGTERM, and killed if it has not ended by a
///   [deadline](crate::ServiceManagerBuilder::graceful_deadline); then
///   [`run`](ServiceManager::run) returns.
/// - **A worker ends,** however: A new one of its number replaces it, after a
///   [delay](crate::ServiceManagerBuilder::respawn_throttle). No other worker is affected.
/// - **The program ends,** however: Its workers end with it.
///
/// If the environment variable `NOTIFY_SOCKET` is set, as by systemd for services of `Type=notify`
/// or `notify-reload`, the manager reports there when the first workers were started, when it
/// reloads and has reloaded, and when it stops.
///
/// ```
/// use std::time::Duration;
/// use multiproc::{Queue, Service, ServiceManager, ServiceWorker};
///
/// fn produce(worker: ServiceWorker, queue: Queue<u32>) {
///     for n in 0.. {
///         if worker.should_stop() || queue.put(n).is_err() {
///             return;
///         }
///         worker.sleep(Duration::from_secs(1));
///     }
/// }
///
/// fn print(worker: ServiceWorker, queue: Queue<u32>) {
///     while !worker.should_stop() {
///         if let Ok(n) = queue.get_timeout(Duration::from_millis(100)) {
///             println!("{} has {n}", worker.name());
///         }
///     }
/// }
///
/// fn main() -> multiproc::Result<()> {
///     multiproc::init();
///     let queue = Queue::new()?;
///     let mut manager = ServiceManager::new();
///     manager.add(Service::new(produce, (queue.clone(),)), 1)?;
///     let printers = manager.add(Service::new(print, (queue,)), 2)?;
///     manager.on_reload(move |manager| {
///         manager.reconfigure(printers, 5).expect("five are not too many");
///     });
///     manager.on_dead_worker(|_, number, exit| eprintln!("worker {number} {exit}"));
/// #   let control = manager.control();
/// #   std::thread::spawn(move || control.terminate());
///     manager.run() // until SIGTERM
/// }
/// ```
///
/// Python's counterpart: the package cotyledon's `ServiceManager`.
#[derive(Default)]
pub struct ServiceManager {
    services: Vec<(ServiceId, Service)>,
    hooks: Hooks,
    settings: Settings,
    control: ServiceControl,
}

impl ServiceManager {
    /// Returns a manager with no services yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a builder for a manager with other settings.
    pub fn builder() -> ServiceManagerBuilder {
        ServiceManagerBuilder::default()
    }

    /// Adds a service with that number of workers, which are numbered from 0. They start with
    /// [`run`](ServiceManager::run), the services in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::Config`] if there are too many workers (over 4096).
    pub fn add(&mut self, service: Service, workers: usize) -> Result<ServiceId> {
        let id = self.control.state().add(workers)?;
        self.services.push((id, service));
        Ok(id)
    }

    /// Sets the number of workers of a service. [`ServiceControl::reconfigure`] does so while the
    /// manager runs.
    ///
    /// # Errors
    /// Those of [`ServiceControl::reconfigure`].
    pub fn reconfigure(&mut self, id: ServiceId, workers: usize) -> Result<()> {
        self.control.reconfigure(id, workers)
    }

    /// Returns a handle that controls the manager while it runs.
    pub fn control(&self) -> ServiceControl {
        self.control.clone()
    }

    /// Adds a hook, which is called when the manager reloads (SIGHUP), before the workers are asked
    /// to.
    ///
    /// Of this and the other hooks there may be several; they run in the thread of
    /// [`run`](ServiceManager::run), one after the other, and the manager waits for them.
    pub fn on_reload(&mut self, hook: impl FnMut(&ServiceControl) + Send + 'static) -> &mut Self {
        self.hooks.on_reload(Box::new(hook));
        self
    }

    /// Adds a hook, which is called when the manager is to end (SIGTERM or SIGINT), before the
    /// workers are asked to.
    pub fn on_terminate(&mut self, hook: impl FnMut() + Send + 'static) -> &mut Self {
        self.hooks.on_terminate(Box::new(hook));
        self
    }

    /// Adds a hook, which is called with the service, the worker's number and its process id when a
    /// worker was started.
    pub fn on_new_worker(&mut self, hook: impl FnMut(ServiceId, usize, u32) + Send + 'static) -> &mut Self {
        self.hooks.on_new_worker(Box::new(hook));
        self
    }

    /// Adds a hook, which is called with the service, the worker's number and how its process ended
    /// when a worker has ended, by itself or because it was asked to.
    pub fn on_dead_worker(&mut self, hook: impl FnMut(ServiceId, usize, ExitStatus) + Send + 'static) -> &mut Self {
        self.hooks.on_dead_worker(Box::new(hook));
        self
    }

    /// Adds a hook, which is called with the service, the worker's number and the error when a
    /// worker's function panicked (its process has then exited with code 1), its arguments could
    /// not be sent, or its process could not be started.
    pub fn on_error(&mut self, hook: impl FnMut(ServiceId, usize, &Error) + Send + 'static) -> &mut Self {
        self.hooks.on_error(Box::new(hook));
        self
    }

    /// Runs the services until SIGTERM, SIGINT or [`ServiceControl::terminate`], and returns when
    /// all workers have ended.
    ///
    /// Meanwhile the manager handles SIGHUP, SIGTERM and SIGINT (the last one only if it was not
    /// ignored before). Handlers that the program has set for them run, too; afterwards, all is
    /// as it was.
    ///
    /// A second SIGTERM changes nothing. A hook that panics ends that call of it; the manager, its
    /// workers and the other hooks go on.
    ///
    /// # Errors
    /// [`Error::Panicked`] at the end, with the message of the first hook that panicked;
    /// [`Error::InvalidState`] if another manager runs in this process; those of
    /// [`ProcessBuilder::start`](crate::ProcessBuilder::start) if one of the first workers cannot
    /// be started: the others are killed then. (A later start is tried again; see
    /// [`on_error`](ServiceManager::on_error).) [`Error::ForeignProcess`] in a copy of this process
    /// that a hook has made.
    pub fn run(self) -> Result<()> {
        run(self.services, self.hooks, self.settings, self.control)
    }
}

impl fmt::Debug for ServiceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceManager")
            .field("services", &self.services)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

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
        Ok(ServiceManager { settings: self.settings, ..ServiceManager::default() })
    }
}
