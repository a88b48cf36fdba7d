//! A flag that processes wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::task::Waker;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::kind::ObjectKind;
use crate::shm::region::{Head, Region};
use crate::shm::{EventCount, Watch, Watched};
use crate::sys::words::words;

words! {
    #[derive(Debug)]
    struct EventHead {
        /// How often the flag has changed: odd while it is set. It is one word, so that a process
        /// can be killed at no moment in which the flag is half changed.
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
/// # Examples
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
///
/// Python's counterpart: `multiprocessing.Event`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
#[must_use]
pub struct Event(Region<EventHead>);

impl Event {
    /// Creates an event that is not set.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the system has no memory or descriptors left.
    pub fn new() -> Result<Self> {
        Region::create(0).map(Self)
    }

    /// Sets the flag, which lets all waiting processes go on, also if it is [cleared](Event::clear)
    /// at once.
    ///
    /// Python's counterpart: `Event.set`.
    pub fn set(&self) {
        self.change(|changes| (!is_set(changes)).then_some(changes.wrapping_add(1)));
        self.0.waiters.notify_all();
    }

    /// Clears the flag: a call that waits from now on waits for the next [`set`](Event::set).
    ///
    /// Python's counterpart: `Event.clear`.
    pub fn clear(&self) {
        self.change(|changes| is_set(changes).then_some(changes.wrapping_add(1)));
    }

    /// Returns whether the flag is set.
    ///
    /// Python's counterpart: `Event.is_set`.
    #[must_use]
    pub fn is_set(&self) -> bool {
        is_set(self.0.changes.load(Acquire))
    }

    /// Waits until the flag is set.
    ///
    /// Python's counterpart: `Event.wait`.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until the flag is set, for at most `timeout`. Returns whether it was set.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let event = multiproc::Event::new()?;
    /// assert!(!event.wait_timeout(Duration::from_millis(10)));
    /// event.set();
    /// assert!(event.wait_timeout(Duration::from_millis(10)));
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `Event.wait` with `timeout`.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        let before = self.changes();
        let ready = || (is_set(before) || self.was_set_since(before)).then_some(());
        self.0.waiters.wait_until(deadline, true, ready).is_some()
    }

    /// Returns a mark of this moment, for [`was_set_since`](Event::was_set_since).
    pub(crate) fn changes(&self) -> u32 {
        self.0.changes.load(Acquire)
    }

    /// Returns whether the flag is set, or was set after that moment.
    pub(crate) fn was_set_since(&self, before: u32) -> bool {
        let now = self.changes();
        // It is not, after one change, only if it was cleared.
        is_set(now) || now.wrapping_sub(before) > 1
    }

    /// Has `waker` called once the flag was set after that moment.
    pub(crate) fn watch(&self, before: u32, waker: &Waker) -> Result<Watch> {
        Watch::new(Arc::new(SetSince { event: self.clone(), before }), waker)
    }

    fn change(&self, change: impl FnMut(u32) -> Option<u32>) {
        // It is no error if there is nothing to change.
        let _ = self.0.changes.fetch_update(AcqRel, Acquire, change);
    }
}

/// An event that is waited for since the moment of a mark.
struct SetSince {
    event: Event,
    before: u32,
}

impl Watched for SetSince {
    fn event_count(&self) -> &EventCount {
        &self.event.0.waiters
    }

    fn is_ready(&self) -> bool {
        self.event.was_set_since(self.before)
    }
}
