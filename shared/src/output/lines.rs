//! Lines of output, on their way to a program's handler.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::foreign::run_or_forget;
use crate::sys::pid::Owner;

/// Bytes of lines that may wait for the handlers of a pool; further lines are dropped.
const MAX_WAITING: usize = 1 << 20;

/// Bytes after which a line is cut into two.
const MAX_LINE: usize = 16 * 1024;

/// Bytes that a line counts beside its text, so that empty ones are not free.
const COST: usize = 64;

/// Takes the worker's number and the line.
type Handle = dyn Fn(usize, &str) + Send + Sync;

/// A program's function for lines.
#[derive(Clone)]
pub(crate) struct LineHandler(pub(super) Arc<Handle>);

impl fmt::Debug for LineHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LineHandler")
    }
}

/// The lines that wait for the handlers of a pool, whose code may take its time.
#[derive(Debug, Default)]
pub(super) struct Sink {
    state: Mutex<SinkState>,
    /// Notified when a line was added, or the sink was closed.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SinkState {
    lines: VecDeque<(LineHandler, usize, String)>,
    /// What the lines count, in bytes.
    len: usize,
    closed: bool,
}

impl Sink {
    fn lock(&self) -> MutexGuard<'_, SinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds lines, if there is room for all of them, or with `always` without it. Returns whether
    /// they were added.
    fn add(&self, handler: &LineHandler, index: usize, lines: impl IntoIterator<Item = String>, always: bool) -> bool {
        let lines: Vec<_> = lines.into_iter().map(|line| (handler.clone(), index, line)).collect();
        let len: usize = lines.iter().map(|(.., line)| line.len() + COST).sum();
        let mut state = self.lock();
        if state.len + len > MAX_WAITING && !always {
            return false;
        }
        state.len += len;
        state.lines.extend(lines);
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Has [`run`](Sink::run) return once it has passed all lines on.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Passes lines on as they come, until the sink is closed.
    pub(super) fn run(&self) {
        let owner = Owner::here();
        loop {
            let mut state = self.lock();
            while state.lines.is_empty() && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let Some((handler, index, line)) = state.lines.pop_front() else { return };
            state.len -= line.len() + COST;
            drop(state);
            run_or_forget(|| handler.0(index, &line));
            // A handler that forks returns twice.
            owner.or_exit();
        }
    }
}

/// The bytes of a stream, until they make lines.
#[derive(Debug)]
pub(super) struct Lines {
    index: usize,
    handler: LineHandler,
    sink: Arc<Sink>,
    /// The beginning of the next line.
    partial: Vec<u8>,
    /// Lines that were dropped since the last that was not.
    dropped: u64,
}

impl Lines {
    pub(super) fn new(index: usize, handler: LineHandler, sink: Arc<Sink>) -> Self {
        Self { index, handler, sink, partial: Vec::new(), dropped: 0 }
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(MAX_LINE) {
                self.partial.extend_from_slice(part);
                if part.ends_with(b"\n") || self.partial.len() >= MAX_LINE {
                    self.pass_on();
                }
            }
        }
    }

    /// Passes on a last line without an end.
    pub(super) fn end(&mut self) {
        if !self.partial.is_empty() {
            self.pass_on();
        }
        let note = (self.dropped > 0).then(|| dropped(self.dropped));
        self.sink.add(&self.handler, self.index, note, true);
    }

    fn pass_on(&mut self) {
        let end = self.partial.strip_suffix(b"\n").unwrap_or(&self.partial);
        let line = String::from_utf8_lossy(end.strip_suffix(b"\r").unwrap_or(end)).into_owned();
        self.partial.clear();
        let note = (self.dropped > 0).then(|| dropped(self.dropped));
        let taken = self.sink.add(&self.handler, self.index, note.into_iter().chain([line]), false);
        self.dropped = if taken { 0 } else { self.dropped + 1 };
    }
}

/// The line in the place of those that were dropped.
fn dropped(lines: u64) -> String {
    format!("[{lines} lines were dropped: their handler is too slow]")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the handler has got, once it has all.
    fn handled(sink: &Sink, seen: &Mutex<Vec<String>>) -> Vec<String> {
        sink.close();
        sink.run();
        std::mem::take(&mut seen.lock().unwrap())
    }

    fn lines() -> (Lines, Arc<Sink>, Arc<Mutex<Vec<String>>>) {
        let (sink, seen) = (Arc::new(Sink::default()), Arc::new(Mutex::new(Vec::new())));
        let copy = seen.clone();
        let handler = LineHandler(Arc::new(move |index, line: &str| {
            assert_eq!(index, 3);
            copy.lock().unwrap().push(line.to_string());
        }));
        (Lines::new(3, handler, sink.clone()), sink, seen)
    }

    #[test]
    fn lines_are_passed_on_whole() {
        let (mut lines, sink, seen) = lines();
        for piece in ["fir", "st\nsecond\r\n", "\nth", "", "ird"] {
            lines.add(piece.as_bytes());
        }
        lines.add(b"\xff\nlast");
        lines.end();
        assert_eq!(handled(&sink, &seen), ["first", "second", "", "third\u{fffd}", "last"]);
    }

    #[test]
    fn endless_line_is_cut() {
        let (mut lines, sink, seen) = lines();
        (0..3).for_each(|_| lines.add(&[b'x'; MAX_LINE]));
        lines.add(b"y\n");
        assert_eq!(
            handled(&sink, &seen).iter().map(String::len).collect::<Vec<_>>(),
            [MAX_LINE, MAX_LINE, MAX_LINE, 1]
        );
    }

    #[test]
    fn lines_beyond_the_room_are_dropped_and_counted() {
        let (mut lines, sink, seen) = lines();
        let room = MAX_WAITING / (4 + COST);
        (0..room + 7).for_each(|_| lines.add(b"abcd\n"));
        assert_eq!(lines.dropped, 7);
        (0..10).for_each(|_| drop(sink.lock().lines.pop_front()));
        sink.lock().len -= 10 * (4 + COST);
        lines.add(b"efgh\n");
        assert_eq!(lines.dropped, 0);
        (0..room).for_each(|_| lines.add(b"ijkl\n"));
        let last = lines.dropped;
        lines.end();
        let all = handled(&sink, &seen);
        let at = room - 10;
        assert_eq!(all[at..at + 2], [dropped(7), "efgh".to_string()]);
        assert_eq!((all.last(), last > 0), (Some(&dropped(last)), true));
    }
}
