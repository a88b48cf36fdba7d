//! The queue of a pool of threads: work, and requests to check whether a thread is still wanted.

use crossbeam::channel::{Receiver, Sender, unbounded};

use crate::error::Error;

/// Tasks for a thread to run.
pub(super) trait Work: Send {
    /// Returns the number of tasks.
    fn count(&self) -> u64;

    /// Runs the tasks, unless they were cancelled. `first` is the first one's number in the pool,
    /// `thread` that of this thread.
    fn run(self: Box<Self>, first: u64, thread: u64);

    /// Fails all tasks.
    fn fail(self: Box<Self>, error: &Error);
}

/// What a thread takes out of the queue.
pub(super) enum Message {
    /// Run this, whose first task has this number in the pool.
    Run(Box<dyn Work>, u64),
    /// End, if there are more threads than wanted.
    CheckWanted,
}

/// A queue of messages, each of which one thread takes.
pub(super) struct WorkQueue {
    sender: Sender<Message>,
    receiver: Receiver<Message>,
}

impl WorkQueue {
    pub(super) fn new() -> Self {
        let (sender, receiver) = unbounded();
        Self { sender, receiver }
    }

    /// Adds work, whose first task has the number `first` in the pool.
    pub(super) fn add(&self, work: Box<dyn Work>, first: u64) {
        self.send(Message::Run(work, first));
    }

    /// Has `threads` threads check whether they are wanted, once they have nothing else to do.
    pub(super) fn add_checks(&self, threads: usize) {
        (0..threads).for_each(|_| self.send(Message::CheckWanted));
    }

    fn send(&self, message: Message) {
        // There is a receiver: this very struct's.
        let _ = self.sender.send(message);
    }

    /// Takes messages out, one after the other, and waits for each; there is no end.
    pub(super) fn take(&self) -> impl Iterator<Item = Message> + '_ {
        self.receiver.iter()
    }

    /// Fails the work that waits now. The requests to check stay.
    pub(super) fn fail_work(&self, error: &Error) {
        let mut checks = 0;
        // Not for longer than there were messages at the start: other threads may go on submitting.
        for message in self.receiver.try_iter().take(self.receiver.len()) {
            match message {
                Message::Run(work, _) => work.fail(error),
                Message::CheckWanted => checks += 1,
            }
        }
        self.add_checks(checks);
    }
}
