//! Services: functions that run for as long as the program does, in processes that are replaced
//! when they die.
//!
//! The manager has one loop and no threads. What is wanted (how many workers each service is to
//! have) stands in one place, which anybody may change who has a handle; the loop is woken by
//! signals, by such changes and by workers that end, and makes the world what is wanted. Beyond
//! that, a worker is a [`Process`](crate::Process) like any other, and dies with its program.
//!
//! - [`definition`]: what a service is; [`worker`]: what its function is given;
//! - [`control`]: what is wanted; [`hooks`]: what the program is told; [`builder`]: settings;
//! - [`run`]: the loop; [`seat`]: one worker's place, and who holds it; [`throttle`]: how soon one
//!   is replaced;
//! - [`signals`]: catching them; [`systemd`]: what systemd is told.

mod builder;
mod control;
mod definition;
mod hooks;
mod run;
mod seat;
mod signals;
mod systemd;
mod throttle;
mod worker;

use std::fmt;

pub use builder::ServiceManagerBuilder;
pub use control::{ServiceControl, ServiceId};
pub use definition::{Service, ServiceArguments};
pub use worker::ServiceWorker;

use crate::error::{Error, Result};
use crate::exit_status::ExitStatus;
use crate::service::builder::Settings;
use crate::service::hooks::Hooks;

/// Runs services, and answers to the signals that a program in the background gets.
///
/// | what comes | what happens |
/// |---|---|
/// | SIGHUP | the hooks of [`on_reload`](ServiceManager::on_reload) run, then each worker is told: [`reload_requested`](ServiceWorker::reload_requested) |
/// | SIGTERM, SIGINT | every worker gets SIGTERM, and is killed if it has not ended by a [deadline](ServiceManagerBuilder::graceful_deadline); then [`run`](ServiceManager::run) returns |
/// | a worker dies, however | a new one takes its place and number, [sooner or later](ServiceManagerBuilder::respawn_throttle); the others are left alone |
/// | the program dies, however | its workers die with it |
///
/// If the environment variable `NOTIFY_SOCKET` is set, as by systemd for services of `Type=notify`
/// or `notify-reload`, the manager says there when the first workers were started, when it reloads
/// and has reloaded, and when it stops.
///
/// The well-known counterparts are systemd itself, and in Python the package cotyledon, whose
/// `ServiceManager` this one takes after.
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
///     manager.on_reload(move |manager| manager.reconfigure(printers, 5).expect("five are not too many"));
///     manager.on_dead_worker(|_, number, exit| eprintln!("worker {number} {exit}"));
/// #   let control = manager.control();
/// #   std::thread::spawn(move || control.terminate());
///     manager.run() // until SIGTERM
/// }
/// ```
#[derive(Default)]
pub struct ServiceManager {
    services: Vec<(ServiceId, Service)>,
    hooks: Hooks,
    settings: Settings,
    control: ServiceControl,
}

impl ServiceManager {
    /// A manager with no services yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Settings for a manager.
    pub fn builder() -> ServiceManagerBuilder {
        ServiceManagerBuilder::default()
    }

    fn with(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Adds a service that is to have so many workers, numbered from 0. They start with
    /// [`run`](ServiceManager::run), the services in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::Config`] if there are too many workers (over 4096).
    pub fn add(&mut self, service: Service, workers: usize) -> Result<ServiceId> {
        let id = self.control.0.add(workers)?;
        self.services.push((id, service));
        Ok(id)
    }

    /// Sets how many workers a service is to have; see [`ServiceControl::reconfigure`], which does
    /// so while the manager runs.
    ///
    /// # Errors
    /// As there.
    pub fn reconfigure(&mut self, id: ServiceId, workers: usize) -> Result<()> {
        self.control.reconfigure(id, workers)
    }

    /// A handle for while the manager runs.
    pub fn control(&self) -> ServiceControl {
        self.control.clone()
    }

    /// Calls `hook` when the manager is told to reload (SIGHUP), before the workers are. Of this
    /// and the other hooks there may be several; they run in the thread of
    /// [`run`](ServiceManager::run), one after the other, and the manager waits for them.
    pub fn on_reload(&mut self, hook: impl FnMut(&ServiceControl) + Send + 'static) -> &mut Self {
        self.hooks.on_reload.push(Box::new(hook));
        self
    }

    /// Calls `hook` when the manager is told to end (SIGTERM or SIGINT), before the workers are.
    pub fn on_terminate(&mut self, hook: impl FnMut() + Send + 'static) -> &mut Self {
        self.hooks.on_terminate.push(Box::new(hook));
        self
    }

    /// Calls `hook` with the service, the worker's number and its process id when a worker was
    /// started.
    pub fn on_new_worker(&mut self, hook: impl FnMut(ServiceId, usize, u32) + Send + 'static) -> &mut Self {
        self.hooks.on_new_worker.push(Box::new(hook));
        self
    }

    /// Calls `hook` with the service, the worker's number and how its process ended when a worker
    /// has ended: because it died, or because it was told to.
    pub fn on_dead_worker(&mut self, hook: impl FnMut(ServiceId, usize, ExitStatus) + Send + 'static) -> &mut Self {
        self.hooks.on_dead_worker.push(Box::new(hook));
        self
    }

    /// Calls `hook` with the service, the worker's number and the error when a worker's function
    /// panicked (its process has then exited with code 1), its arguments could not be sent, or
    /// its process could not be started.
    pub fn on_error(&mut self, hook: impl FnMut(ServiceId, usize, &Error) + Send + 'static) -> &mut Self {
        self.hooks.on_error.push(Box::new(hook));
        self
    }

    /// Runs the services until SIGTERM, SIGINT or [`ServiceControl::terminate`], and returns when
    /// all workers have ended.
    ///
    /// Meanwhile the manager answers to SIGHUP, SIGTERM and SIGINT (the last one only if it was not
    /// ignored before). Handlers that the program has set for them run, too; afterwards, all is
    /// as it was.
    ///
    /// A second SIGTERM changes nothing. A hook that panics ends that call of it; the manager, its
    /// workers and the other hooks go on.
    ///
    /// # Errors
    /// [`Error::Panicked`] at the end, with the message of the first hook that panicked;
    /// [`Error::Config`] if another manager runs in this process; what [`Process`](crate::Process)
    /// says if one of the first workers cannot be started: those that could be are killed then.
    /// What fails later is tried again; see [`on_error`](ServiceManager::on_error).
    /// [`Error::ForeignProcess`] in a copy of this process that a hook has made.
    pub fn run(self) -> Result<()> {
        run::run(self.services, self.hooks, self.settings, self.control)
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
