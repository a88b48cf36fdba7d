//! Waits of both kinds of threads: with many words to a sleep, and with one.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::shm::eventcount::EventCount;
use crate::shm::watcher::thread::{MAX, Watchers};
use crate::shm::watcher::wait::Wait;
use crate::shm::watcher::{Watch, Watched};
use crate::sys::futex;
use crate::sys::pid::Owner;

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
    let wait = Wait::new(items.clone(), waker);
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
