//! The first parameter of a service's function, in the worker's process.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::service::caught_signal::CaughtSignal;

/// The first parameter of a [`Service`](crate::Service)'s function: which worker it is, and what it
/// is asked to do.
///
/// A worker that never calls [`should_stop`](ServiceWorker::should_stop) is ended by the manager's
/// SIGTERM, wherever it may be. From its first call on, a worker has the time to end by itself.
/// SIGHUP never ends a worker; [`reload_requested`](ServiceWorker::reload_requested) returns
/// whether it has come.
///
/// Signals interrupt no call that waits, such as [`Queue::get`](crate::Queue::get): use a form with
/// a timeout, and ask again after it.
///
/// ```
/// use std::time::Duration;
/// use multiproc::{Error, Queue, Service, ServiceManager, ServiceWorker};
///
/// fn printer(worker: ServiceWorker, queue: Queue<String>) {
///     while !worker.should_stop() {
///         if worker.reload_requested() {
///             // read the settings again
///         }
///         match queue.get_timeout(Duration::from_millis(100)) {
///             Ok(text) => println!("{}: {text}", worker.name()),
///             Err(Error::TimedOut { .. }) => {}
///             Err(_) => return,
///         }
///     }
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let mut manager = ServiceManager::new();
/// let queue = Queue::new()?;
/// queue.put("Hello".to_string())?;
/// manager.add(Service::new(printer, (queue,)), 2)?;
/// # let control = manager.control();
/// # manager.on_new_worker(move |_, _, _| control.terminate());
/// manager.run()
/// # }
/// ```
///
/// Python's counterpart: the methods `reload` and `terminate` of the package cotyledon's `Service`.
#[derive(Clone)]
pub struct ServiceWorker {
    identity: WorkerIdentity,
    /// Set in the worker's process only.
    signals: Option<Arc<WorkerSignals>>,
}

/// The number and name of a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WorkerIdentity {
    number: usize,
    name: String,
}

/// The signals that a worker catches.
struct WorkerSignals {
    reload: CaughtSignal,
    /// Whether the function has ever asked for SIGHUP.
    asks_for_reload: AtomicBool,
    /// SIGTERM, once the function has asked for it.
    stop: OnceLock<Option<CaughtSignal>>,
}

impl ServiceWorker {
    /// Returns the parameter for a worker that is about to be started.
    pub(super) fn new(number: usize, name: String) -> Self {
        Self { identity: WorkerIdentity { number, name }, signals: None }
    }

    /// Returns the worker's number, counted from 0. A worker that ends by itself is replaced by one
    /// of the same number.
    pub fn number(&self) -> usize {
        self.identity.number
    }

    /// Returns the worker's name: the service's and the number, such as `printer-0`.
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// Returns whether the worker is to end: whether SIGTERM has come.
    ///
    /// From the first call on, that signal no longer ends the process by itself, so call this
    /// often; a worker that has not returned by the manager's
    /// [deadline](crate::ServiceManagerBuilder::graceful_deadline) is killed.
    pub fn should_stop(&self) -> bool {
        let Some(signals) = &self.signals else { return false };
        // Without a handler the signal goes on to end the process, which is safe.
        let stop = signals.stop.get_or_init(|| CaughtSignal::new(Signal::SIGTERM).ok());
        stop.as_ref().is_some_and(CaughtSignal::has_come)
    }

    /// Returns whether the worker is to reload, because the manager does (SIGHUP): `true` once for
    /// each time. (A new worker is not asked: it has just begun.)
    pub fn reload_requested(&self) -> bool {
        let Some(signals) = &self.signals else { return false };
        signals.asks_for_reload.store(true, Relaxed);
        // Looking at the flag is cheap; taking the signal is not.
        signals.reload.has_come() && signals.reload.take()
    }

    /// Sleeps for `time`, or until the worker is to stop or to reload. Returns whether it was the
    /// whole time.
    ///
    /// Only a request that the worker has asked for at least once ends the sleep, since a worker
    /// that never asks would not act on it.
    pub fn sleep(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        let Some(signals) = &self.signals else { return true };
        loop {
            let reload = signals.asks_for_reload.load(Relaxed).then_some(&signals.reload);
            let stop = signals.stop.get().and_then(Option::as_ref);
            let awaited: Vec<&CaughtSignal> = reload.into_iter().chain(stop).collect();
            if awaited.iter().any(|signal| signal.has_come()) {
                return false;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return true;
            }
            // Rounded up, so as not to spin through the last millisecond.
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                PollTimeout::try_from(left + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX)
            });
            let mut fds: Vec<_> = awaited.iter().map(|signal| PollFd::new(signal.as_fd(), PollFlags::POLLIN)).collect();
            match poll(&mut fds, timeout) {
                // The wake-up of a signal that was taken already. (The others stay, for other
                // threads that sleep.)
                Ok(1..) => awaited.iter().filter(|signal| !signal.has_come()).for_each(|signal| signal.clear_wakeups()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => {
                    std::thread::sleep(left.unwrap_or(Duration::MAX));
                    return true;
                }
            }
        }
    }
}

impl WorkerSignals {
    fn open() -> io::Result<Arc<Self>> {
        let signals = Arc::new(Self {
            reload: CaughtSignal::new(Signal::SIGHUP)?,
            asks_for_reload: AtomicBool::new(false),
            stop: OnceLock::new(),
        });
        // A function that drops its parameter early must not be ended by SIGHUP, so that the signal
        // is caught as long as the process lives.
        std::mem::forget(signals.clone());
        Ok(signals)
    }
}

/// Works only from the manager to the worker's process.
impl Serialize for ServiceWorker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.signals {
            None => self.identity.serialize(serializer),
            Some(_) => Err(ser::Error::custom("a service's worker cannot be sent on: it is this process")),
        }
    }
}

/// In the worker's process, which catches the signals from here on, before its function runs.
impl<'de> Deserialize<'de> for ServiceWorker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let identity = WorkerIdentity::deserialize(deserializer)?;
        Ok(Self { identity, signals: Some(WorkerSignals::open().map_err(de::Error::custom)?) })
    }
}

impl fmt::Debug for ServiceWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}
