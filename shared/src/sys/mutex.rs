//! A mutex in shared memory that survives its holder, and that holds no address.
//!
//! Its word names the [process](thread_id) that holds it, so that a waiter can ask the kernel
//! whether that process still runs, and takes the mutex over from one that does not. A thread that
//! ends leaves what it holds to its process, where a reference to what the mutex guards may have
//! gone to another thread (from a guard that was leaked). A process that is killed at any
//! instruction either has its name there or has not. Nothing in this memory is followed as a
//! pointer: a process that overwrites it can keep others waiting, or let two in at a time, but has
//! them read or write nothing else. (The C library's robust mutex is part of a list through all
//! that a thread holds, by pointers in the same memory.)
//!
//! Locking a free mutex takes no system call, nor does unlocking it unless there is a sleeper.
//! After "Futexes Are Tricky" (Drepper, 2011), with sleeps that time out: the process that is to
//! wake the others may be killed before it does.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;

use crate::error::{Error, Result};
use crate::sys::futex::{self, Word};
use crate::sys::pid::Owner;
use crate::sys::thread_id::{self, ThreadId};
use crate::sys::words::words;

/// Attempts before the first sleep: a lock that is held for some memory copies only is free by
/// then.
const MAX_TRIES: u32 = 200;

/// The first sleep; each one after it is twice as long. At the end of each, the sleeper checks
/// whether the holder still runs.
const FIRST_SLEEP: Duration = Duration::from_millis(1);
const MAX_SLEEP: Duration = Duration::from_millis(100);

/// The word of a mutex that is free.
const FREE: u64 = 0;

/// Beside the holder's name: there is a sleeper, which must be woken.
const WAITERS: u64 = thread_id::SPARE_BIT;

words! {
    /// A mutex in memory that several processes have mapped. The process that creates the memory
    /// must [`init`](RobustMutex::init) it.
    #[derive(Debug)]
    pub(crate) struct RobustMutex {
        /// The process that holds it. Its lower half is the futex word: each change that a sleeper
        /// must see changes it.
        word: AtomicU64,
        /// The thread that holds it, so that it does not wait for itself. 0 if the mutex is free,
        /// or was locked just now.
        thread: AtomicU32,
        /// The namespaces in which they have these names.
        space: AtomicU32,
    }
}

/// A guard of a locked mutex, which unlocks it when dropped. It is not `Send`: the number of its
/// thread is in the mutex.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    mutex: &'a RobustMutex,
    /// The process whose thread locked it.
    owner: Owner,
    /// Whether the holder before ended without unlocking: what the mutex guards may be half
    /// changed.
    pub(crate) owner_died: bool,
    thread: PhantomData<*const ()>,
}

/// The result of an attempt: the lock, or the word of its holder.
type Attempt<'a> = Result<Held<'a>, u64>;

impl RobustMutex {
    /// Makes the zeroed memory a mutex.
    pub(crate) fn init(&self) {
        self.space.store(ThreadId::own().space, Relaxed);
    }

    /// Locks. Fails with `EDEADLK` if this very thread holds it already.
    #[inline]
    pub(crate) fn lock(&self) -> Result<Held<'_>> {
        match self.attempt(self.caller()?, 0)? {
            Ok(held) => Ok(held),
            Err(_) => self.lock_slowly(),
        }
    }

    #[cold]
    fn lock_slowly(&self) -> Result<Held<'_>> {
        loop {
            if let Some(held) = self.lock_by(None)? {
                return Ok(held);
            }
        }
    }

    /// Locks; returns `None` at `deadline`.
    pub(crate) fn lock_until(&self, deadline: Instant) -> Result<Option<Held<'_>>> {
        self.lock_by(Some(deadline))
    }

    /// Locks, if no running process holds it.
    pub(crate) fn try_lock(&self) -> Result<Option<Held<'_>>> {
        let me = self.caller()?;
        match self.attempt(me, 0)? {
            Ok(held) => Ok(Some(held)),
            Err(word) => Ok(self.take_over(me, word)),
        }
    }

    fn lock_by(&self, deadline: Option<Instant>) -> Result<Option<Held<'_>>> {
        let me = self.caller()?;
        for _ in 0..MAX_TRIES {
            if let Ok(held) = self.attempt(me, 0)? {
                return Ok(Some(held));
            }
            std::hint::spin_loop();
        }
        let mut sleep = FIRST_SLEEP;
        loop {
            // After a sleep it isn't known whether others sleep: the lock is taken as one with
            // waiters.
            let word = match self.attempt(me, WAITERS)? {
                Ok(held) => return Ok(Some(held)),
                Err(word) => word,
            };
            let asleep = word | WAITERS;
            if word != asleep && self.word.compare_exchange(word, asleep, Relaxed, Relaxed).is_err() {
                continue;
            }
            let left = deadline.map_or(sleep, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(self.take_over(me, asleep));
            }
            if futex::wait(self.lower_half(), asleep as u32, left.min(sleep)) {
                if let Some(held) = self.take_over(me, asleep) {
                    return Ok(Some(held));
                }
                sleep = (2 * sleep).min(MAX_SLEEP);
            }
        }
    }

    /// Returns whether the thread that has the mutex has ended, so that the next to lock it takes
    /// it over. Takes nothing itself.
    pub(crate) fn is_abandoned(&self) -> bool {
        let word = self.word.load(Relaxed);
        word != FREE && !ThreadId::own().is_of(word) && thread_id::has_ended(word)
    }

    /// Returns the calling thread, if its name has the same meaning for all users of the mutex.
    #[inline]
    fn caller(&self) -> Result<ThreadId> {
        let me = ThreadId::own();
        if me.space != self.space.load(Relaxed) {
            return Err(Error::Config(
                "a lock in shared memory cannot be used by processes of different PID or time namespaces".into(),
            ));
        }
        Ok(me)
    }

    /// Locks if the mutex is free.
    #[inline]
    fn attempt(&self, me: ThreadId, flag: u64) -> Result<Attempt<'_>> {
        let word = self.word.load(Relaxed);
        let found = match word {
            FREE => self.word.compare_exchange(FREE, me.process | flag, Acquire, Relaxed),
            word => Err(word),
        };
        match found {
            Ok(_) => Ok(Ok(self.held(me, false))),
            Err(word) if me.is_of(word) && self.thread.load(Relaxed) == me.number => {
                Err(Error::io("cannot use a lock in shared memory", Errno::EDEADLK))
            }
            Err(word) => Ok(Err(word)),
        }
    }

    /// Locks if the holder with this word has ended, and still has it. One of those that try
    /// succeeds.
    fn take_over(&self, me: ThreadId, word: u64) -> Option<Held<'_>> {
        let mine = me.process | (word & WAITERS);
        let ended = !me.is_of(word) && thread_id::has_ended(word);
        (ended && self.word.compare_exchange(word, mine, Acquire, Relaxed).is_ok()).then(|| self.held(me, true))
    }

    #[inline]
    fn held(&self, me: ThreadId, owner_died: bool) -> Held<'_> {
        self.thread.store(me.number, Relaxed);
        Held { mutex: self, owner: Owner::here(), owner_died, thread: PhantomData }
    }

    fn lower_half(&self) -> &AtomicU32 {
        const { assert!(cfg!(target_endian = "little"), "the lower half of a word comes first") };
        // SAFETY: the first half of a word that lives as long as the reference, and aligned for it.
        // It is handed to the kernel, and never read or written here.
        unsafe { &*self.word.as_ptr().cast::<AtomicU32>() }
    }
}

impl Held<'_> {
    /// Returns whether the lock is held by this process. A copy in a forked process does not hold
    /// it.
    pub(crate) fn is_own(&self) -> bool {
        self.owner.is_here()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.is_own() {
            return;
        }
        // Before another thread can have the lock, which would take itself for this one.
        self.mutex.thread.store(0, Relaxed);
        if self.mutex.word.swap(FREE, Release) & WAITERS != 0 {
            self.mutex.lower_half().wake(1);
        }
    }
}

/// Returns whether this is the error for a lock that this very thread holds.
pub(crate) fn is_own(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.raw_os_error() == Some(libc::EDEADLK))
}

#[cfg(test)]
impl Held<'_> {
    /// Leaves the lock in the state of one whose holder was killed.
    pub(crate) fn die(self) {
        let ended = 1;
        assert!(thread_id::has_ended(ended));
        let word = &self.mutex.word;
        while let word_now = word.load(Relaxed)
            && word.compare_exchange(word_now, ended | word_now & WAITERS, Release, Relaxed).is_err()
        {}
        std::mem::forget(self);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;
    use std::thread;

    use super::*;

    fn mutex() -> RobustMutex {
        let mutex = RobustMutex { word: AtomicU64::new(FREE), thread: AtomicU32::new(0), space: AtomicU32::new(0) };
        mutex.init();
        mutex
    }

    #[test]
    fn one_thread_at_a_time_holds_it() {
        let (mutex, count) = (mutex(), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let _held = mutex.lock().unwrap();
                        let before = count.load(Relaxed);
                        count.store(before + 1, Relaxed);
                    }
                });
            }
        });
        assert_eq!((count.load(SeqCst), mutex.word.load(SeqCst) & !WAITERS), (40_000, FREE));
    }

    #[test]
    fn next_holder_after_a_killed_one_gets_owner_died() {
        let mutex = mutex();
        for _ in 0..3 {
            mutex.lock().unwrap().die();
            assert!(mutex.lock().unwrap().owner_died);
            assert!(!mutex.lock().unwrap().owner_died);
        }
    }

    #[test]
    fn thread_that_ends_with_it_leaves_it_to_its_process() {
        let mutex = mutex();
        thread::scope(|scope| {
            scope.spawn(|| std::mem::forget(mutex.lock().unwrap()));
        });
        assert!(mutex.try_lock().unwrap().is_none());
    }

    #[test]
    fn of_many_that_wait_for_one_that_ends_each_has_it_in_turn() {
        let (mutex, died) = (mutex(), AtomicU64::new(0));
        thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let held = mutex.lock().unwrap();
                thread::sleep(Duration::from_millis(30));
                held.die();
            });
            while mutex.word.load(SeqCst) == FREE {
                thread::yield_now();
            }
            for _ in 0..4 {
                scope.spawn(|| {
                    let held = mutex.lock().unwrap();
                    died.fetch_add(held.owner_died.into(), SeqCst);
                });
            }
            holder.join().unwrap();
        });
        assert_eq!(died.load(SeqCst), 1);
    }

    #[test]
    fn its_holder_is_refused_and_others_wait_for_it() {
        let mutex = mutex();
        let held = mutex.lock().unwrap();
        assert!(is_own(&mutex.lock().unwrap_err()) && is_own(&mutex.try_lock().unwrap_err()));
        thread::scope(|scope| {
            scope.spawn(|| {
                assert!(mutex.try_lock().unwrap().is_none());
                assert!(mutex.lock_until(Instant::now() + Duration::from_millis(20)).unwrap().is_none());
            });
        });
        drop(held);
        assert!(mutex.try_lock().unwrap().is_some());
    }

    #[test]
    fn other_namespaces_are_refused() {
        let mutex = mutex();
        mutex.space.fetch_add(1, SeqCst);
        assert!(matches!(mutex.lock(), Err(Error::Config(_))));
    }
}
