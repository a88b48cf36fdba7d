//! A service's side of things: what its function is given.

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

use crate::service::signals::Caught;

/// The first parameter of a [`Service`](crate::Service)'s function: which worker it is, and what is
/// asked of it.
///
/// A worker that never asks is ended by the manager's SIGTERM, wherever it may be. One that calls
/// [`should_stop`](ServiceWorker::should_stop) has from then on the time to end in good order.
/// SIGHUP never ends a worker; [`reload_requested`](ServiceWorker::reload_requested) tells of it.
///
/// Signals interrupt no call that waits, such as [`Queue::get`](crate::Queue::get): let such calls
/// have a time limit, and ask again after it.
///
/// The well-known counterpart in Python is the class `Service` of the package cotyledon, with its
/// methods `reload` and `terminate`.
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
#[derive(Clone)]
pub struct ServiceWorker {
    seat: Seat,
    /// Only where it works.
    ears: Option<Arc<Ears>>,
}

/// Which worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Seat {
    number: usize,
    name: String,
}

/// What a worker hears.
struct Ears {
    reload: Caught,
    /// Whether it has ever asked for that.
    asks_for_reload: AtomicBool,
    /// Once it has asked for it.
    stop: OnceLock<Option<Caught>>,
}

impl ServiceWorker {
    /// On the manager's side.
    pub(super) fn new(number: usize, name: String) -> Self {
        Self { seat: Seat { number, name }, ears: None }
    }

    /// Its number, counted from 0. A worker that dies is replaced by one of the same number.
    pub fn number(&self) -> usize {
        self.seat.number
    }

    /// Its name: the service's and its number, such as `printer-0`.
    pub fn name(&self) -> &str {
        &self.seat.name
    }

    /// Whether it is to end: it has got SIGTERM. From the first call on, that signal no longer ends
    /// the process by itself, so ask often; a worker that has not returned by the manager's
    /// deadline is killed.
    pub fn should_stop(&self) -> bool {
        let Some(ears) = &self.ears else { return false };
        // Without a handler the signal goes on to end the process, which is safe.
        let stop = ears.stop.get_or_init(|| Caught::new(Signal::SIGTERM).ok());
        stop.as_ref().is_some_and(Caught::has_come)
    }

    /// Whether it is to reload, as the manager was asked to by SIGHUP: `true` once for each time.
    /// (A new worker is not asked: it has just begun.)
    pub fn reload_requested(&self) -> bool {
        let Some(ears) = &self.ears else { return false };
        ears.asks_for_reload.store(true, Relaxed);
        // To look at the flag is cheap; to take it is not.
        ears.reload.has_come() && ears.reload.take()
    }

    /// Sleeps for so long, or until there is something to do: to stop or to reload. Of these it
    /// knows what the worker has asked for at least once, since nobody else would ever attend
    /// to it. Says whether it was the whole time.
    pub fn sleep(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        let Some(ears) = &self.ears else { return true };
        loop {
            let reload = ears.asks_for_reload.load(Relaxed).then_some(&ears.reload);
            let stop = ears.stop.get().and_then(Option::as_ref);
            let heard: Vec<&Caught> = reload.into_iter().chain(stop).collect();
            if heard.iter().any(|caught| caught.has_come()) {
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
            let mut fds: Vec<_> = heard.iter().map(|caught| PollFd::new(caught.as_fd(), PollFlags::POLLIN)).collect();
            match poll(&mut fds, timeout) {
                // The wake-up of a signal that was taken already. (The others stay, for other threads that sleep.)
                Ok(1..) => heard.iter().filter(|caught| !caught.has_come()).for_each(|caught| caught.quiet()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => {
                    std::thread::sleep(left.unwrap_or(Duration::MAX));
                    return true;
                }
            }
        }
    }
}

impl Ears {
    fn open() -> io::Result<Arc<Self>> {
        let ears = Arc::new(Self {
            reload: Caught::new(Signal::SIGHUP)?,
            asks_for_reload: AtomicBool::new(false),
            stop: OnceLock::new(),
        });
        // A worker that drops its context early must not be ended by SIGHUP, so it is heard as long as the
        // process lives.
        std::mem::forget(ears.clone());
        Ok(ears)
    }
}

/// Only for its way from the manager to its process.
impl Serialize for ServiceWorker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.ears {
            None => self.seat.serialize(serializer),
            Some(_) => Err(ser::Error::custom("a service's worker cannot be sent on: it is this process")),
        }
    }
}

/// Where it arrives, the process begins to hear, before its function runs.
impl<'de> Deserialize<'de> for ServiceWorker {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seat = Seat::deserialize(deserializer)?;
        Ok(Self { seat, ears: Some(Ears::open().map_err(de::Error::custom)?) })
    }
}

impl fmt::Debug for ServiceWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seat.fmt(f)
    }
}
