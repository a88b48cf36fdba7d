//! The picture of a trace, as SVG: a row for each worker, a bar for each task, and the time below.
//!
//! [`rows`] sorts the tasks into rows and bars, [`axis`] divides the time, [`drawing`] draws both.

mod axis;
mod drawing;
mod rows;

use axis::Axis;
pub(crate) use rows::Span;
use rows::{Row, sort};

/// A timeline, ready to be drawn.
pub(crate) struct Timeline<'a> {
    title: &'a str,
    rows: Vec<Row<'a>>,
    axis: Axis,
}

impl<'a> Timeline<'a> {
    /// Returns the timeline of at least one span, from `zero` on, a time of the spans' clock.
    pub(crate) fn new(title: &'a str, spans: &'a [Span<'_>], zero: u64) -> Self {
        let end = spans.iter().map(|span| span.end).max().unwrap_or(zero);
        let axis = Axis::new(zero, end, drawing::TRACK);
        Self { title, rows: sort(spans, &axis), axis }
    }

    /// Returns the picture.
    pub(crate) fn to_svg(&self) -> String {
        drawing::draw(self).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use multiproc::{Executor, Pool, Recording, TaskEvent};

    use super::*;

    fn nap(milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }

    fn fail(_: u64) {
        panic!("on purpose");
    }

    /// Returns the picture of what `main` does.
    fn picture(main: impl FnOnce(&Pool) -> multiproc::Result<()>) -> (String, Vec<TaskEvent>) {
        let recording = Recording::start();
        let zero = recording.started_at();
        main(&Pool::builder().processes(2).name("team").build().unwrap()).unwrap();
        let events = recording.finish().events().to_vec();
        let spans: Vec<_> = events.iter().map(Span::from).collect();
        (Timeline::new("A test", &spans, zero).to_svg(), events)
    }

    fn count(picture: &str, what: &str) -> usize {
        picture.matches(what).count()
    }

    /// A recording has the tasks of every pool of the process, so there is one test for all.
    #[test]
    fn a_picture_has_a_row_for_each_worker_and_a_bar_for_each_task() {
        let (few, events) = picture(|pool| {
            // Beside a panic that `RUST_BACKTRACE` makes take half a second, bars must have room
            // for their names.
            pool.map(nap, [200; 4])?;
            assert!(pool.apply(fail, (1,)).is_err());
            Ok(())
        });
        assert_eq!(events.len(), 5);
        assert_eq!(count(&few, "class=\"bar "), 5, "{few}");
        for row in ["team-1", "team-2"] {
            assert_eq!(count(&few, &format!("\n{row} (")), 1, "{few}");
        }
        assert_eq!(count(&few, "\"bar failed\""), 1, "{few}");
        for word in ["nap 0", "task 4: fail", "<title", "<desc", "prefers-color-scheme"] {
            assert!(few.contains(word), "{word} is not in {few}");
        }

        let start = Instant::now();
        let (many, events) = picture(|pool| pool.map(nap, vec![0; 100_000]).map(drop));
        assert_eq!(events.len(), 100_000);
        assert!(many.len() < 1_000_000, "{} bytes after {:?}", many.len(), start.elapsed());
        assert!(many.contains(" tasks: nap"), "bars too narrow to be seen are joined");
    }
}
