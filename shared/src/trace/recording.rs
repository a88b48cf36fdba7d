//! Recordings of the tasks of all pools of a program.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sys::now_ns;
use crate::trace::{TaskEvent, Trace};

/// Set while there is a recording. Read once for each pool, and by thread pools once a chunk; the
/// recordings have a lock of their own.
static ON: AtomicBool = AtomicBool::new(false);

/// One list for each recording under way, under its number.
static RECORDINGS: Mutex<Recordings> = Mutex::new(Recordings { begun: 0, lists: Vec::new() });

struct Recordings {
    begun: u64,
    lists: Vec<(u64, Vec<TaskEvent>)>,
}

fn recordings() -> MutexGuard<'static, Recordings> {
    RECORDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records every task of this program until it is finished or dropped.
///
/// The tasks are those of all [`Pool`](crate::Pool)s, [`Process`](crate::Process)es and services
/// that start meanwhile, and of all [`ThreadPool`](crate::ThreadPool)s. The code that starts them
/// need not change. What workers start is not recorded.
///
/// It costs what [`PoolBuilder::trace`](crate::PoolBuilder::trace) costs, and about 80 bytes of
/// memory a task.
///
/// ```
/// use multiproc::{Executor, Pool, Recording};
///
/// fn square(n: u64) -> u64 {
///     n * n
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let recording = Recording::start();
/// Pool::with_processes(2)?.map(square, 0..10u64)?;
/// let trace = recording.finish();
/// assert_eq!(trace.events().len(), 10);
/// assert!(trace.events().iter().all(|event| event.function.ends_with("square")));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a recording ends when it is dropped"]
pub struct Recording {
    number: u64,
    start: u64,
}

impl Recording {
    /// Starts a recording.
    pub fn start() -> Self {
        let mut recordings = recordings();
        recordings.begun += 1;
        let number = recordings.begun;
        recordings.lists.push((number, Vec::new()));
        ON.store(true, Relaxed);
        Self { number, start: now_ns() }
    }

    /// Returns when the recording began, in nanoseconds of `CLOCK_MONOTONIC`, as in
    /// [`TaskEvent::start`].
    #[must_use]
    pub fn started_at(&self) -> u64 {
        self.start
    }

    /// Ends the recording and returns the trace.
    ///
    /// A task is part of it once its result has been received: drop a pool before, so that none is
    /// missing.
    pub fn finish(self) -> Trace {
        Trace::new(self.stop())
    }

    fn stop(&self) -> Vec<TaskEvent> {
        let mut recordings = recordings();
        let place = recordings.lists.iter().position(|(number, _)| *number == self.number);
        let events = place.map(|place| recordings.lists.swap_remove(place).1);
        ON.store(!recordings.lists.is_empty(), Relaxed);
        events.unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns whether there is a recording.
pub(crate) fn is_recording() -> bool {
    ON.load(Relaxed)
}

/// Adds tasks to all recordings.
pub(crate) fn record(events: &[TaskEvent]) {
    if events.is_empty() || !is_recording() {
        return;
    }
    for (_, list) in &mut recordings().lists {
        list.extend_from_slice(events);
    }
}
