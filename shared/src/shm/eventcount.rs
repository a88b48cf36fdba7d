//! Waiting for something in shared memory to change.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::{Duration, Instant};

use crate::ring::Spin;
use crate::sys::futex::Word;
use crate::sys::words::words;

/// The longest sleep before a waiter looks again by itself. A process that is killed between a
/// change and the wake-up costs the waiters this much, once.
pub(crate) const SLICE: Duration = Duration::from_millis(100);

words! {
    /// An eventcount: a waiter announces its sleep and looks once more before it sleeps; a thread
    /// that changes something looks whether sleeps were announced. (After Reed and Kanodia,
    /// "Synchronization with Eventcounts and Sequencers", 1979, with the check before the sleep
    /// that makes it safe without a lock.)
    ///
    /// Nothing in it belongs to a process: one that is killed asleep leaves nothing behind but one
    /// needless wake-up.
    #[derive(Debug, Default)]
    pub(crate) struct EventCount<W = AtomicU32> {
        /// The futex word: changes with every wake-up.
        sequence: W,
        /// Sleeps announced so far.
        announced: W,
        /// Sleeps that are known to be over.
        ended: W,
        unused: W,
    }
}

impl<W: Word> EventCount<W> {
    /// Announces a sleep. The caller must look at what it waits for after this, and then sleep or
    /// not. Returns what the futex word must still be when it falls asleep.
    pub(crate) fn announce(&self) -> u32 {
        let sequence = self.sequence.load(Relaxed);
        self.announced.fetch_add(1, Relaxed);
        W::fence(SeqCst);
        sequence
    }

    /// Wakes one waiter, if there is any. The caller has changed what they wait for before.
    pub(crate) fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes all waiters.
    pub(crate) fn notify_all(&self) {
        self.notify(i32::MAX as u32);
    }

    fn notify(&self, max: u32) {
        W::fence(SeqCst);
        let announced = self.announced.load(Relaxed);
        if announced == self.ended.load(Relaxed) {
            return;
        }
        // A waiter that has announced its sleep and does not sleep yet sees the change of this
        // word, and does not fall asleep.
        self.sequence.fetch_add(1, SeqCst);
        if self.sequence.wake(max) < max as usize {
            self.ended.store(announced, Relaxed);
        }
    }

    /// Waits until `ready` returns something, and returns that; `None` if the deadline comes first.
    /// Looks busily for a moment if `spin`, then sleeps.
    pub(crate) fn wait_until<R>(
        &self,
        deadline: Option<Instant>,
        spin: bool,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        let mut spin = Spin::new(spin);
        loop {
            if let Some(found) = ready() {
                return Some(found);
            }
            if spin.again() {
                continue;
            }
            let sequence = self.announce();
            if let Some(found) = ready() {
                return Some(found);
            }
            let left = deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            self.sequence.sleep(sequence, Some(left.min(SLICE)));
        }
    }
}

impl EventCount {
    /// Returns the futex word, for a thread that sleeps at several.
    pub(super) fn word(&self) -> &AtomicU32 {
        &self.sequence
    }
}

/// Checks every interleaving by loom: `RUSTFLAGS="--cfg multiproc_loom" cargo test --release -p
/// multiproc --lib model`. The sleeps have no time limit there, so that a lost wake-up shows as a
/// deadlock.
#[cfg(all(test, multiproc_loom))]
mod model {
    use std::sync::Arc;

    use loom::sync::atomic::AtomicU32;
    use loom::thread;

    use super::*;
    use crate::atomics;
    use crate::atomics::model::{Weakness, weaken_this_thread};

    type Pair = (EventCount<atomics::AtomicU32>, AtomicU32);
    type Shared = Arc<Pair>;

    fn take_one((event, items): &Pair) {
        let one_less = |items: u32| items.checked_sub(1);
        event.wait_until(None, false, || items.fetch_update(SeqCst, Relaxed, one_less).ok());
    }

    #[test]
    fn waiter_misses_no_change() {
        loom::model(|| {
            let shared = Shared::default();
            let other = shared.clone();
            let waiter = thread::spawn(move || (0..2).for_each(|_| take_one(&other)));
            for _ in 0..2 {
                shared.1.fetch_add(1, Relaxed);
                shared.0.notify_one();
            }
            waiter.join().unwrap();
        });
    }

    /// Checks one change, of which one side or the other lacks its fence.
    fn a_change(waiter: Option<Weakness>, changer: Option<Weakness>) {
        loom::model(move || {
            let shared = Shared::default();
            let other = shared.clone();
            let thread = thread::spawn(move || {
                waiter.into_iter().for_each(weaken_this_thread);
                take_one(&other);
            });
            changer.into_iter().for_each(weaken_this_thread);
            shared.1.fetch_add(1, Relaxed);
            shared.0.notify_one();
            thread.join().unwrap();
        });
    }

    #[test]
    #[should_panic]
    fn without_the_waiters_fence_a_change_is_missed() {
        a_change(Some(Weakness::Fences), None);
    }

    #[test]
    #[should_panic]
    fn without_the_changers_fence_a_change_is_missed() {
        a_change(None, Some(Weakness::Fences));
    }

    /// Checks that two threads that `wait` both return after `change`.
    fn two_waiters(wait: fn(&Pair), change: fn(&Pair)) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(move || {
            let shared = Shared::default();
            let waiters = [0, 1].map(|_| {
                let shared = shared.clone();
                thread::spawn(move || wait(&shared))
            });
            change(&shared);
            waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        });
    }

    #[test]
    fn each_of_two_waiters_is_woken_for_a_change() {
        two_waiters(take_one, |(event, items)| {
            for _ in 0..2 {
                items.fetch_add(1, Relaxed);
                event.notify_one();
            }
        });
    }

    #[test]
    fn all_waiters_are_woken_at_once() {
        let wait = |(event, open): &Pair| {
            event.wait_until(None, false, || (open.load(Relaxed) == 1).then_some(()));
        };
        two_waiters(wait, |(event, open)| {
            open.store(1, Relaxed);
            event.notify_all();
        });
    }
}
