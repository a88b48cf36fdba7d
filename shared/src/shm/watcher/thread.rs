//! The threads that wait for others, and which waits each of them has.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Context, Result};
use crate::shm::eventcount::SLICE;
use crate::shm::watcher::wait::{State, Wait};
use crate::sys::futex::{self, MAX_WORDS, Word};
use crate::sys::pid::{Owner, PerProcess};
use crate::sys::process::ForkSafe;

/// The waits of one thread: one word of a sleep is the thread's own.
pub(super) const MAX: usize = MAX_WORDS - 1;

/// How long a thread without waits stays, for the next.
const IDLE: Duration = Duration::from_secs(1);

/// The watching threads of this process.
pub(super) struct Watchers {
    pub(super) all: Mutex<Vec<Arc<Watcher>>>,
    /// The waits that a thread can have.
    pub(super) max: usize,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { all: Mutex::default(), max: if futex::has_wait_any() { MAX } else { 1 } }
    }
}

/// What a watching thread shares with the waiters.
pub(super) struct Watcher {
    /// The waits that it can have.
    max: usize,
    /// The futex word that changes when `waits` does.
    changes: AtomicU32,
    waits: Mutex<Vec<Arc<Wait>>>,
}

impl Watchers {
    pub(super) fn get() -> &'static Self {
        static WATCHERS: PerProcess<Watchers> = PerProcess::new();
        WATCHERS.get()
    }

    pub(super) fn all(&self) -> MutexGuard<'_, Vec<Arc<Watcher>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a wait to a thread that has room for it.
    pub(super) fn add(&'static self, wait: &Arc<Wait>) -> Result<Arc<Watcher>> {
        let mut all = self.all();
        let free = all.iter().find(|watcher| watcher.waits().len() < watcher.max).cloned();
        let watcher = match free {
            Some(watcher) => watcher,
            None => {
                let watcher = Arc::new(Watcher { max: self.max, changes: AtomicU32::new(0), waits: Mutex::default() });
                let (fork_safe, own) = (ForkSafe::new(), watcher.clone());
                let run = move || {
                    let _fork_safe = fork_safe;
                    own.run(self);
                };
                let builder = thread::Builder::new().name("multiproc-watcher".into());
                builder.spawn(run).context("cannot start a thread that waits")?;
                all.push(watcher.clone());
                watcher
            }
        };
        watcher.waits().push(wait.clone());
        drop(all);
        watcher.look_again();
        Ok(watcher)
    }

    /// Ends the thread of a watcher, unless it has got a wait.
    fn remove(&self, watcher: &Arc<Watcher>) -> bool {
        let mut all = self.all();
        let is_idle = watcher.waits().is_empty();
        if is_idle {
            all.retain(|other| !Arc::ptr_eq(other, watcher));
        }
        is_idle
    }
}

impl Watcher {
    fn waits(&self) -> MutexGuard<'_, Vec<Arc<Wait>>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it can have one wait only, at whose word it sleeps then.
    pub(super) fn has_one_wait(&self) -> bool {
        self.max == 1
    }

    /// Has the thread look at its waits.
    pub(super) fn look_again(&self) {
        self.changes.fetch_add(1, SeqCst);
        self.changes.wake(1);
    }

    /// Watches until it has had nothing to watch for some time.
    fn run(self: Arc<Self>, watchers: &Watchers) {
        let owner = Owner::here();
        let mut idle_since = Instant::now();
        loop {
            // Loaded first: what changes after the look at the waits keeps the thread awake.
            let changes = self.changes.load(SeqCst);
            let waits = self.living();
            if !waits.is_empty() {
                idle_since = Instant::now();
                self.watch(&waits, changes, owner);
            } else if idle_since.elapsed() < IDLE {
                self.changes.sleep(changes, Some(IDLE));
            } else if watchers.remove(&self) {
                return;
            }
        }
    }

    /// Returns the waits that were not ended.
    fn living(&self) -> Vec<Arc<Wait>> {
        let mut waits = self.waits();
        let ended: Vec<_> = waits.extract_if(.., |wait| wait.has_ended()).collect();
        let living = waits.clone();
        drop(waits);
        // What is watched may be dropped with its last wait, and takes the time that it takes.
        drop(ended);
        living
    }

    /// Sleeps until one of the waits may be over, or a wait is added or ended, and ends those that
    /// are over.
    fn watch(&self, waits: &[Arc<Wait>], changes: u32, owner: Owner) {
        let mut claims = Claims::of(waits);
        let (mut sleepers, mut words) = (Vec::new(), vec![(&self.changes, changes)]);
        for wait in waits.iter().filter(|wait| wait.is_waiting()) {
            let event_count = wait.watched.event_count();
            let sequence = event_count.announce();
            if wait.watched.is_ready() && !claims.has(wait) {
                wait.finish(true, owner);
                claims.add(wait);
                continue;
            }
            if wait.is_due() {
                wait.finish(false, owner);
                continue;
            }
            words.push((event_count.word(), sequence));
            sleepers.push(wait);
        }
        if self.max > 1 {
            futex::wait_any(&words, SLICE);
        } else {
            let (word, expected) = words[words.len() - 1];
            futex::wait(word, expected, SLICE);
        }
        for wait in sleepers.into_iter().filter(|wait| wait.watched.is_ready()) {
            if claims.has(wait) && wait.is_waiting() {
                // Its turn comes when the waiter before it has ended its wait.
                continue;
            }
            let finished = wait.finish(true, owner);
            claims.add(wait);
            // An exclusive waiter takes what is there, or passes the wake-up on itself.
            if !finished || !wait.watched.is_exclusive() {
                wait.watched.pass_on();
            }
        }
    }
}

/// The places whose exclusive waiter was woken and has not yet ended its wait: for a slice, after
/// which it is in nobody's way any more.
struct Claims(Vec<usize>);

impl Claims {
    fn of(waits: &[Arc<Wait>]) -> Self {
        let is_woken = |wait: &&Arc<Wait>| matches!(*wait.lock(), State::Over(_, since) if since.elapsed() < SLICE);
        let mut claims = Self(Vec::new());
        waits.iter().filter(is_woken).for_each(|wait| claims.add(wait));
        claims
    }

    fn add(&mut self, wait: &Wait) {
        if wait.watched.is_exclusive() {
            self.0.push(wait.place());
        }
    }

    fn has(&self, wait: &Wait) -> bool {
        wait.watched.is_exclusive() && self.0.contains(&wait.place())
    }
}
