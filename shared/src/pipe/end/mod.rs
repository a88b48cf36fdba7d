//! One end of a pipe: messages as bytes, with handles. [`sending`] and [`receiving`] are its two
//! sides.

mod receiving;
mod sending;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::ObjectKind;
use crate::pipe::notifier::ChannelNotifier;
use crate::ring::{Consumer, Corrupt, Cursor, Producer, Segment};
use crate::sys::pid::Owner;
use crate::sys::socket::{self, Socket};

use receiving::Receiver;
use sending::Sender;

/// Bytes of each of the two rings: a power of two.
const RING: usize = 256 * 1024;

/// Bytes of a message's head: its length, and in the upper 16 bits the number of its handles.
const HEAD: usize = 8;
const LENGTH: u64 = (1 << 48) - 1;

#[derive(Debug)]
pub(in crate::pipe) struct End {
    memory: Arc<Descriptor>,
    notifier: ChannelNotifier,
    /// Whether this is the first of the pipe's two ends, which sends through the first ring.
    first: bool,
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
    /// Threads that wait for the receiver.
    in_line: AtomicU32,
    /// Async functions that wait take turns, so that none takes back another's announcement that it
    /// sleeps.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) turns: crate::pipe::asynchronous::Turns,
    /// It was sent to another process.
    moved: AtomicBool,
    owner: Owner,
}

/// Threads of this side (and async functions) that have announced that they sleep. The announcement
/// stands until all are awake.
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

pub(in crate::pipe) fn broken(_: Corrupt) -> Error {
    Error::Decode("the memory of this pipe is garbled".into())
}

impl End {
    pub(in crate::pipe) fn pair() -> Result<(Self, Self)> {
        let (segment, fd) = Segment::create(RING, ObjectKind::Pipe)?;
        let (segment, memory) = (Arc::new(segment), Arc::new(Descriptor::new(fd)));
        let (a, b) = Socket::pair()?;
        let end = |socket: Socket, first| {
            Self::resumed(segment.clone(), memory.clone(), Arc::new(Descriptor::new(OwnedFd::from(socket))), first)
        };
        Ok((end(a, true)?, end(b, false)?))
    }

    /// The end whose memory and socket came from another process.
    pub(in crate::pipe) fn arrived(memory: Arc<Descriptor>, socket: Arc<Descriptor>, first: bool) -> Result<Self> {
        let segment = Segment::open(&*memory, ObjectKind::Pipe)?;
        socket::check(&*socket)?;
        Self::resumed(Arc::new(segment), memory, socket, first)
    }

    /// What goes to another process; this end is of no use from then on. It must not be half-way
    /// through a message.
    pub(in crate::pipe) fn leave(&self) -> Result<(&Arc<Descriptor>, &Arc<Descriptor>, bool), &'static str> {
        if !self.owner.is_here() {
            return Err("this connection belongs to another process, of which this one is a copy");
        }
        let Ok(sender) = self.sender.try_lock() else {
            return Err("a connection that another thread sends through cannot go to another process");
        };
        let mut receiver = self.receiver();
        if receiver.head.is_some() || self.notifier.holds_handles() || !sender.rest.0.is_empty() {
            return Err("a connection that is half-way through a message cannot go to another process");
        }
        if self.moved.swap(true, Relaxed) {
            return Err("this connection went to another process already");
        }
        receiver.owner = None;
        Ok((&self.memory, self.notifier.socket(), self.first))
    }

    /// Goes on where the pipe is, by its cursors.
    fn resumed(segment: Arc<Segment>, memory: Arc<Descriptor>, socket: Arc<Descriptor>, first: bool) -> Result<Self> {
        let receiving = Consumer::resume(segment.clone(), !first).map_err(broken)?;
        let sending = Producer::resume(segment, first).map_err(broken)?;
        let sleepers = Sleepers::default;
        let receiver = Receiver {
            ring: receiving,
            head: None,
            bytes: Vec::new(),
            sleepers: sleepers(),
            owner: Some(Owner::here()),
        };
        Ok(Self {
            memory,
            notifier: ChannelNotifier::new(socket),
            first,
            sender: Mutex::new(Sender { ring: sending, rest: Default::default(), sleepers: sleepers() }),
            receiver: Mutex::new(receiver),
            in_line: AtomicU32::new(0),
            #[cfg(feature = "tokio")]
            turns: Default::default(),
            moved: AtomicBool::new(false),
            owner: Owner::here(),
        })
    }

    pub(in crate::pipe) fn notifier(&self) -> &ChannelNotifier {
        &self.notifier
    }

    /// Fails if the end is not this process' (any more). To be asked before any lock.
    pub(in crate::pipe) fn check_moved(&self) -> Result<()> {
        self.owner.check()?;
        if self.moved.load(Relaxed) { Err(Error::Disconnected) } else { Ok(()) }
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_head_is_a_message_or_an_error(head in any::<u64>(), body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (a, b) = End::pair().unwrap();
            let mut sender = a.sender();
            // An honest length as often as not.
            let head = if head % 2 == 0 { head } else { body.len() as u64 };
            a.write(&mut sender, &head.to_le_bytes()).unwrap();
            a.write(&mut sender, &body).unwrap();
            a.show(&mut sender.ring).unwrap();
            drop(sender);
            drop(a);
            let received = b.receive(Instant::now().checked_add(Duration::from_secs(10)));
            if let Ok(Some(message)) = received {
                prop_assert_eq!(message.bytes.len() as u64, head & LENGTH);
            }
        }

        #[test]
        fn any_cursor_is_an_error_or_harmless(position in any::<u64>()) {
            let (a, b) = End::pair().unwrap();
            a.sender().ring.cursors().0.position.store(position, Relaxed);
            drop(a);
            let outcome = b.receive(Instant::now().checked_add(Duration::from_secs(10)));
            prop_assert!(outcome.is_err() || position <= RING as u64, "{:?}", outcome);
        }
    }
}
