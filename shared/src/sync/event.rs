//! A flag to wait for.

use std::sync::atomic::{AtomicU32, Ordering::*};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kind::ObjectKind;
use crate::shm::EventCount;
use crate::shm::region::{Head, Region};
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct EventHead {
        /// How often the flag has changed: odd while it is set. One word, so that no moment exists in which a killed process leaves it
        /// half changed.
        changes: AtomicU32,
        waiters: EventCount,
    }
}

impl Head for EventHead {
    const KIND: ObjectKind = ObjectKind::Event;
}

fn is_set(changes: u32) -> bool {
    changes % 2 == 1
}

/// A flag that processes can wait for.
///
/// It lies in shared memory. A handle is sent to other processes as an argument of a task; a clone
/// is the same event.
///
/// Python's counterpart is `multiprocessing.Event`.
///
/// ```
/// use multiproc::{Event, Process};
///
/// fn run(signal: Event) -> String {
///     signal.wait();
///     "running".to_string()
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let signal = Event::new()?;
/// let runner = Process::new(run, (signal.clone(),)).start()?;
/// signal.set();
/// assert_eq!(runner.join()?, "running");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Event(Region<EventHead>);

impl Event {
    /// An event that is not set.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Region::create(0).map(Self)
    }

    /// Sets the flag, which lets all waiting processes go on, also if it is [cleared](Event::clear)
    /// at once.
    pub fn set(&self) {
        self.change(|changes| (!is_set(changes)).then_some(changes.wrapping_add(1)));
        self.0.waiters.notify_all();
    }

    /// Clears the flag: who waits from now on waits for the next [`set`](Event::set).
    pub fn clear(&self) {
        self.change(|changes| is_set(changes).then_some(changes.wrapping_add(1)));
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        is_set(self.0.changes.load(Acquire))
    }

    /// Waits until the flag is set.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// As [`wait`](Event::wait), but no longer than `patience`; says whether the flag was set.
    pub fn wait_timeout(&self, patience: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(patience))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let before = self.0.changes.load(Acquire);
        // Any change from "not set" was to "set", whatever it is by now.
        let ready = || (is_set(before) || self.0.changes.load(Acquire) != before).then_some(());
        self.0.waiters.wait_until(deadline, true, ready).is_some()
    }

    fn change(&self, change: impl FnMut(u32) -> Option<u32>) {
        // Nothing to change is fine too.
        let _ = self.0.changes.fetch_update(AcqRel, Acquire, change);
    }
}
