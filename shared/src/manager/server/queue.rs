//! A queue in the server, and those who wait at it.
//!
//! A client that must wait does so in its own session's thread, which sleeps until it is rung for
//! or until its client is gone. Who is rung for is taken from the line; if he then finds nothing
//! (somebody came just before) he stands at its front again, and if he is gone the ring is passed
//! on to the next, so that no ring is lost.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use super::answer::lock;
use crate::manager::protocol::{Bytes, Failure, Patience};
use crate::manager::stream::Stream;
use crate::sys::notifier::Notifier;
use crate::sys::stream::patience;

pub(super) struct Queue {
    bound: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: VecDeque<Bytes>,
    closed: bool,
    /// Values put for which nobody has said `task_done`.
    unfinished: u64,
    /// Values on their way to a client that has not confirmed them: they may come back.
    handed: u64,
    lines: [VecDeque<Arc<Notifier>>; 3],
}

/// What one may wait for; each has a line of its own.
#[derive(Clone, Copy)]
enum For {
    Value,
    Room,
    AllDone,
}

/// Why a wait ended without what it was for.
pub(super) enum Unmet {
    /// Tell the client.
    Failed(Failure),
    /// There is no client any more.
    Gone,
}

impl From<Failure> for Unmet {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a sleep ended.
enum Woken {
    Rung,
    Gone,
    TimedOut,
}

impl State {
    fn ring_one(&mut self, line: For) {
        if let Some(notifier) = self.lines[line as usize].pop_front() {
            notifier.notify();
        }
    }

    fn ring_all(&mut self, line: For) {
        self.lines[line as usize].drain(..).for_each(|notifier| notifier.notify());
    }

    /// Takes somebody from the line; `false` if he was rung for and is in it no more.
    fn leave(&mut self, line: For, notifier: &Arc<Notifier>) -> bool {
        let line = &mut self.lines[line as usize];
        let place = line.iter().position(|other| Arc::ptr_eq(other, notifier));
        place.and_then(|place| line.remove(place)).is_some()
    }

    /// The value that was handed out has found its place.
    fn settle(&mut self) {
        self.handed -= 1;
        if self.closed && self.handed == 0 && self.items.is_empty() {
            self.ring_all(For::Value);
        }
    }
}

impl Queue {
    pub(super) fn new(bound: Option<u64>) -> Self {
        let bound = bound.map_or(usize::MAX, |bound| usize::try_from(bound).unwrap_or(usize::MAX));
        Self { bound, state: Mutex::default() }
    }

    pub(super) fn put(&self, value: &[u8], wait: Patience, client: &Stream) -> Result<(), Unmet> {
        let mut value = Some(Bytes::from(value));
        self.wait(For::Room, wait, client, Failure::Full, |state| {
            if state.closed {
                return Some(Err(Failure::Closed));
            }
            if state.items.len() >= self.bound {
                return None;
            }
            state.items.extend(value.take());
            state.unfinished += 1;
            state.ring_one(For::Value);
            Some(Ok(()))
        })
    }

    /// Takes a value to be handed to the client; [`confirm`](Queue::confirm) or
    /// [`put_back`](Queue::put_back) must follow.
    pub(super) fn take(&self, wait: Patience, client: &Stream) -> Result<Bytes, Unmet> {
        self.wait(For::Value, wait, client, Failure::Empty, |state| match state.items.pop_front() {
            Some(value) => {
                state.handed += 1;
                state.ring_one(For::Room);
                Some(Ok(value))
            }
            None if state.closed && state.handed == 0 => Some(Err(Failure::Closed)),
            None => None,
        })
    }

    /// The client has the value.
    pub(super) fn confirm(&self) {
        lock(&self.state).settle();
    }

    /// The client has gone without the value. It may be one too many for the queue's bound now: it
    /// was there first.
    pub(super) fn put_back(&self, value: Bytes) {
        let mut state = lock(&self.state);
        state.items.push_front(value);
        state.settle();
        state.ring_one(For::Value);
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.state).items.len()
    }

    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.ring_all(For::Value);
        state.ring_all(For::Room);
    }

    /// Ends all waits, for the queue is going.
    pub(super) fn discard(&self) {
        self.close();
        let mut state = lock(&self.state);
        state.unfinished = 0;
        state.ring_all(For::AllDone);
        let items = std::mem::take(&mut state.items);
        drop(state);
        drop(items);
    }

    pub(super) fn task_done(&self) -> Result<(), Failure> {
        let mut state = lock(&self.state);
        let left = state.unfinished.checked_sub(1);
        state.unfinished =
            left.ok_or_else(|| Failure::Refused("task_done was called more often than values were put".into()))?;
        if state.unfinished == 0 {
            state.ring_all(For::AllDone);
        }
        Ok(())
    }

    pub(super) fn join(&self, wait: Patience, client: &Stream) -> Result<(), Unmet> {
        let now = Failure::TimedOut(Duration::ZERO);
        self.wait(For::AllDone, wait, client, now, |state| (state.unfinished == 0).then_some(Ok(())))
    }

    /// Tries until `attempt` has an outcome, time is out, or the client is gone. `now` is the
    /// failure of one who does not wait.
    fn wait<R>(
        &self,
        line: For,
        wait: Patience,
        client: &Stream,
        now: Failure,
        mut attempt: impl FnMut(&mut State) -> Option<Result<R, Failure>>,
    ) -> Result<R, Unmet> {
        let deadline = wait.deadline();
        let mut state = lock(&self.state);
        if let Some(outcome) = attempt(&mut state) {
            return Ok(outcome?);
        }
        let too_late = match wait {
            Patience::None => return Err(now.into()),
            Patience::AtMost(time) => Failure::TimedOut(time),
            Patience::Endless => now,
        };
        let notifier = Arc::new(Notifier::new().map_err(|_| Failure::System(Errno::EMFILE as i32))?);
        state.lines[line as usize].push_back(notifier.clone());
        loop {
            drop(state);
            let woken = sleep(client, &notifier, deadline);
            state = lock(&self.state);
            let rung = !state.leave(line, &notifier);
            if matches!(woken, Woken::Gone) {
                if rung {
                    state.ring_one(line);
                }
                return Err(Unmet::Gone);
            }
            if let Some(outcome) = attempt(&mut state) {
                return Ok(outcome?);
            }
            if matches!(woken, Woken::TimedOut) {
                return Err(too_late.into());
            }
            // Nobody rings for one who is in no line, so that this takes no ring that is still to come.
            notifier.clear();
            state.lines[line as usize].push_front(notifier.clone());
        }
    }
}

fn sleep(client: &Stream, notifier: &Notifier, deadline: Option<Instant>) -> Woken {
    loop {
        // A client that waits has nothing to say: whatever comes from it is its end, or against the
        // protocol.
        let mut fds =
            [PollFd::new(client.as_fd(), PollFlags::POLLIN), PollFd::new(notifier.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, patience(deadline)) {
            Err(Errno::EINTR) => {}
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Woken::TimedOut,
            Ok(0) => {}
            Ok(_) if fds[0].any().unwrap_or(true) => return Woken::Gone,
            Ok(_) => return Woken::Rung,
            Err(_) => return Woken::Gone,
        }
    }
}
