//! Receiving from a pipe's end: waits for the steps of the [`receiver`](super::receiver).

use std::sync::TryLockError;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use crate::cpu::can_spin;
use crate::error::{Error, Result};
use crate::fds::{Handles, Payload};
use crate::pipe::end::End;
use crate::pipe::end::receiver::{Receiver, Step};
use crate::ring::Spin;

/// Tries of a call that cannot wait for the receiver: the thread that has it may be between two
/// steps.
const MAX_TRIES: u32 = 100;

/// How long a thread that receives a long message leaves the receiver to others, between two steps.
const PAUSE: Duration = Duration::from_micros(50);

impl End {
    /// Returns whether there is more to receive than the last call has seen, or the end of the
    /// pipe.
    #[cfg(feature = "tokio")]
    pub(in crate::pipe) fn has_more(&self) -> Result<bool> {
        self.check_moved()?;
        Ok(self.receiver().has_more()? || self.notifier.has_ended())
    }

    /// Waits for a message to begin; returns `false` if the deadline comes first.
    pub(in crate::pipe) fn poll(&self, deadline: Option<Instant>) -> Result<bool> {
        let begun = |receiver: &mut Receiver| {
            Ok(if receiver.is_half_way() || receiver.has_more()? { Step::Done(()) } else { Step::Wait })
        };
        Ok(self.wait_until(deadline, begun)?.is_some())
    }

    /// Returns whether a message has begun, or the end of the pipe has come, without waiting.
    pub(in crate::pipe) fn is_ready(&self) -> bool {
        if !self.owner.is_here() {
            // There is an error to be had.
            return true;
        }
        self.notifier.receive();
        self.receiver().has_begun() || self.notifier.has_ended()
    }

    /// Announces whether the other side has to send a wake-up for what it sends.
    pub(in crate::pipe) fn announce(&self, asleep: bool) {
        if self.owner.is_here() {
            self.receiver().announce(asleep);
        }
    }

    /// Has the descriptor made readable when the other side sends, and `waker` called when another
    /// thread receives that. `waker` is of this crate, and neither panics nor waits.
    pub(in crate::pipe) fn arm(&self, waker: &Waker) {
        if self.owner.is_here() {
            self.notifier.wake_when_received(waker);
            self.announce(true);
        }
    }

    /// Takes an [`arm`](End::arm) back.
    pub(in crate::pipe) fn disarm(&self, waker: &Waker) {
        if self.owner.is_here() {
            self.announce(false);
            self.notifier.forget_waker(waker);
        }
    }

    /// Receives a message; returns `None` if the deadline comes first.
    pub(in crate::pipe) fn receive(&self, deadline: Option<Instant>) -> Result<Option<Payload>> {
        self.wait_until(deadline, |receiver| self.receive_step(receiver))
    }

    /// Waits until a step at the receiver is the last one; returns `None` if the deadline comes
    /// first.
    ///
    /// A thread has the receiver to itself while it takes a step and while it waits busily, not
    /// while it sleeps. So the first thread that comes after a message gets it, or continues one
    /// that is half there.
    fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        mut step: impl FnMut(&mut Receiver) -> Result<Step<R>>,
    ) -> Result<Option<R>> {
        self.check_moved()?;
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return self.try_step(step);
        }
        let mut spin = Spin::new(can_spin());
        let mut receiver = self.receiver();
        loop {
            match step(&mut receiver)? {
                Step::Done(outcome) => return Ok(Some(outcome)),
                Step::More => {
                    drop(receiver);
                    spin = Spin::new(can_spin());
                    if self.receivers_in_line.load(Relaxed) > 0 {
                        // Long enough for one of them to wake up: a mutex goes to any thread that
                        // is there.
                        thread::sleep(PAUSE);
                    }
                    receiver = self.receiver();
                    continue;
                }
                Step::Wait if spin.again() => continue,
                Step::Wait => {}
            }
            let received = self.notifier.received();
            receiver.announce(true);
            let more = receiver.has_more();
            drop(receiver);
            let outcome = match more {
                Ok(false) => self.notifier.sleep(received, deadline),
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
    fn try_step<R>(&self, mut step: impl FnMut(&mut Receiver) -> Result<Step<R>>) -> Result<Option<R>> {
        let mut ended = false;
        for tries in 0.. {
            let mut receiver = match self.receiver.try_lock() {
                Ok(receiver) => receiver,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // The other thread waits busily, or a message is coming in: it gets what is there.
                Err(TryLockError::WouldBlock) if tries >= MAX_TRIES => return Ok(None),
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
                    self.notifier.receive();
                    ended = self.notifier.has_ended();
                    if !ended {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Reads what has come of a message; returns it, with its handles, if that is all of it.
    fn receive_step(&self, receiver: &mut Receiver) -> Result<Step<Payload>> {
        let step = receiver.receive(|must_wake| {
            if must_wake {
                self.notifier.notify();
            }
        })?;
        Ok(match step {
            Step::Done((bytes, 0)) => Step::Done(Payload { bytes, handles: Handles::default() }),
            Step::Done((bytes, _)) => {
                Step::Done(Payload { bytes, handles: self.notifier.next_handles().unwrap_or_default() })
            }
            Step::More => Step::More,
            Step::Wait => Step::Wait,
        })
    }

    /// Keeps the buffer of a received message for the next, unless another thread has the receiver.
    pub(in crate::pipe) fn recycle(&self, buffer: Vec<u8>) {
        if !self.owner.is_here() {
            return;
        }
        if let Ok(mut receiver) = self.receiver.try_lock() {
            receiver.recycle(buffer);
        }
    }
}

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipe::end::{MAX_LENGTH, RING};

    proptest! {
        #[test]
        fn any_head_is_a_message_or_an_error(head in any::<u64>(), body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (a, b) = End::pair().unwrap();
            let mut sender = a.sender();
            // An honest length as often as not.
            let head = if head % 2 == 0 { head } else { body.len() as u64 };
            a.write(&mut sender, &head.to_le_bytes()).unwrap();
            a.write(&mut sender, &body).unwrap();
            a.publish(&mut sender).unwrap();
            drop(sender);
            drop(a);
            let received = b.receive(Instant::now().checked_add(Duration::from_secs(10)));
            if let Ok(Some(message)) = received {
                prop_assert_eq!(message.bytes.len() as u64, head & MAX_LENGTH);
            }
        }

        #[test]
        fn any_cursor_is_an_error_or_harmless(position in any::<u64>()) {
            let (a, b) = End::pair().unwrap();
            a.sender().garble(position);
            drop(a);
            let outcome = b.receive(Instant::now().checked_add(Duration::from_secs(10)));
            prop_assert!(outcome.is_err() || position <= RING as u64, "{:?}", outcome);
        }
    }
}
