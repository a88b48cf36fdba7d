//! Waits at eventcounts without a thread for each waiter: for async functions, and for waits over
//! several objects.
//!
//! One thread of the process sleeps at up to [`MAX`] eventcounts at a time (`futex_waitv(2)`), and
//! calls a waker for each at which there is something to see. It only looks: a value is taken, if
//! at all, by the waiter itself, so that none is lost with a waiter that gives up. Where the kernel
//! has no such call (before Linux 5.16, or behind a filter), there is a thread for each wait, whose
//! sleeps are slices as everywhere.
//!
//! A wake-up for one waiter ([`EventCount::notify_one`]) that the thread gets, and that turns out
//! to be of no use to its waiter, is [passed on](Watched::pass_on).

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{self, Context as _};
use crate::foreign;
use crate::shm::eventcount::{EventCount, SLICE};
use crate::sys::futex::{self, MAX_WORDS, Word};
use crate::sys::pid::{Owner, PerProcess};
use crate::sys::process::ForkSafe;

/// The waits of one thread: one word of a sleep is the thread's own.
const MAX: usize = MAX_WORDS - 1;

/// How long a thread without waits stays, for the next.
const IDLE: Duration = Duration::from_secs(1);

/// Something in shared memory that is waited for.
pub(crate) trait Watched: Send + Sync {
    /// Returns what is notified when it may have become ready.
    fn event_count(&self) -> &EventCount;

    /// Returns whether it is ready.
    fn is_ready(&self) -> bool;

    /// Wakes another waiter, here or in another process: this one has got a wake-up that it may not
    /// use.
    fn pass_on(&self) {}

    /// Returns whether readiness concerns one waiter, which will take what is there. Of several in
    /// one thread they are then woken one after the other, each when the one before it has
    /// [ended](Watch) its wait.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Returns whether the waiter wants to look around itself at the end of each [`SLICE`].
    fn looks_around(&self) -> bool {
        false
    }
}

/// A wait that is under way. Dropping it ends it.
pub(crate) struct Watch {
    owner: Owner,
    wait: Arc<Wait>,
    watcher: Arc<Watcher>,
}

/// One wait, shared by the waiter and the thread.
struct Wait {
    watched: Arc<dyn Watched>,
    began: Instant,
    state: Mutex<State>,
}

enum State {
    Waiting(Waker),
    /// It is over since that moment, as it is ready or, with `false`, a slice is over; the waiter
    /// has not seen that yet.
    Over(bool, Instant),
    /// The waiter has gone.
    Ended,
}

impl Wait {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        matches!(*self.lock(), State::Ended)
    }

    fn is_waiting(&self) -> bool {
        matches!(*self.lock(), State::Waiting(_))
    }

    /// Ends the wait, and wakes its waiter, on the watching thread. Returns `false` if it does not
    /// go on any more.
    fn finish(&self, ready: bool, owner: Owner) -> bool {
        let mut state = self.lock();
        if !matches!(*state, State::Waiting(_)) {
            return false;
        }
        let before = std::mem::replace(&mut *state, State::Over(ready, Instant::now()));
        drop(state);
        if let State::Waiting(waker) = before {
            foreign::run_or_forget(|| waker.wake());
            // A waker that forks returns twice.
            owner.or_exit();
        }
        true
    }

    /// Returns whether the waiter should look around itself.
    fn is_due(&self) -> bool {
        self.watched.looks_around() && self.began.elapsed() >= SLICE
    }

    /// Returns what the waits at the same eventcount have in common.
    fn place(&self) -> usize {
        std::ptr::from_ref(self.watched.event_count()).addr()
    }
}

impl Watch {
    /// Begins to wait until `watched` is ready, which calls `waker`.
    ///
    /// # Errors
    /// [`Error::Io`](error::Error::Io) if the thread that it needs cannot be started.
    pub(crate) fn new(watched: Arc<dyn Watched>, waker: &Waker) -> error::Result<Self> {
        let wait = Arc::new(Wait { watched, began: Instant::now(), state: Mutex::new(State::Waiting(waker.clone())) });
        let watcher = Watchers::get().add(&wait)?;
        Ok(Self { owner: Owner::here(), wait, watcher })
    }

    /// Returns whether the wait goes on, so that its waker will be called.
    pub(crate) fn is_waiting(&self) -> bool {
        self.owner.is_here() && self.wait.is_waiting()
    }

    /// Returns whether it is ready, or with `false`, whether the waiter should look around; in any
    /// case the wait is over then. In a copy of the process that has begun the wait, it is.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<bool> {
        if !self.owner.is_here() {
            return Poll::Ready(false);
        }
        let mut state = self.wait.lock();
        match &mut *state {
            State::Waiting(waker) => {
                waker.clone_from(context.waker());
                Poll::Pending
            }
            State::Over(ready, _) => {
                let ready = *ready;
                // Whoever has seen this tries, so that nothing need be passed on.
                *state = State::Ended;
                Poll::Ready(ready)
            }
            State::Ended => Poll::Ready(false),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.owner.is_here() {
            return;
        }
        let before = std::mem::replace(&mut *self.wait.lock(), State::Ended);
        if matches!(before, State::Over(true, _)) && self.wait.watched.is_exclusive() {
            self.wait.watched.pass_on();
        }
        self.watcher.look_again();
        if self.watcher.max == 1 && matches!(before, State::Waiting(_)) {
            // The thread sleeps at this word alone.
            self.wait.watched.event_count().notify_all();
        }
    }
}

/// The watching threads of this process.
struct Watchers {
    all: Mutex<Vec<Arc<Watcher>>>,
    /// The waits that a thread can have.
    max: usize,
}

impl Default for Watchers {
    fn default() -> Self {
        Self { all: Mutex::default(), max: if futex::has_wait_any() { MAX } else { 1 } }
    }
}

/// What a watching thread shares with the waiters.
struct Watcher {
    /// The waits that it can have.
    max: usize,
    /// The futex word that changes when `waits` does.
    changes: AtomicU32,
    waits: Mutex<Vec<Arc<Wait>>>,
}

impl Watchers {
    fn get() -> &'static Self {
        static WATCHERS: PerProcess<Watchers> = PerProcess::new();
        WATCHERS.get()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Watcher>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a wait to a thread that has room for it.
    fn add(&'static self, wait: &Arc<Wait>) -> error::Result<Arc<Watcher>> {
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

    /// Has the thread look at its waits.
    fn look_again(&self) {
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

#[cfg(all(test, not(multiproc_loom)))]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::Wake;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Items that waiters take, and how often a wake-up was passed on.
    #[derive(Default)]
    struct Items {
        event_count: EventCount,
        items: AtomicUsize,
        passed_on: AtomicUsize,
        looks_around: bool,
    }

    impl Items {
        fn add(&self) {
            self.items.fetch_add(1, SeqCst);
            self.event_count.notify_one();
        }

        fn take(&self) -> bool {
            self.items.fetch_update(SeqCst, SeqCst, |items| items.checked_sub(1)).is_ok()
        }
    }

    impl Watched for Items {
        fn event_count(&self) -> &EventCount {
            &self.event_count
        }

        fn is_ready(&self) -> bool {
            self.items.load(SeqCst) > 0
        }

        fn pass_on(&self) {
            self.passed_on.fetch_add(1, SeqCst);
            self.event_count.notify_one();
        }

        fn is_exclusive(&self) -> bool {
            true
        }

        fn looks_around(&self) -> bool {
            self.looks_around
        }
    }

    struct SendNumber(Mutex<Sender<usize>>, usize);

    impl Wake for SendNumber {
        fn wake(self: Arc<Self>) {
            let _ = self.0.lock().unwrap().send(self.1);
        }
    }

    /// Returns wakers that send their numbers.
    fn wakers(count: usize) -> (Vec<Waker>, Receiver<usize>) {
        let (sender, receiver) = channel();
        let waker = |number| Waker::from(Arc::new(SendNumber(Mutex::new(sender.clone()), number)));
        ((0..count).map(waker).collect(), receiver)
    }

    /// Has `max` waits in a thread, as where the kernel can do no more than that.
    fn watchers(max: usize) -> &'static Watchers {
        /// Found from here to the end, so that no checker of memory takes them for lost.
        static KEPT: Mutex<Vec<&Watchers>> = Mutex::new(Vec::new());
        let watchers: &_ = Box::leak(Box::new(Watchers { all: Mutex::default(), max }));
        KEPT.lock().unwrap().push(watchers);
        watchers
    }

    fn watch(watchers: &'static Watchers, items: &Arc<Items>, waker: &Waker) -> Watch {
        let (watched, state) = (items.clone(), Mutex::new(State::Waiting(waker.clone())));
        let wait = Arc::new(Wait { watched, began: Instant::now(), state });
        Watch { owner: Owner::here(), watcher: watchers.add(&wait).unwrap(), wait }
    }

    fn poll(watch: &Watch, waker: &Waker) -> Poll<bool> {
        watch.poll(&Context::from_waker(waker))
    }

    #[test]
    fn every_item_wakes_a_waiter_however_many_threads_watch() {
        // More waits than a thread has, and one for each.
        for (max, waits) in [(1, 5), (3, 20), (MAX, 2 * MAX + 1)] {
            if max > 1 && !futex::has_wait_any() {
                continue;
            }
            let (watchers, items, (wakers, woken)) = (watchers(max), Arc::new(Items::default()), wakers(waits));
            let mut watches: Vec<_> = wakers.iter().map(|waker| Some(watch(watchers, &items, waker))).collect();
            assert!(watches.iter().flatten().all(Watch::is_waiting));
            let adding = items.clone();
            let producer = thread::spawn(move || (0..waits).for_each(|_| adding.add()));
            let mut taken = 0;
            while taken < waits {
                let number = woken.recv_timeout(LONG).unwrap();
                assert_eq!(poll(watches[number].as_ref().unwrap(), &wakers[number]), Poll::Ready(true));
                let found = items.take();
                taken += usize::from(found);
                // A waiter of another thread may have been quicker.
                watches[number] = (!found).then(|| watch(watchers, &items, &wakers[number]));
            }
            producer.join().unwrap();
            assert!(!items.is_ready());
        }
    }

    #[test]
    fn woken_waiter_that_is_gone_passes_the_wake_up_on() {
        let (watchers, items, (wakers, woken)) = (watchers(1), Arc::new(Items::default()), wakers(1));
        let watch = watch(watchers, &items, &wakers[0]);
        items.add();
        woken.recv_timeout(LONG).unwrap();
        drop(watch);
        assert_eq!(items.passed_on.load(SeqCst), 1);
    }

    #[test]
    fn waiter_looks_around_after_a_slice_if_it_wants_to() {
        let items = Arc::new(Items { looks_around: true, ..Items::default() });
        let (watchers, (wakers, woken)) = (watchers(1), wakers(1));
        let watch = watch(watchers, &items, &wakers[0]);
        woken.recv_timeout(LONG).unwrap();
        assert_eq!(poll(&watch, &wakers[0]), Poll::Ready(false));
        assert!(!watch.is_waiting());
    }

    #[test]
    fn thread_without_waits_ends_and_another_one_follows() {
        let (watchers, items, (wakers, woken)) = (watchers(1), Arc::new(Items::default()), wakers(1));
        let first = watch(watchers, &items, &wakers[0]);
        let watcher = Arc::downgrade(&first.watcher);
        drop(first);
        let until = Instant::now() + LONG;
        while watcher.strong_count() > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        assert!(watcher.upgrade().is_none() && watchers.all().is_empty());
        let _second = watch(watchers, &items, &wakers[0]);
        items.add();
        woken.recv_timeout(LONG).unwrap();
    }
}
