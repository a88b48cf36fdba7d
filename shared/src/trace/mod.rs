//! Traces: which worker ran which task, and when.

mod recording;

#[cfg(feature = "trace-json")]
use std::io::{BufWriter, Write};
#[cfg(feature = "trace-json")]
use std::path::Path;
use std::sync::Arc;

pub use recording::Recording;
pub(crate) use recording::{is_recording, record};

#[cfg(feature = "trace-json")]
use serde_json::json;

#[cfg(feature = "trace-json")]
use crate::error::{Context, Result};

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
