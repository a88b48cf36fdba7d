//! One end of a pipe: messages as bytes, with handles.
//!
//! [`sides`] has the state of its two sides; [`send`] and [`receive`] work on them, and sleep at
//! the notifier while they wait.

mod receive;
mod send;
mod sides;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::ObjectKind;
use crate::pipe::notifier::ChannelNotifier;
use crate::ring::{Consumer, Producer, Segment};
use crate::sys::pid::Owner;
use crate::sys::socket::{self, Socket};

use sides::{RING, Receiver, Sender, broken};

#[derive(Debug)]
pub(in crate::pipe) struct End {
    memory: Arc<Descriptor>,
    notifier: ChannelNotifier,
    is_first: bool,
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
    /// Threads that wait for the receiver.
    receivers_in_line: AtomicU32,
    /// Async functions that wait take turns, so that none takes back another's announcement that it
    /// sleeps.
    #[cfg(feature = "tokio")]
    turns: Turns,
    /// It was sent to another process.
    moved: AtomicBool,
    owner: Owner,
}

/// The locks that async functions hold while they wait, one for each direction.
#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
pub(in crate::pipe) struct Turns {
    pub(in crate::pipe) sending: tokio::sync::Mutex<()>,
    pub(in crate::pipe) receiving: tokio::sync::Mutex<()>,
}

/// What an end is made of, in this process or another.
pub(in crate::pipe) struct Descriptors {
    pub(in crate::pipe) memory: Arc<Descriptor>,
    pub(in crate::pipe) socket: Arc<Descriptor>,
    /// Whether this is the first of the pipe's two ends, which sends through the first ring.
    pub(in crate::pipe) is_first: bool,
}

impl End {
    /// Creates a pipe; returns its two ends.
    pub(in crate::pipe) fn pair() -> Result<(Self, Self)> {
        let (segment, fd) = Segment::create(RING, ObjectKind::Pipe)?;
        let (segment, memory) = (Arc::new(segment), Arc::new(Descriptor::new(fd)));
        let (a, b) = Socket::pair()?;
        let end = |socket: Socket, is_first| {
            let socket = Arc::new(Descriptor::new(OwnedFd::from(socket)));
            Self::resume(segment.clone(), Descriptors { memory: memory.clone(), socket, is_first })
        };
        Ok((end(a, true)?, end(b, false)?))
    }

    /// Opens an end that came from another process.
    pub(in crate::pipe) fn open(descriptors: Descriptors) -> Result<Self> {
        let segment = Segment::open(&*descriptors.memory, ObjectKind::Pipe)?;
        socket::check(&*descriptors.socket)?;
        Self::resume(Arc::new(segment), descriptors)
    }

    /// Continues where the pipe is, by its cursors.
    fn resume(segment: Arc<Segment>, Descriptors { memory, socket, is_first }: Descriptors) -> Result<Self> {
        let receiver = Receiver::new(Consumer::resume(segment.clone(), !is_first).map_err(broken)?);
        let sender = Sender::new(Producer::resume(segment, is_first).map_err(broken)?);
        Ok(Self {
            memory,
            notifier: ChannelNotifier::new(socket),
            is_first,
            sender: Mutex::new(sender),
            receiver: Mutex::new(receiver),
            receivers_in_line: AtomicU32::new(0),
            #[cfg(feature = "tokio")]
            turns: Turns::default(),
            moved: AtomicBool::new(false),
            owner: Owner::here(),
        })
    }

    /// Returns what is to be sent to another process; this end is of no use from then on. Fails if
    /// it is half-way through a message.
    pub(in crate::pipe) fn move_out(&self) -> Result<Descriptors, &'static str> {
        if !self.owner.is_here() {
            return Err("this connection belongs to another process, of which this one is a copy");
        }
        let Ok(sender) = self.sender.try_lock() else {
            return Err("a connection that another thread sends through cannot go to another process");
        };
        let mut receiver = self.receiver();
        if receiver.is_half_way() || self.notifier.has_handles() || sender.is_half_way() {
            return Err("a connection that is half-way through a message cannot go to another process");
        }
        if self.moved.swap(true, Relaxed) {
            return Err("this connection went to another process already");
        }
        receiver.move_out();
        let (memory, socket) = (self.memory.clone(), self.notifier.socket().clone());
        Ok(Descriptors { memory, socket, is_first: self.is_first })
    }

    pub(in crate::pipe) fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receiver(&self) -> MutexGuard<'_, Receiver> {
        if let Ok(receiver) = self.receiver.try_lock() {
            return receiver;
        }
        self.receivers_in_line.fetch_add(1, Relaxed);
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        self.receivers_in_line.fetch_sub(1, Relaxed);
        receiver
    }

    pub(in crate::pipe) fn notifier(&self) -> &ChannelNotifier {
        &self.notifier
    }

    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Fails if the end is not this process' (any more). To be called before any lock.
    pub(in crate::pipe) fn check_moved(&self) -> Result<()> {
        self.owner.check()?;
        if self.moved.load(Relaxed) { Err(Error::Disconnected) } else { Ok(()) }
    }
}
