//! Traces: which worker ran which task, and when; and the recordings of all pools of a program.

#[cfg(feature = "trace-json")]
use std::io::{BufWriter, Write};
#[cfg(feature = "trace-json")]
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(feature = "trace-json")]
use serde_json::json;

#[cfg(feature = "trace-json")]
use crate::error::{Context, Result};
use crate::sys::now_ns;

/// A task that a worker ran.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskEvent {
    /// The task's number in its pool, counted from 0 in order of submission.
    pub task: u64,
    /// The task's function, with its path: `program::module::function`; a closure's ends in
    /// `{{closure}}`.
    pub function: &'static str,
    /// The worker's number in its pool, counted from 1; a replacement gets a new one.
    pub worker: u64,
    /// The worker's name: that of its pool with its number, or that of a
    /// [`Process`](crate::Process).
    pub name: Arc<str>,
    /// The worker's process; a [`ThreadPool`](crate::ThreadPool)'s tasks run in this one.
    pub pid: u32,
    /// When the task began, in nanoseconds of `CLOCK_MONOTONIC`, which all processes of a machine
    /// share.
    pub start: u64,
    /// When it ended, on the same clock.
    pub end: u64,
    /// Whether it failed, or was cut short by its worker's end.
    pub failed: bool,
}

/// What [`Pool::trace`](crate::Pool::trace) or a [`Recording`] has recorded: one [`TaskEvent`] a
/// task that has ended, in order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    events: Vec<TaskEvent>,
}

impl Trace {
    pub(crate) fn new(events: Vec<TaskEvent>) -> Self {
        Self { events }
    }

    /// Returns the events, in order of arrival.
    #[must_use]
    pub fn events(&self) -> &[TaskEvent] {
        &self.events
    }

    /// Returns the trace in the Chrome trace event format (JSON), with times in microseconds since
    /// the first event.
    ///
    /// It opens in [Perfetto](https://ui.perfetto.dev) and in `chrome://tracing`, with a row for
    /// each worker and a bar for each task. The format is described in the "Trace Event Format"
    /// document of the Chromium project.
    #[cfg(feature = "trace-json")]
    #[must_use]
    pub fn to_chrome_json(&self) -> String {
        let zero = self.events.iter().map(|event| event.start).min().unwrap_or(0);
        let micros = |ns: u64| ns as f64 / 1e3;
        // A row has a number of its own: pools count their workers independently.
        let row_of = |event: &TaskEvent| (event.worker, event.pid, event.name.clone());
        let mut rows: Vec<_> = self.events.iter().map(row_of).collect();
        rows.sort_unstable();
        rows.dedup();
        let names = rows.iter().enumerate().map(|(row, (_, pid, name))| {
            let name = format!("{name} (pid {pid})");
            json!({"ph": "M", "name": "thread_name", "pid": std::process::id(), "tid": row + 1, "args": {"name": name}})
        });
        let tasks = self.events.iter().map(|event| {
            json!({
                "ph": "X",
                "name": format!("task {}: {}", event.task, event.function),
                "cat": if event.failed { "failed" } else { "done" },
                "pid": std::process::id(),
                "tid": rows.binary_search(&row_of(event)).map_or(0, |row| row + 1),
                "ts": micros(event.start.saturating_sub(zero)),
                "dur": micros(event.end.saturating_sub(event.start)),
                "args": {"task": event.task, "pid": event.pid, "failed": event.failed},
            })
        });
        json!({"traceEvents": names.chain(tasks).collect::<Vec<_>>(), "displayTimeUnit": "ms"}).to_string()
    }

    /// Writes what [`to_chrome_json`](Trace::to_chrome_json) returns to a file.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the file cannot be written.
    #[cfg(feature = "trace-json")]
    pub fn write_chrome_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let context = "cannot write the trace";
        let mut file = BufWriter::new(std::fs::File::create(path).context(context)?);
        file.write_all(self.to_chrome_json().as_bytes()).context(context)?;
        file.flush().context(context)
    }
}

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
