//! One end of a pipe: messages as bytes, with handles.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::handle::{self, Carried, Descriptor, Handles};
use crate::kind::ObjectKind;
use crate::machine::can_spin;
use crate::pipe::doorbell::Doorbell;
use crate::ring::{Consumer, Corrupt, Cursor, Producer, Segment, Spin};
use crate::sys::large::on_large_pages;
use crate::sys::pid::{Owner, own_pid};
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

/// Tries of one that cannot wait for the receiver: the thread that has it may be between two steps.
const TRIES: u32 = 100;

/// What one that receives a long message leaves the receiver to others for, between two steps.
const A_MOMENT: Duration = Duration::from_micros(50);

#[derive(Debug)]
pub(super) struct End {
    memory: Arc<Descriptor>,
    bell: Doorbell,
    /// Whether this is the first of the pipe's two ends, which sends through the first ring.
    first: bool,
    sender: Mutex<Sender>,
    receiver: Mutex<Receiver>,
    /// Threads that wait for the receiver.
    in_line: AtomicU32,
    /// Async functions that wait take turns, so that none takes back another's announcement that it sleeps.
    #[cfg(feature = "tokio")]
    pub(super) turns: super::asynchronous::Turns,
    /// It was sent to another process.
    moved: AtomicBool,
    owner: Owner,
}

#[derive(Debug)]
pub(super) struct Sender {
    pub(super) ring: Producer,
    /// What is left of a message whose sender gave up waiting for room, and how much of it is out: it goes first.
    pub(super) rest: (Vec<u8>, usize),
    sleepers: Sleepers,
}

/// What threads take turns at, for a look at a time: none holds it while it sleeps.
#[derive(Debug)]
struct Receiver {
    ring: Consumer,
    /// The message that is coming in: how long it is and how many handles it has, once that is known, and its bytes so far.
    head: Option<(usize, u64)>,
    bytes: Vec<u8>,
    sleepers: Sleepers,
    /// The process whose end this is; 0 once it went to another.
    owner: u32,
}

/// Threads of this side (and async functions) that have announced that they sleep. The announcement stands until all are awake.
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

impl Sender {
    /// Says whether the other side has to ring when it makes room.
    pub(super) fn announce(&mut self, asleep: bool) {
        self.sleepers.announce(self.ring.cursors().0, asleep);
    }
}

impl Receiver {
    fn announce(&mut self, asleep: bool) {
        self.sleepers.announce(self.ring.cursors().0, asleep);
    }

    /// Bytes that must be there for a next step.
    fn least(&self) -> usize {
        if self.head.is_some() { 1 } else { HEAD }
    }

    fn has_more(&mut self) -> Result<bool> {
        let least = self.least();
        Ok(self.ring.filled(least).map_err(broken)? >= least)
    }
}

impl Drop for Receiver {
    /// The socket is closed by now. An end that is asleep for good has the other side ring with its next message, by which it finds out.
    fn drop(&mut self) {
        if self.owner == own_pid() {
            self.ring.cursors().0.begin_sleep();
        }
    }
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
        if !self.owner.is_here() {
            return Err("this connection belongs to another process, of which this one is a copy");
        }
        let Ok(sender) = self.sender.try_lock() else {
            return Err("a connection that another thread sends through cannot go to another process");
        };
        let mut receiver = self.receiver();
        if receiver.head.is_some() || self.bell.holds_handles() || !sender.rest.0.is_empty() {
            return Err("a connection that is half-way through a message cannot go to another process");
        }
        if self.moved.swap(true, Relaxed) {
            return Err("this connection went to another process already");
        }
        receiver.owner = 0;
        Ok((&self.memory, self.bell.socket(), self.first))
    }

    /// Goes on where the pipe is, by its cursors.
    fn resumed(segment: Arc<Segment>, memory: Arc<Descriptor>, socket: Arc<Descriptor>, first: bool) -> Result<Self> {
        let receiving = Consumer::resume(segment.clone(), !first).map_err(broken)?;
        let sending = Producer::resume(segment, first).map_err(broken)?;
        let sleepers = Sleepers::default;
        let receiver =
            Receiver { ring: receiving, head: None, bytes: Vec::new(), sleepers: sleepers(), owner: own_pid() };
        Ok(Self {
            memory,
            bell: Doorbell::new(socket),
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

    pub(super) fn bell(&self) -> &Doorbell {
        &self.bell
    }

    fn receiver(&self) -> MutexGuard<'_, Receiver> {
        if let Ok(receiver) = self.receiver.try_lock() {
            return receiver;
        }
        self.in_line.fetch_add(1, Relaxed);
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        self.in_line.fetch_sub(1, Relaxed);
        receiver
    }

    /// Fails if the end is not this process' (any more). To be asked before any lock.
    pub(super) fn check_moved(&self) -> Result<()> {
        self.owner.check()?;
        if self.moved.load(Relaxed) { Err(Error::Disconnected) } else { Ok(()) }
    }

    /// Sends a message whole. Waits while the ring is full.
    pub(super) fn send(&self, bytes: &[u8], mut handles: Handles) -> Result<()> {
        self.check_moved()?;
        let mut sender = self.sender();
        self.check_there()?;
        if !sender.rest.0.is_empty() {
            let (rest, at) = std::mem::take(&mut sender.rest);
            self.write(&mut sender, &rest[at..])?;
        }
        let head = self.head(bytes, &mut handles)?;
        self.write(&mut sender, &head)?;
        self.write(&mut sender, bytes)?;
        self.show(&mut sender.ring)
    }

    /// Refuses to send to an end that is known to be gone.
    pub(super) fn check_there(&self) -> Result<()> {
        if self.bell.has_ended() { Err(Error::Disconnected) } else { Ok(()) }
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
        self.check_moved()?;
        let mut sender = self.sender();
        let Sender { ring, rest: (rest, at), .. } = &mut *sender;
        while *at < rest.len() {
            let written = ring.write(&rest[*at..rest.len().min(*at + PIECE)]).map_err(broken)?;
            *at += written;
            self.show(ring)?;
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
        self.check_moved()?;
        Ok(self.receiver().has_more()? || self.bell.has_ended())
    }

    /// Shows what was written. Fails if that shows that the other end is gone.
    fn show(&self, ring: &mut Producer) -> Result<()> {
        ring.publish();
        let (own, other) = ring.cursors();
        if own.must_wake(other) {
            self.bell.ring();
            self.check_there()?;
        }
        Ok(())
    }

    fn write(&self, sender: &mut Sender, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let piece = &bytes[..bytes.len().min(PIECE)];
            let written = sender.ring.write(piece).map_err(broken)?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                break;
            }
            self.show(&mut sender.ring)?;
            if written == 0 {
                self.wait_for_room(sender)?;
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, sender: &mut Sender) -> Result<()> {
        let mut spin = Spin::new(can_spin());
        while sender.ring.free(1).map_err(broken)? == 0 {
            if spin.again() {
                continue;
            }
            let heard = self.bell.heard();
            sender.announce(true);
            let outcome = match sender.ring.free(1).map_err(broken) {
                Ok(0) => self.bell.sleep(heard, None),
                free => free.map(|_| true),
            };
            sender.announce(false);
            outcome?;
        }
        Ok(())
    }

    /// Waits for a message to begin; `false` if the deadline comes first.
    pub(super) fn poll(&self, deadline: Option<Instant>) -> Result<bool> {
        let begun = |receiver: &mut Receiver| {
            Ok(if receiver.head.is_some() || receiver.has_more()? { Step::Done(()) } else { Step::Wait })
        };
        Ok(self.until(deadline, begun)?.is_some())
    }

    /// Whether a message has begun, or the end of the pipe has come, without waiting.
    pub(super) fn is_ready(&self) -> bool {
        if !self.owner.is_here() {
            // There is an error to be had.
            return true;
        }
        self.bell.look();
        let mut receiver = self.receiver();
        receiver.head.is_some() || receiver.ring.available() != Ok(0) || self.bell.has_ended()
    }

    /// Says whether the other side has to ring for what it sends.
    pub(super) fn announce(&self, asleep: bool) {
        if self.owner.is_here() {
            self.receiver().announce(asleep);
        }
    }

    /// Receives a message; `None` if the deadline comes first.
    pub(super) fn receive(&self, deadline: Option<Instant>) -> Result<Option<Carried>> {
        self.until(deadline, |receiver| self.go_on(receiver))
    }

    /// Waits until a step at the receiver is the last one; `None` if the deadline comes first.
    ///
    /// A thread has the receiver to itself while it takes a step and while it waits busily, not while it sleeps. So whoever comes first
    /// after a message has come gets it, or goes on with one that is half there.
    fn until<R>(
        &self,
        deadline: Option<Instant>,
        mut step: impl FnMut(&mut Receiver) -> Result<Step<R>>,
    ) -> Result<Option<R>> {
        self.check_moved()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return self.at_once(step);
        }
        let mut spin = Spin::new(can_spin());
        let mut receiver = self.receiver();
        loop {
            match step(&mut receiver)? {
                Step::Done(outcome) => return Ok(Some(outcome)),
                Step::More => {
                    drop(receiver);
                    spin = Spin::new(can_spin());
                    if self.in_line.load(Relaxed) > 0 {
                        // Long enough for one of them to wake up: a lock goes to whoever is there.
                        thread::sleep(A_MOMENT);
                    }
                    receiver = self.receiver();
                    continue;
                }
                Step::Wait if spin.again() => continue,
                Step::Wait => {}
            }
            let heard = self.bell.heard();
            receiver.announce(true);
            let more = receiver.has_more();
            drop(receiver);
            let outcome = match more {
                Ok(false) => self.bell.sleep(heard, deadline),
                more => more,
            };
            receiver = self.receiver();
            receiver.announce(false);
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                // What was sent before the end is there.
                Err(_) if receiver.has_more()? => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a step, if nothing has to be waited for.
    fn at_once<R>(&self, mut step: impl FnMut(&mut Receiver) -> Result<Step<R>>) -> Result<Option<R>> {
        let mut ended = false;
        for tries in 0.. {
            let mut receiver = match self.receiver.try_lock() {
                Ok(receiver) => receiver,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // The other thread waits busily, or a message is coming in: it gets what is there.
                Err(TryLockError::WouldBlock) if tries >= TRIES => return Ok(None),
                Err(TryLockError::WouldBlock) => {
                    thread::yield_now();
                    continue;
                }
            };
            match step(&mut receiver)? {
                Step::Done(outcome) => return Ok(Some(outcome)),
                Step::More => return Ok(None),
                // What was sent before the end is there.
                Step::Wait if ended => return Err(Error::Disconnected),
                Step::Wait => {
                    drop(receiver);
                    self.bell.look();
                    ended = self.bell.has_ended();
                    if !ended {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Takes what has come of a message; the message, if that is all of it.
    fn go_on(&self, receiver: &mut Receiver) -> Result<Step<Carried>> {
        if !receiver.has_more()? && receiver.head.is_none_or(|(len, _)| receiver.bytes.len() < len) {
            return Ok(Step::Wait);
        }
        let (len, handles) = match receiver.head {
            Some(head) => head,
            None => self.begin(receiver)?,
        };
        let mut pieces = 0;
        loop {
            let missing = len - receiver.bytes.len();
            if missing == 0 {
                receiver.head = None;
                let handles =
                    if handles == 0 { Handles::default() } else { self.bell.take_handles().unwrap_or_default() };
                return Ok(Step::Done(Carried { bytes: std::mem::take(&mut receiver.bytes), handles }));
            }
            if receiver.ring.available().map_err(broken)? == 0 {
                return Ok(Step::Wait);
            }
            if pieces > RING / PIECE {
                return Ok(Step::More);
            }
            self.read(receiver, missing)?;
            pieces += 1;
        }
    }

    /// Takes back the buffer of a received message, for the next, unless another thread has the receiver.
    pub(super) fn recycle(&self, mut buffer: Vec<u8>) {
        if !self.owner.is_here() {
            return;
        }
        let Ok(mut receiver) = self.receiver.try_lock() else { return };
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
}

/// What came of a look at the receiver.
enum Step<R> {
    Done(R),
    /// There is more to do at once.
    More,
    /// Nothing more is there.
    Wait,
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
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
