//! What is wanted of running services, and who may change it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::{Error, Result};
use crate::sys::notifier::Notifier;
use crate::sys::pid::Owner;

/// More workers of a service than this are a mistake rather than a wish, as in a pool.
const MOST_WORKERS: usize = 4096;

/// A service of a [`ServiceManager`](crate::ServiceManager), as [`add`](crate::ServiceManager::add)
/// returns it. No two services of a program have the same.
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
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}", self.0)
    }
}

/// How many workers each service is to have, and what else was asked for. The manager looks here
/// whenever it is woken, and makes the world the same.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    workers: Mutex<BTreeMap<ServiceId, usize>>,
    reload: AtomicBool,
    terminate: AtomicBool,
    over: AtomicBool,
    /// There while the manager runs.
    notifier: OnceLock<(Owner, Arc<Notifier>)>,
}

impl Wanted {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceId, usize>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new service, if so many workers may be.
    pub(super) fn add(&self, workers: usize) -> Result<ServiceId> {
        check(workers)?;
        let id = ServiceId::new();
        self.lock().insert(id, workers);
        Ok(id)
    }

    pub(super) fn workers(&self, id: ServiceId) -> usize {
        self.lock().get(&id).copied().unwrap_or(0)
    }

    /// Rings whenever something is asked for from now on.
    pub(super) fn listen(&self, notifier: Arc<Notifier>) {
        // A manager runs once, so nobody has set it before.
        let _ = self.notifier.set((Owner::here(), notifier));
    }

    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, SeqCst)
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.terminate.load(SeqCst)
    }

    /// From now on nothing can be changed any more.
    pub(super) fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Fails in a copy of the process that the manager runs in.
    fn check(&self) -> Result<()> {
        self.notifier.get().map_or(Ok(()), |(owner, _)| owner.check())
    }

    fn ring(&self) {
        if let Some((_, notifier)) = self.notifier.get() {
            notifier.notify();
        }
    }
}

fn check(workers: usize) -> Result<()> {
    if workers <= MOST_WORKERS {
        return Ok(());
    }
    Err(Error::Config(format!("a service has up to {MOST_WORKERS} workers, not {workers}")))
}

/// A handle on a [`ServiceManager`](crate::ServiceManager) for while it runs: for its hooks, and
/// for other threads. Cheap to clone.
///
/// Made by [`ServiceManager::control`](crate::ServiceManager::control), and given to
/// [`on_reload`](crate::ServiceManager::on_reload). What it asks for is done by the manager soon
/// after, in its own thread.
///
/// The well-known counterparts are `systemctl reload` and `stop`; in Python, the package
/// cotyledon's `reconfigure`.
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
#[derive(Debug, Clone, Default)]
pub struct ServiceControl(pub(super) Arc<Wanted>);

impl ServiceControl {
    /// Sets how many workers a service is to have; it may be 0. New ones get the next free numbers;
    /// of too many, those with the highest numbers are told to end, as at
    /// [termination](crate::ServiceManager::run).
    ///
    /// # Errors
    /// [`Error::Config`] if the service is not of this manager, if there are too many (over 4096),
    /// or if the manager is ending its services; [`Error::ForeignProcess`] in a copy of the
    /// process that the manager runs in.
    pub fn reconfigure(&self, id: ServiceId, workers: usize) -> Result<()> {
        check(workers)?;
        self.0.check()?;
        if self.0.over.load(SeqCst) {
            return Err(Error::Config("the services are being ended; nothing can be changed any more".into()));
        }
        match self.0.lock().get_mut(&id) {
            Some(wanted) => *wanted = workers,
            None => return Err(Error::Config(format!("{id} is not one of this manager's"))),
        }
        self.0.ring();
        Ok(())
    }

    /// Reloads, as SIGHUP does. In a copy of the process that the manager runs in, it does nothing;
    /// nor does [`terminate`](ServiceControl::terminate).
    pub fn reload(&self) {
        if self.0.check().is_err() {
            return;
        }
        self.0.reload.store(true, SeqCst);
        self.0.ring();
    }

    /// Ends the services and the manager's [`run`](crate::ServiceManager::run), as SIGTERM does.
    pub fn terminate(&self) {
        if self.0.check().is_err() {
            return;
        }
        self.0.terminate.store(true, SeqCst);
        self.0.ring();
    }
}
