//! One end of a pipe: messages as bytes, with handles.
//!
//! [`send`] and [`receive`] are a side each, asleep at the notifier while it waits; [`receiver`]
//! has the state of the second. An end is sent to another process as its two descriptors.

mod receive;
mod receiver;
mod send;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::error::{Error, Result};
use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
use crate::pipe::channel_notifier::ChannelNotifier;
use crate::ring::{Consumer, Corrupt, Cursor, Producer, Segment};
use crate::sys::pid::Owner;
use crate::sys::socket::{self, Socket};

use receiver::Receiver;
use send::Sender;

/// Bytes of each of the two rings: a power of two.
const RING: usize = 256 * 1024;

/// Bytes that are written before they are published, while a large message streams: so much of it
/// is copied out while the next is copied in.
const PIECE: usize = 64 * 1024;

/// Bytes of a message's head: its length, and in the upper 16 bits the number of its handles.
const HEAD: usize = 8;
const MAX_LENGTH: u64 = (1 << 48) - 1;

fn broken(_: Corrupt) -> Error {
    Error::Decode("the memory of this pipe is garbled".into())
}

/// The number of threads of this side (and async functions) that have announced that they sleep.
/// The announcement stands until all are awake.
#[derive(Debug, Default)]
struct Sleepers(u32);

impl Sleepers {
    fn announce(&mut self, cursor: &Cursor, asleep: bool) {
        if asleep {
            self.0 += 1;
            cursor.begin_sleep();
        } else {
            self.0 = self.0.saturating_sub(1);
            if self.0 == 0 {
                cursor.end_sleep();
            }
        }
    }
}

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
struct Descriptors {
    memory: Arc<Descriptor>,
    socket: Arc<Descriptor>,
    /// Whether this is the first of the pipe's two ends, which sends through the first ring.
    is_first: bool,
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
    fn open(descriptors: Descriptors) -> Result<Self> {
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
    fn move_out(&self) -> Result<Descriptors, &'static str> {
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

impl Serialize for End {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Before the end moves: one that is not part of a message stays of use here.
        fds::require_packing().map_err(ser::Error::custom)?;
        let Descriptors { memory, socket, is_first } = self.move_out().map_err(ser::Error::custom)?;
        (Sent::<MEMORY>(memory), Sent::<SOCKET>(socket), is_first).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Received::<MEMORY>(memory), Received::<SOCKET>(socket), is_first) =
            Deserialize::deserialize(deserializer)?;
        Self::open(Descriptors { memory, socket, is_first }).map_err(de::Error::custom)
    }
}

/// Which of an end's descriptors.
const MEMORY: bool = true;
const SOCKET: bool = false;

fn kind(which: bool) -> ObjectKind {
    if which == MEMORY { ObjectKind::Pipe } else { ObjectKind::PipeSocket }
}

struct Sent<const WHICH: bool>(Arc<Descriptor>);

impl<const WHICH: bool> Serialize for Sent<WHICH> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(&self.0, kind(WHICH), Travel::Moved, serializer)
    }
}

struct Received<const WHICH: bool>(Arc<Descriptor>);

impl<'de, const WHICH: bool> Deserialize<'de> for Received<WHICH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fds::deserialize(kind(WHICH), deserializer).map(Self)
    }
}
