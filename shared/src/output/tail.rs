//! The end of what each task has written.

use std::collections::VecDeque;

/// Bytes that are kept of a task's output, the last ones.
const MAX_OF_TASK: usize = 8 * 1024;

/// Bytes that are kept of a worker's output, for tasks whose outcome has yet to be looked at.
const MAX: usize = 64 * 1024;

/// The last output of a worker, by task.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// The task that runs, counted from 1; 0 before the first.
    task: u64,
    /// Tasks with output, in order.
    texts: VecDeque<Text>,
    len: usize,
}

#[derive(Debug)]
struct Text {
    task: u64,
    bytes: VecDeque<u8>,
    /// Bytes before these, which were dropped.
    dropped: u64,
}

impl Tail {
    /// Records that a task begins.
    pub(super) fn begin(&mut self, task: u64) {
        self.task = task;
    }

    /// Adds output of the task that runs.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let last = self.texts.pop_back();
        let (before, mut text) = match last {
            Some(text) if text.task == self.task => (text.bytes.len(), text),
            other => {
                self.texts.extend(other);
                (0, Text { task: self.task, bytes: VecDeque::new(), dropped: 0 })
            }
        };
        text.bytes.extend(bytes);
        let excess = text.bytes.len().saturating_sub(MAX_OF_TASK);
        text.bytes.drain(..excess);
        text.dropped += excess as u64;
        self.len = self.len - before + text.bytes.len();
        self.texts.push_back(text);
        while self.len > MAX
            && let Some(oldest) = self.texts.pop_front()
        {
            self.len -= oldest.bytes.len();
        }
    }

    /// Takes the output of a task, as text; `None` if there is none. That of the tasks before it is
    /// dropped.
    pub(super) fn take(&mut self, task: u64) -> Option<String> {
        while self.texts.front().is_some_and(|text| text.task <= task)
            && let Some(text) = self.texts.pop_front()
        {
            self.len -= text.bytes.len();
            if text.task == task {
                let bytes = Vec::from(text.bytes);
                let kept = String::from_utf8_lossy(&bytes);
                return Some(match text.dropped {
                    0 => kept.into_owned(),
                    dropped => format!("[{dropped} bytes before this]\n{kept}"),
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_has_its_own_output() {
        let mut tail = Tail::default();
        tail.add(b"set up");
        for task in 1..=3 {
            tail.begin(task);
            tail.add(format!("task {task}, ").as_bytes());
            tail.add(b"done");
        }
        tail.begin(4);
        assert_eq!(tail.take(0).as_deref(), Some("set up"));
        assert_eq!(tail.take(2).as_deref(), Some("task 2, done"));
        assert_eq!(tail.take(1), None, "it was dropped");
        assert_eq!(tail.take(4), None, "it wrote nothing");
        assert_eq!((tail.take(3), tail.len), (None, 0));
    }

    #[test]
    fn only_the_end_is_kept() {
        let mut tail = Tail::default();
        tail.begin(1);
        (0..MAX_OF_TASK).for_each(|_| tail.add(b"ab"));
        let text = tail.take(1).unwrap();
        assert_eq!(text, format!("[{MAX_OF_TASK} bytes before this]\n{}", "ab".repeat(MAX_OF_TASK / 2)));
        for task in 0..1000 {
            tail.begin(task);
            tail.add(&[b'x'; 1000]);
            assert!(tail.len <= MAX && tail.len == tail.texts.iter().map(|text| text.bytes.len()).sum::<usize>());
        }
        assert_eq!(tail.take(999), Some("x".repeat(1000)));
    }
}
