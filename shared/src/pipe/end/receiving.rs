//! The side of a pipe's end that receives.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{Handles, Payload};
use crate::pipe::end::sending::PIECE;
use crate::pipe::end::{End, HEAD, LENGTH, RING, Sleepers, broken};
use crate::ring::{Consumer, Spin};
use crate::sys::memory::on_large_pages;
use crate::sys::pid::Owner;

/// The buffer for small messages is kept up to this size.
const KEPT: usize = 64 * 1024;

/// Tries of one that cannot wait for the receiver: the thread that has it may be between two steps.
const TRIES: u32 = 100;

/// What one that receives a long message leaves the receiver to others for, between two steps.
const A_MOMENT: Duration = Duration::from_micros(50);

/// What threads take turns at, for a look at a time: none holds it while it sleeps.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) ring: Consumer,
    /// The message that is coming in: how long it is and how many handles it has, once that is
    /// known, and its bytes so far.
    pub(super) head: Option<(usize, u64)>,
    pub(super) bytes: Vec<u8>,
    pub(super) sleepers: Sleepers,
    /// The process whose end this is; none here once it went to another.
    pub(super) owner: Option<Owner>,
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
    /// The socket is closed by now. An end that is asleep for good has the other side ring with its
    /// next message, by which it finds out.
    fn drop(&mut self) {
        if self.owner.is_some_and(Owner::is_here) {
            self.ring.cursors().0.begin_sleep();
        }
    }
}

impl End {
    pub(super) fn receiver(&self) -> MutexGuard<'_, Receiver> {
        if let Ok(receiver) = self.receiver.try_lock() {
            return receiver;
        }
        self.in_line.fetch_add(1, Relaxed);
        let receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        self.in_line.fetch_sub(1, Relaxed);
        receiver
    }

    /// Whether there is more to receive than a call in vain has seen, or the end of the pipe.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn has_more(&self) -> Result<bool> {
        self.check_moved()?;
        Ok(self.receiver().has_more()? || self.notifier.has_ended())
    }

    /// Waits for a message to begin; `false` if the deadline comes first.
    pub(in crate::pipe) fn poll(&self, deadline: Option<Instant>) -> Result<bool> {
        let begun = |receiver: &mut Receiver| {
            Ok(if receiver.head.is_some() || receiver.has_more()? { Step::Done(()) } else { Step::Wait })
        };
        Ok(self.until(deadline, begun)?.is_some())
    }

    /// Whether a message has begun, or the end of the pipe has come, without waiting.
    pub(in crate::pipe) fn is_ready(&self) -> bool {
        if !self.owner.is_here() {
            // There is an error to be had.
            return true;
        }
        self.notifier.look();
        let mut receiver = self.receiver();
        receiver.head.is_some() || receiver.ring.available() != Ok(0) || self.notifier.has_ended()
    }

    /// Says whether the other side has to ring for what it sends.
    pub(in crate::pipe) fn announce(&self, asleep: bool) {
        if self.owner.is_here() {
            self.receiver().announce(asleep);
        }
    }

    /// Receives a message; `None` if the deadline comes first.
    pub(in crate::pipe) fn receive(&self, deadline: Option<Instant>) -> Result<Option<Payload>> {
        self.until(deadline, |receiver| self.go_on(receiver))
    }

    /// Waits until a step at the receiver is the last one; `None` if the deadline comes first.
    ///
    /// A thread has the receiver to itself while it takes a step and while it waits busily, not
    /// while it sleeps. So whoever comes first after a message has come gets it, or goes on
    /// with one that is half there.
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
            let heard = self.notifier.heard();
            receiver.announce(true);
            let more = receiver.has_more();
            drop(receiver);
            let outcome = match more {
                Ok(false) => self.notifier.sleep(heard, deadline),
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
                    self.notifier.look();
                    ended = self.notifier.has_ended();
                    if !ended {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Takes what has come of a message; the message, if that is all of it.
    fn go_on(&self, receiver: &mut Receiver) -> Result<Step<Payload>> {
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
                    if handles == 0 { Handles::default() } else { self.notifier.take_handles().unwrap_or_default() };
                return Ok(Step::Done(Payload { bytes: std::mem::take(&mut receiver.bytes), handles }));
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

    /// Takes back the buffer of a received message, for the next, unless another thread has the
    /// receiver.
    pub(in crate::pipe) fn recycle(&self, mut buffer: Vec<u8>) {
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
            self.notifier.notify();
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
