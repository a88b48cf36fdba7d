//! Sleeping until the other end of a pipe rings.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::error::{Error, Result};
use crate::fds::{self, Arrived, Descriptor, Handles};
use crate::sys::socket;

/// The socket of a pipe's end, shared by the threads that send and receive there.
///
/// One ring of the notifier may be meant for either of them, so only one thread listens at a time, and
/// all look again after it heard something. Nobody else takes anything from the socket meanwhile:
/// the one that sleeps there would not wake up for what was taken.
#[derive(Debug)]
pub(super) struct ChannelNotifier {
    socket: Arc<Descriptor>,
    /// How often something was heard.
    heard: AtomicU64,
    /// The other end is gone, as far as was heard.
    ended: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    /// Told with `changed`.
    #[cfg(feature = "tokio")]
    pub(super) told: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    /// A thread listens.
    listening: bool,
    /// Handles that came ahead of their messages.
    handles: VecDeque<Handles>,
}

impl ChannelNotifier {
    pub(super) fn new(socket: Arc<Descriptor>) -> Self {
        Self {
            socket,
            heard: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
            #[cfg(feature = "tokio")]
            told: tokio::sync::Notify::new(),
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
            self.look();
        }
    }

    /// How often something was heard; to be asked before looking at what one wants to
    /// [`sleep`](ChannelNotifier::sleep) for.
    pub(super) fn heard(&self) -> u64 {
        self.heard.load(SeqCst)
    }

    /// Sleeps until something is heard that was not among the first `heard`. `Ok(false)` if the
    /// deadline comes first.
    pub(super) fn sleep(&self, heard: u64, deadline: Option<Instant>) -> Result<bool> {
        let mut state = self.lock();
        while self.heard() == heard {
            if self.has_ended() {
                return Err(Error::Disconnected);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                self.listen_if_free(&mut state);
                match (self.heard() == heard, self.has_ended()) {
                    (true, false) => return Ok(false),
                    _ => continue,
                }
            }
            if state.listening {
                state = match left {
                    Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                    None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                };
                continue;
            }
            state.listening = true;
            drop(state);
            let outcome = wait_readable(self.socket.as_fd(), left);
            state = self.lock();
            state.listening = false;
            // Another thread takes over if this one leaves.
            self.changed.notify_all();
            outcome?;
            self.listen(&mut state);
        }
        Ok(true)
    }

    /// Takes what has come, without waiting, unless another thread is about to.
    pub(super) fn look(&self) {
        self.listen_if_free(&mut self.lock());
    }

    fn listen_if_free(&self, state: &mut State) {
        if !state.listening {
            self.listen(state);
        }
    }

    fn listen(&self, state: &mut State) {
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
            self.heard.fetch_add(1, SeqCst);
            self.changed.notify_all();
            #[cfg(feature = "tokio")]
            self.told.notify_waiters();
        }
    }

    /// Whether the other end is gone, as far as was heard.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// The next handles that came. They are sent before their message is, so they are there when it
    /// is.
    pub(super) fn take_handles(&self) -> Option<Handles> {
        let mut state = self.lock();
        // The one that listens is woken by the very message that has them.
        let heard = self.heard();
        while state.listening && state.handles.is_empty() && self.heard() == heard {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.listen_if_free(&mut state);
        state.handles.pop_front()
    }

    /// Whether handles came for messages that were not received yet.
    pub(super) fn holds_handles(&self) -> bool {
        !self.lock().handles.is_empty()
    }
}

impl AsFd for ChannelNotifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Waits until there is something to read on `fd` (an end is, too), or the time is over.
fn wait_readable(fd: BorrowedFd<'_>, patience: Option<Duration>) -> Result<()> {
    match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout(patience)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::io("cannot wait for the other end of a pipe", errno)),
    }
}

/// A time as `poll` takes it: rounded up to milliseconds, and 24 days at most, after which the
/// caller looks at its clock again.
pub(crate) fn timeout(patience: Option<Duration>) -> PollTimeout {
    let Some(patience) = patience else { return PollTimeout::NONE };
    i32::try_from(patience.as_micros().div_ceil(1000))
        .ok()
        .and_then(|ms| ms.try_into().ok())
        .unwrap_or(PollTimeout::MAX)
}
