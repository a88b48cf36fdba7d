//! The wake-ups between the two ends of a pipe: a thread sleeps until the other end sends one.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use nix::errno::Errno;

use crate::error::{Context, Error, Result};
use crate::fds::{self, Arrived, Descriptor, Handles};
use crate::sys::poll::await_readable;
use crate::sys::socket;

/// The socket of a pipe's end, shared by the threads that send and receive there.
///
/// A wake-up may be meant for any of them, so only one thread sleeps at the socket at a time, and
/// all look again after it has received something. No other thread reads from the socket meanwhile:
/// the one that sleeps there would not wake up for what was read.
#[derive(Debug)]
pub(super) struct ChannelNotifier {
    socket: Arc<Descriptor>,
    /// How often something was received.
    received: AtomicU64,
    /// The end of the pipe was received.
    ended: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// Notified together with `changed`.
    #[cfg(feature = "tokio")]
    changed_async: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    /// A thread sleeps at the socket.
    sleeping: bool,
    /// Handles that came ahead of their messages.
    handles: VecDeque<Handles>,
    /// Called whenever something is received. They are of this crate, so that they may be called
    /// under the lock.
    wakers: Vec<Waker>,
}

impl ChannelNotifier {
    pub(super) fn new(socket: Arc<Descriptor>) -> Self {
        Self {
            socket,
            received: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
            #[cfg(feature = "tokio")]
            changed_async: tokio::sync::Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn socket(&self) -> &Arc<Descriptor> {
        &self.socket
    }

    /// Wakes the other side; finds out whether it is gone.
    pub(super) fn notify(&self) {
        // A full socket holds wake-ups enough.
        if let Err(Errno::EPIPE | Errno::ECONNRESET) = socket::send(&self.socket, &[0], &[], false) {
            // What it has sent before comes first.
            self.receive();
        }
    }

    /// Returns how often something was received; to be asked before a look at what the caller wants
    /// to [`sleep`](ChannelNotifier::sleep) for.
    pub(super) fn received(&self) -> u64 {
        self.received.load(SeqCst)
    }

    /// Sleeps until something is received that was not among the first `received`. Returns
    /// `Ok(false)` if the deadline comes first.
    pub(super) fn sleep(&self, received: u64, deadline: Option<Instant>) -> Result<bool> {
        let mut state = self.lock();
        while self.received() == received {
            if self.has_ended() {
                return Err(Error::Disconnected);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                self.receive_if_free(&mut state);
                match (self.received() == received, self.has_ended()) {
                    (true, false) => return Ok(false),
                    _ => continue,
                }
            }
            if state.sleeping {
                state = match left {
                    Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                    None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                };
                continue;
            }
            state.sleeping = true;
            drop(state);
            let outcome = await_readable(&self.socket, deadline).context("cannot wait for the other end of a pipe");
            state = self.lock();
            state.sleeping = false;
            // Another thread takes over if this one returns.
            self.changed.notify_all();
            outcome?;
            self.receive_all(&mut state);
        }
        Ok(true)
    }

    /// Returns a future that completes at the next change, also if it is not polled before.
    #[cfg(feature = "tokio")]
    pub(super) fn changed_async(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed_async.notified()
    }

    /// Receives what has come, without waiting, unless another thread is about to.
    pub(super) fn receive(&self) {
        self.receive_if_free(&mut self.lock());
    }

    fn receive_if_free(&self, state: &mut State) {
        if !state.sleeping {
            self.receive_all(state);
        }
    }

    fn receive_all(&self, state: &mut State) {
        let mut any = false;
        while !self.has_ended() {
            match fds::receive(&self.socket) {
                Ok(Arrived::Empty) => {}
                Ok(Arrived::Handles(handles)) => state.handles.push_back(handles),
                Ok(Arrived::Nothing) => break,
                Ok(Arrived::End) | Err(_) => self.ended.store(true, SeqCst),
            }
            any = true;
        }
        if any {
            self.received.fetch_add(1, SeqCst);
            self.changed.notify_all();
            state.wakers.iter().for_each(Waker::wake_by_ref);
            #[cfg(feature = "tokio")]
            self.changed_async.notify_waiters();
        }
    }

    /// Has `waker` called whenever something is received, as another thread may receive what it
    /// waits for.
    pub(super) fn wake_when_received(&self, waker: &Waker) {
        let wakers = &mut self.lock().wakers;
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Drops `waker`.
    pub(super) fn forget_waker(&self, waker: &Waker) {
        self.lock().wakers.retain(|known| !known.will_wake(waker));
    }

    /// Returns whether the end of the pipe was received: the other end is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// Removes the next handles that came. They are sent before their message is, so they are there
    /// when it is.
    pub(super) fn next_handles(&self) -> Option<Handles> {
        let mut state = self.lock();
        // The thread that sleeps is woken by the very message that has them.
        let received = self.received();
        while state.sleeping && state.handles.is_empty() && self.received() == received {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.receive_if_free(&mut state);
        state.handles.pop_front()
    }

    /// Returns whether handles came for messages that were not received yet.
    pub(super) fn has_handles(&self) -> bool {
        !self.lock().handles.is_empty()
    }
}

impl AsFd for ChannelNotifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
