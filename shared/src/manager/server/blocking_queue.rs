//! Queues in the server, and the clients that wait at them.
//!
//! A session whose client must wait sleeps in its own thread until another session notifies it or
//! its client is gone. A session that is notified is removed from the waiting list. If it then
//! finds nothing to take (another client was faster) it goes to the front of the list again, and if
//! its client is gone it passes the notification on to the next one, so that none is lost.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

use crate::manager::framed_stream::FramedStream;
use crate::manager::message::Bytes;
use crate::manager::protocol::{Failure, Timeout};
use crate::sys::poll::{Notifier, timeout_until};

/// A queue. No thread leaves its state half changed, so that a poisoned lock is as good as any.
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    items: VecDeque<Bytes>,
    closed: bool,
    /// Values that were put and not marked as done.
    unfinished: u64,
    /// Values on their way to a client that has not confirmed them: they may come back.
    unconfirmed: u64,
    /// A waiting list for each [`Event`].
    waiting: [VecDeque<Arc<Notifier>>; 3],
}

/// The events that a client may wait for.
#[derive(Clone, Copy)]
enum Event {
    Value,
    Room,
    AllDone,
}

/// The reason why a wait ended without the event.
pub(super) enum WaitError {
    /// The failure for the client.
    Failed(Failure),
    /// There is no client any more.
    ClientGone,
}

impl From<Failure> for WaitError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The reason why a sleep ended.
enum Wakeup {
    Notified,
    ClientGone,
    TimedOut,
}

impl State {
    fn notify_one(&mut self, event: Event) {
        if let Some(notifier) = self.waiting[event as usize].pop_front() {
            notifier.notify();
        }
    }

    fn notify_all(&mut self, event: Event) {
        self.waiting[event as usize].drain(..).for_each(|notifier| notifier.notify());
    }

    /// Removes a session from the waiting list; returns `false` if it was notified and is in the
    /// list no more.
    fn stop_waiting(&mut self, event: Event, notifier: &Arc<Notifier>) -> bool {
        let list = &mut self.waiting[event as usize];
        let at = list.iter().position(|other| Arc::ptr_eq(other, notifier));
        at.and_then(|at| list.remove(at)).is_some()
    }

    /// Ends the transfer of a value: it was confirmed, or is in the queue again.
    fn end_transfer(&mut self) {
        debug_assert!(self.unconfirmed > 0);
        self.unconfirmed -= 1;
        if self.closed && self.unconfirmed == 0 && self.items.is_empty() {
            self.notify_all(Event::Value);
        }
    }
}

impl Queue {
    /// Returns an empty queue, for up to `capacity` values.
    pub(super) fn new(capacity: Option<u64>) -> Self {
        let capacity = capacity.map_or(usize::MAX, |capacity| usize::try_from(capacity).unwrap_or(usize::MAX));
        Self { capacity, state: Mutex::default() }
    }

    /// Puts a value at the end; waits for room.
    pub(super) fn put(&self, value: &[u8], timeout: Timeout, client: &FramedStream) -> Result<(), WaitError> {
        let mut value = Some(Bytes::from(value));
        self.wait(Event::Room, timeout, client, Failure::Full, |state| {
            if state.closed {
                return Some(Err(Failure::Closed));
            }
            if state.items.len() >= self.capacity {
                return None;
            }
            state.items.extend(value.take());
            state.unfinished += 1;
            state.notify_one(Event::Value);
            Some(Ok(()))
        })
    }

    /// Takes the first value, which is to be sent to the client; waits for one.
    /// [`confirm`](Queue::confirm) or [`put_back`](Queue::put_back) must follow.
    pub(super) fn take(&self, timeout: Timeout, client: &FramedStream) -> Result<Bytes, WaitError> {
        self.wait(Event::Value, timeout, client, Failure::Empty, |state| match state.items.pop_front() {
            Some(value) => {
                state.unconfirmed += 1;
                state.notify_one(Event::Room);
                Some(Ok(value))
            }
            None if state.closed && state.unconfirmed == 0 => Some(Err(Failure::Closed)),
            None => None,
        })
    }

    /// Records that the client has the value that was taken for it.
    pub(super) fn confirm(&self) {
        self.lock().end_transfer();
    }

    /// Puts a value back to the front, because the client has gone without it. It may be one more
    /// than the capacity now: it was there first.
    pub(super) fn put_back(&self, value: Bytes) {
        let mut state = self.lock();
        state.items.push_front(value);
        state.end_transfer();
        state.notify_one(Event::Value);
    }

    /// Returns the number of values.
    pub(super) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Lets no more values in, and ends all waits for room, and for values once there are none.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.notify_all(Event::Value);
        state.notify_all(Event::Room);
    }

    /// Drops all values and ends all waits, because the queue is removed.
    pub(super) fn discard(&self) {
        self.close();
        let mut state = self.lock();
        state.unfinished = 0;
        state.notify_all(Event::AllDone);
        let items = std::mem::take(&mut state.items);
        drop(state);
        drop(items);
    }

    /// Marks the work on a value as done.
    pub(super) fn task_done(&self) -> Result<(), Failure> {
        let mut state = self.lock();
        let left = state.unfinished.checked_sub(1);
        state.unfinished =
            left.ok_or_else(|| Failure::InvalidState("task_done was called more often than values were put".into()))?;
        if state.unfinished == 0 {
            state.notify_all(Event::AllDone);
        }
        Ok(())
    }

    /// Waits until the work on all values is done.
    pub(super) fn join(&self, timeout: Timeout, client: &FramedStream) -> Result<(), WaitError> {
        let at_once = Failure::TimedOut(Duration::ZERO);
        self.wait(Event::AllDone, timeout, client, at_once, |state| (state.unfinished == 0).then_some(Ok(())))
    }

    /// Calls `attempt` until it returns an outcome, the time is up, or the client is gone.
    /// `at_once` is the failure of a request that does not wait.
    fn wait<R>(
        &self,
        event: Event,
        timeout: Timeout,
        client: &FramedStream,
        at_once: Failure,
        mut attempt: impl FnMut(&mut State) -> Option<Result<R, Failure>>,
    ) -> Result<R, WaitError> {
        let deadline = timeout.deadline();
        let mut state = self.lock();
        if let Some(outcome) = attempt(&mut state) {
            return Ok(outcome?);
        }
        let too_late = match timeout {
            Timeout::Zero => return Err(at_once.into()),
            Timeout::After(time) => Failure::TimedOut(time),
            Timeout::Never => at_once,
        };
        let notifier = Arc::new(Notifier::new().map_err(|_| Failure::System(Errno::EMFILE as i32))?);
        state.waiting[event as usize].push_back(notifier.clone());
        loop {
            drop(state);
            let wakeup = sleep(client, &notifier, deadline);
            state = self.lock();
            let notified = !state.stop_waiting(event, &notifier);
            if matches!(wakeup, Wakeup::ClientGone) {
                if notified {
                    state.notify_one(event);
                }
                return Err(WaitError::ClientGone);
            }
            if let Some(outcome) = attempt(&mut state) {
                return Ok(outcome?);
            }
            if matches!(wakeup, Wakeup::TimedOut) {
                return Err(too_late.into());
            }
            // A session in no list is not notified, so that this clears no notification to come.
            notifier.clear();
            state.waiting[event as usize].push_front(notifier.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sleeps until the session is notified, its client is gone or the deadline has come.
fn sleep(client: &FramedStream, notifier: &Notifier, deadline: Option<Instant>) -> Wakeup {
    loop {
        // A client that waits sends nothing: whatever arrives is its end, or against the protocol.
        let mut fds =
            [PollFd::new(client.as_fd(), PollFlags::POLLIN), PollFd::new(notifier.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout_until(deadline)) {
            Err(Errno::EINTR) => {}
            Ok(0) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => return Wakeup::TimedOut,
            Ok(0) => {}
            Ok(_) if fds[0].any().unwrap_or(true) => return Wakeup::ClientGone,
            Ok(_) => return Wakeup::Notified,
            Err(_) => return Wakeup::ClientGone,
        }
    }
}
