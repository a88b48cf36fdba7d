//! A pipe that one of a worker's standard streams goes into, and what is made of its bytes.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::unistd::read;

use crate::fds::Descriptor;
use crate::output::lines::{LineHandler, Lines, Sink};
use crate::output::tail::Tail;
use crate::protocol::{MARK_LEN, MARK_START, Marked, Nonce, read_mark};

/// Bytes that are read from a pipe at a time.
const READ: usize = 16 * 1024;

/// Bytes that are read before other pipes have their turn.
const MAX_AT_ONCE: usize = 1 << 20;

/// The program's end of the pipe. It never blocks.
#[derive(Debug)]
pub(crate) struct Stream {
    pipe: Descriptor,
    parts: Mutex<Parts>,
}

#[derive(Debug)]
struct Parts {
    /// The other end is closed.
    ended: bool,
    marks: Option<Marks>,
    lines: Option<Lines>,
}

/// The marks in a stream, by which it has a tail for each task.
#[derive(Debug)]
struct Marks {
    nonce: Nonce,
    /// Bytes that may be the beginning of a mark.
    held: Vec<u8>,
    tail: Tail,
}

impl Stream {
    /// Makes that of worker `index`. With a `nonce` there are marks in it.
    pub(super) fn new(
        pipe: Descriptor,
        index: usize,
        nonce: Option<Nonce>,
        handler: Option<(LineHandler, Arc<Sink>)>,
    ) -> Self {
        let marks = nonce.map(|nonce| Marks { nonce, held: Vec::new(), tail: Tail::default() });
        let lines = handler.map(|(handler, sink)| Lines::new(index, handler, sink));
        Self { pipe, parts: Mutex::new(Parts { ended: false, marks, lines }) }
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is there. Returns `true` once the stream has ended.
    pub(super) fn read_all(&self) -> bool {
        self.read_into(&mut self.lock())
    }

    /// Reads what is there, and ends the stream: what comes later is lost.
    pub(super) fn read_last(&self) {
        let mut parts = self.lock();
        self.read_into(&mut parts);
        parts.end();
    }

    /// Returns the end of what the worker's `task`-th task has written, all that is there included.
    pub(crate) fn output_of(&self, task: u64) -> Option<String> {
        let mut parts = self.lock();
        self.read_into(&mut parts);
        parts.marks.as_mut()?.tail.take(task)
    }

    fn read_into(&self, parts: &mut Parts) -> bool {
        let (mut buffer, mut left) = ([0; READ], MAX_AT_ONCE);
        while !parts.ended && left > 0 {
            match read(&self.pipe, &mut buffer) {
                Ok(0) => parts.end(),
                Ok(len) => {
                    parts.accept(&buffer[..len]);
                    left = left.saturating_sub(len);
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => parts.end(),
            }
        }
        parts.ended
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Parts {
    /// Takes bytes that came.
    fn accept(&mut self, bytes: &[u8]) {
        let Self { marks, lines, .. } = self;
        let mut to_lines = |text: &[u8]| lines.iter_mut().for_each(|lines| lines.add(text));
        match marks {
            Some(marks) => marks.split(bytes, to_lines),
            None => to_lines(bytes),
        }
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // What is no mark without the rest of it is text.
        let rest = self.marks.as_mut().map(|marks| std::mem::take(&mut marks.held)).unwrap_or_default();
        if let Some(marks) = &mut self.marks {
            marks.tail.add(&rest);
        }
        if let Some(lines) = &mut self.lines {
            lines.add(&rest);
            lines.end();
        }
    }
}

impl Marks {
    /// Splits bytes at the marks, and passes what is between them on.
    fn split(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        let held = std::mem::take(&mut self.held);
        let joined = if held.is_empty() { held } else { [&held[..], bytes].concat() };
        let mut rest = if joined.is_empty() { bytes } else { &joined };
        let mut from = 0;
        while let Some(found) = rest[from..].iter().position(|byte| *byte == MARK_START) {
            let at = from + found;
            let (text, marked) = rest.split_at(at);
            match read_mark(&self.nonce, marked) {
                // A byte of the task's own.
                Marked::Other => from = at + 1,
                Marked::Part => {
                    self.held = marked.to_vec();
                    rest = text;
                    break;
                }
                Marked::Task(task) => {
                    self.tail.add(text);
                    take(text);
                    self.tail.begin(task);
                    (rest, from) = (&marked[MARK_LEN..], 0);
                }
            }
        }
        self.tail.add(rest);
        take(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mark;

    #[test]
    fn marks_are_found_wherever_the_bytes_are_split() {
        let nonce = *b"nonce of a certain size";
        let mut all = b"be\0fore".to_vec();
        for task in 1..=3 {
            all.extend_from_slice(&mark(&nonce, task));
            all.extend_from_slice(format!("task\0{task}").as_bytes());
        }
        for size in 1..all.len() {
            let mut marks = Marks { nonce, held: Vec::new(), tail: Tail::default() };
            let mut text = Vec::new();
            all.chunks(size).for_each(|chunk| marks.split(chunk, |bytes| text.extend_from_slice(bytes)));
            assert_eq!(text, b"be\0foretask\x001task\x002task\x003", "pieces of {size}");
            let tails = [0, 1, 2, 3].map(|task| marks.tail.take(task));
            assert_eq!(tails, ["be\0fore", "task\x001", "task\x002", "task\x003"].map(|text| Some(text.to_string())));
        }
    }
}
