//! The requests to a running manager, and the handle that makes them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::sys::pid::Owner;
use crate::sys::poll::Notifier;

/// More workers of a service than this are taken for a mistake, as in a pool.
const MAX_WORKERS: usize = 4096;

/// The identifier of a service of a [`ServiceManager`](crate::ServiceManager). Returned by
/// [`add`](crate::ServiceManager::add). No two services of a program have the same.
///
/// ```
/// use multiproc::{Service, ServiceManager, ServiceWorker};
///
/// fn idle(worker: ServiceWorker) {
///     while !worker.should_stop() {
///         worker.sleep(std::time::Duration::from_secs(1));
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let mut manager = ServiceManager::new();
/// let first = manager.add(Service::new(idle, ()), 1)?;
/// let second = manager.add(Service::new(idle, ()), 1)?;
/// assert_ne!(first, second);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(u64);

impl ServiceId {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}", self.0)
    }
}

/// What was requested: the number of workers of each service, a reload, the end. The manager looks
/// here whenever it wakes, and acts on it.
#[derive(Debug, Default)]
pub(super) struct Requests {
    workers: Mutex<BTreeMap<ServiceId, usize>>,
    reload: AtomicBool,
    terminate: AtomicBool,
    over: AtomicBool,
    /// Set once the manager runs.
    notifier: OnceLock<(Owner, Arc<Notifier>)>,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceId, usize>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a service with that number of workers.
    pub(super) fn add(&self, workers: usize) -> Result<ServiceId> {
        check_count(workers)?;
        let id = ServiceId::new();
        self.lock().insert(id, workers);
        Ok(id)
    }

    /// Returns the number of workers that a service is to have.
    pub(super) fn workers(&self, id: ServiceId) -> usize {
        self.lock().get(&id).copied().unwrap_or(0)
    }

    /// Has `notifier` notified of each request from now on.
    pub(super) fn listen(&self, notifier: Arc<Notifier>) {
        // A manager runs once, so that it was not set before.
        let _ = self.notifier.set((Owner::here(), notifier));
    }

    /// Returns whether a reload was requested since the last call.
    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, SeqCst)
    }

    /// Returns whether the end was requested.
    pub(super) fn is_terminated(&self) -> bool {
        self.terminate.load(SeqCst)
    }

    /// Makes all later changes an error.
    pub(super) fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Fails in a copy of the process that the manager runs in.
    fn check(&self) -> Result<()> {
        self.notifier.get().map_or(Ok(()), |(owner, _)| owner.check())
    }

    fn notify(&self) {
        if let Some((_, notifier)) = self.notifier.get() {
            notifier.notify();
        }
    }
}

fn check_count(workers: usize) -> Result<()> {
    if workers <= MAX_WORKERS {
        return Ok(());
    }
    Err(Error::Config(format!("a service has up to {MAX_WORKERS} workers, not {workers}")))
}

/// A handle that controls a running [`ServiceManager`](crate::ServiceManager), from its hooks or
/// from other threads. Cheap to clone.
///
/// Made by [`ServiceManager::control`](crate::ServiceManager::control), and passed to the hooks of
/// [`on_reload`](crate::ServiceManager::on_reload). The manager carries out the requests soon
/// after, in its own thread.
///
/// ```
/// use multiproc::{Service, ServiceManager, ServiceWorker};
///
/// fn idle(worker: ServiceWorker) {
///     while !worker.should_stop() {
///         worker.sleep(std::time::Duration::from_secs(1));
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let mut manager = ServiceManager::new();
/// let id = manager.add(Service::new(idle, ()), 1)?;
/// let control = manager.control();
/// manager.on_new_worker(move |_, number, _| match number {
///     0 => control.reconfigure(id, 2).expect("two are not too many"),
///     _ => control.terminate(),
/// });
/// manager.run()
/// # }
/// ```
///
/// systemd's counterparts: `systemctl reload` and `systemctl stop`. Python's counterpart: the
/// package cotyledon's `ServiceManager.reconfigure`.
#[derive(Debug, Clone, Default)]
pub struct ServiceControl(Arc<Requests>);

impl ServiceControl {
    /// Returns what was requested.
    pub(super) fn state(&self) -> &Requests {
        &self.0
    }

    /// Sets the number of workers of a service; it may be 0. New workers get the next free numbers;
    /// of too many, those with the highest numbers are ended, as at
    /// [termination](crate::ServiceManager::run).
    ///
    /// # Errors
    /// [`Error::Config`] if the service is not of this manager, or if there are too many (over
    /// 4096); [`Error::InvalidState`] if the manager is ending its services;
    /// [`Error::ForeignProcess`] in a copy of the process that the manager runs in.
    pub fn reconfigure(&self, id: ServiceId, workers: usize) -> Result<()> {
        check_count(workers)?;
        self.0.check()?;
        if self.0.over.load(SeqCst) {
            return Err(Error::InvalidState("the services are being ended; nothing can be changed any more".into()));
        }
        match self.0.lock().get_mut(&id) {
            Some(requested) => *requested = workers,
            None => return Err(Error::Config(format!("{id} is not one of this manager's"))),
        }
        self.0.notify();
        Ok(())
    }

    /// Reloads, as SIGHUP does. Does nothing in a copy of the process that the manager runs in.
    pub fn reload(&self) {
        if self.0.check().is_err() {
            return;
        }
        self.0.reload.store(true, SeqCst);
        self.0.notify();
    }

    /// Ends the services and the manager's [`run`](crate::ServiceManager::run), as SIGTERM does.
    /// Does nothing in a copy of the process that the manager runs in.
    pub fn terminate(&self) {
        if self.0.check().is_err() {
            return;
        }
        self.0.terminate.store(true, SeqCst);
        self.0.notify();
    }
}
