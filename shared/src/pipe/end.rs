//! One end of a pipe: messages as bytes, with handles.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::handle::{self, Carried, Descriptor, Handles};
use crate::kind::ObjectKind;
use crate::machine::can_spin;
use crate::pipe::doorbell::Doorbell;
use crate::ring::{Consumer, Corrupt, Producer, Segment, Spin};
use crate::sys::large::on_large_pages;
use crate::sys::socket::{self, Socket};

/// Bytes of each of the two rings: a power of two.
const RING: usize = 256 * 1024;

/// Bytes that are written before they are shown, while a large message streams: so much of it is copied out while the next is copied in.
const PIECE: usize = 64 * 1024;

/// Bytes of a message's head: its length, and in the upper 16 bits the number of its handles.
const HEAD: usize = 8;
const LENGTH: u64 = (1 << 48) - 1;

/// The buffer for small messages is kept up to this size.
const KEPT: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct End {
    memory: Arc<Descriptor>,
    bell: Doorbell,
    /// Whether this is the first of the pipe's two ends, which sends through the first ring.
    first: bool,
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
    /// Async functions that wait take turns, so that none takes back another's announcement that it sleeps.
    #[cfg(feature = "tokio")]
    pub(super) turns: super::asynchronous::Turns,
    /// It was sent to another process.
    moved: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) ring: Producer,
    /// What is left of a message whose sender gave up waiting for room, and how much of it is out: it goes first.
    pub(super) rest: (Vec<u8>, usize),
}

#[derive(Debug)]
struct Receiver {
    ring: Consumer,
    /// The message that is coming in: how long it is and how many handles it has, once that is known, and its bytes so far.
    head: Option<(usize, u64)>,
    bytes: Vec<u8>,
}

pub(super) fn broken(_: Corrupt) -> Error {
    Error::Decode("the memory of this pipe is garbled".into())
}

impl End {
    pub(super) fn pair() -> Result<(Self, Self)> {
        let (segment, fd) = Segment::create(RING, ObjectKind::Pipe)?;
        let (segment, memory) = (Arc::new(segment), Arc::new(Descriptor::new(fd)));
        let (a, b) = Socket::pair()?;
        let end = |socket: Socket, first| {
            Self::resumed(segment.clone(), memory.clone(), Arc::new(Descriptor::new(OwnedFd::from(socket))), first)
        };
        Ok((end(a, true)?, end(b, false)?))
    }

    /// The end whose memory and socket came from another process.
    pub(super) fn arrived(memory: Arc<Descriptor>, socket: Arc<Descriptor>, first: bool) -> Result<Self> {
        let segment = Segment::open(&*memory, ObjectKind::Pipe)?;
        socket::check(&*socket)?;
        Self::resumed(Arc::new(segment), memory, socket, first)
    }

    /// What goes to another process; this end is of no use from then on. It must not be half-way through a message.
    pub(super) fn leave(&self) -> Result<(&Arc<Descriptor>, &Arc<Descriptor>, bool), &'static str> {
        if self.receiver().head.is_some() || self.bell.holds_handles() || !self.sender().rest.0.is_empty() {
            return Err("a connection that is half-way through a message cannot go to another process");
        }
        if self.moved.swap(true, Relaxed) {
            return Err("this connection went to another process already");
        }
        Ok((&self.memory, self.bell.socket(), self.first))
    }

    /// Goes on where the pipe is, by its cursors.
    fn resumed(segment: Arc<Segment>, memory: Arc<Descriptor>, socket: Arc<Descriptor>, first: bool) -> Result<Self> {
        let receiving = Consumer::resume(segment.clone(), !first).map_err(broken)?;
        let sending = Producer::resume(segment, first).map_err(broken)?;
        let receiver = Receiver { ring: receiving, head: None, bytes: Vec::new() };
        Ok(Self {
            memory,
            bell: Doorbell::new(socket),
            first,
            sender: Mutex::new(Sender { ring: sending, rest: Default::default() }),
            receiver: Mutex::new(receiver),
            #[cfg(feature = "tokio")]
            turns: Default::default(),
            moved: AtomicBool::new(false),
        })
    }

    pub(super) fn bell(&self) -> &Doorbell {
        &self.bell
    }

    fn receiver(&self) -> MutexGuard<'_, Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_moved(&self) -> Result<()> {
        if self.moved.load(Relaxed) { Err(Error::Disconnected) } else { Ok(()) }
    }

    /// Sends a message whole. Waits while the ring is full.
    pub(super) fn send(&self, bytes: &[u8], mut handles: Handles) -> Result<()> {
        self.check_moved()?;
        let mut sender = self.sender();
        let Sender { ring, rest } = &mut *sender;
        if !rest.0.is_empty() {
            let (rest, at) = std::mem::take(rest);
            self.write(ring, &rest[at..])?;
        }
        let head = self.head(bytes, &mut handles)?;
        self.write(ring, &head)?;
        self.write(ring, bytes)?;
        self.show(ring);
        Ok(())
    }

    pub(super) fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message's handles ahead of it; what is to precede its bytes.
    pub(super) fn head(&self, bytes: &[u8], handles: &mut Handles) -> Result<[u8; HEAD]> {
        let head = bytes.len() as u64 | (handles.len() as u64) << 48;
        if !handles.is_empty() {
            handle::send(self.bell.socket(), handles, true)?;
        }
        Ok(head.to_le_bytes())
    }

    /// Writes what there is room for of what was left; says whether all of it is out.
    #[cfg(feature = "tokio")]
    pub(super) fn push_rest(&self) -> Result<bool> {
        let mut sender = self.sender();
        let Sender { ring, rest: (rest, at) } = &mut *sender;
        while *at < rest.len() {
            let written = ring.write(&rest[*at..rest.len().min(*at + PIECE)]).map_err(broken)?;
            *at += written;
            self.show(ring);
            if written == 0 {
                return Ok(false);
            }
        }
        rest.clear();
        *at = 0;
        Ok(true)
    }

    /// Whether there is more to receive than a call in vain has seen, or the end of the pipe.
    #[cfg(feature = "tokio")]
    pub(super) fn has_more(&self) -> Result<bool> {
        let mut receiver = self.receiver();
        let least = if receiver.head.is_some() { 1 } else { HEAD };
        Ok(receiver.ring.filled(least).map_err(broken)? >= least || self.bell.has_ended())
    }

    fn show(&self, ring: &mut Producer) {
        ring.publish();
        let (own, other) = ring.cursors();
        if own.must_wake(other) {
            self.bell.ring();
        }
    }

    fn write(&self, ring: &mut Producer, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(PIECE)];
            let written = ring.write(piece).map_err(broken)?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                break;
            }
            self.show(ring);
            if written == 0 {
                self.wait_for_room(ring)?;
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, ring: &mut Producer) -> Result<()> {
        let mut spin = Spin::new(can_spin());
        while ring.free(1).map_err(broken)? == 0 {
            if spin.again() {
                continue;
            }
            let heard = self.bell.heard();
            ring.cursors().0.begin_sleep();
            let outcome = match ring.free(1).map_err(broken)? {
                0 => self.bell.sleep(heard, None),
                _ => Ok(true),
            };
            ring.cursors().0.end_sleep();
            outcome?;
        }
        Ok(())
    }

    /// Waits for a message to begin; `false` if the deadline comes first.
    pub(super) fn poll(&self, deadline: Option<Instant>) -> Result<bool> {
        self.check_moved()?;
        let mut receiver = self.receiver();
        if receiver.head.is_some() {
            return Ok(true);
        }
        self.wait_for(&mut receiver, HEAD, deadline)
    }

    /// Whether a message has begun, or the end of the pipe has come, without waiting.
    pub(super) fn is_ready(&self) -> bool {
        self.bell.look();
        let mut receiver = self.receiver();
        receiver.head.is_some() || receiver.ring.available() != Ok(0) || self.bell.has_ended()
    }

    /// Says whether the other side has to ring for what it sends.
    pub(super) fn announce(&self, asleep: bool) {
        let receiver = self.receiver();
        let (own, _) = receiver.ring.cursors();
        if asleep { own.begin_sleep() } else { own.end_sleep() }
    }

    /// Receives a message; `None` if the deadline comes first.
    pub(super) fn receive(&self, deadline: Option<Instant>) -> Result<Option<Carried>> {
        self.check_moved()?;
        let mut receiver = self.receiver();
        let receiver = &mut *receiver;
        let (len, handles) = match receiver.head {
            Some(head) => head,
            None => {
                if !self.wait_for(receiver, HEAD, deadline)? {
                    return Ok(None);
                }
                self.begin(receiver)?
            }
        };
        while receiver.bytes.len() < len {
            if !self.wait_for(receiver, 1, deadline)? {
                return Ok(None);
            }
            let missing = len - receiver.bytes.len();
            self.read(receiver, missing)?;
        }
        receiver.head = None;
        let handles = if handles == 0 { Handles::default() } else { self.bell.take_handles().unwrap_or_default() };
        Ok(Some(Carried { bytes: std::mem::take(&mut receiver.bytes), handles }))
    }

    /// Takes back the buffer of a received message, for the next.
    pub(super) fn recycle(&self, mut buffer: Vec<u8>) {
        let mut receiver = self.receiver();
        if receiver.bytes.capacity() == 0 && buffer.capacity() <= KEPT {
            buffer.clear();
            receiver.bytes = buffer;
        }
    }

    fn begin(&self, receiver: &mut Receiver) -> Result<(usize, u64)> {
        self.read(receiver, HEAD)?;
        let head = receiver.bytes.first_chunk::<HEAD>().map_or(0, |head| u64::from_le_bytes(*head));
        receiver.bytes.clear();
        let (bytes, handles) = (head & LENGTH, head >> 48);
        // The length is the other side's word: more than there is must not end this process.
        let too_large = |_| Error::Decode(format!("there is no memory for a message of {bytes} bytes"));
        receiver.bytes.try_reserve_exact(bytes as usize).map_err(too_large)?;
        on_large_pages(&mut receiver.bytes);
        receiver.head = Some((bytes as usize, handles));
        Ok((bytes as usize, handles))
    }

    /// Moves up to `most` bytes from the ring to the message.
    fn read(&self, receiver: &mut Receiver, most: usize) -> Result<()> {
        receiver.ring.read(&mut receiver.bytes, most.min(PIECE)).map_err(broken)?;
        let (own, other) = receiver.ring.cursors();
        if own.must_wake(other) {
            self.bell.ring();
        }
        Ok(())
    }

    /// Waits until `least` bytes are there to be read; `false` if the deadline comes first.
    fn wait_for(&self, receiver: &mut Receiver, least: usize, deadline: Option<Instant>) -> Result<bool> {
        let mut spin = Spin::new(can_spin());
        loop {
            if receiver.ring.filled(least).map_err(broken)? >= least {
                return Ok(true);
            }
            if spin.again() {
                continue;
            }
            let heard = self.bell.heard();
            receiver.ring.cursors().0.begin_sleep();
            let outcome = match receiver.ring.filled(least).map_err(broken)? {
                there if there >= least => Ok(true),
                _ => self.bell.sleep(heard, deadline),
            };
            receiver.ring.cursors().0.end_sleep();
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                // What was sent before the end is there.
                Err(_) if receiver.ring.filled(least).map_err(broken)? >= least => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_head_is_a_message_or_an_error(head in any::<u64>(), body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (a, b) = End::pair().unwrap();
            let mut sender = a.sender();
            // An honest length as often as not.
            let head = if head % 2 == 0 { head } else { body.len() as u64 };
            a.write(&mut sender.ring, &head.to_le_bytes()).unwrap();
            a.write(&mut sender.ring, &body).unwrap();
            a.show(&mut sender.ring);
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
