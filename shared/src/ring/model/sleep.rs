//! Falling asleep and being woken: no side misses what the other has written, or has made room for.

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::atomics::model::{Weakness, weaken_this_thread};
use crate::ring::model::segment;
use crate::ring::{Consumer, Producer};

/// The notifier of a parent that sleeps in `poll`.
#[derive(Default)]
struct ModelNotifier {
    set: Mutex<bool>,
    changed: Condvar,
}

impl ModelNotifier {
    fn notify(&self) {
        *self.set.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut set = self.set.lock().unwrap();
        while !*set {
            set = self.changed.wait(set).unwrap();
        }
        *set = false;
    }
}

/// Sends `count` tasks of one byte, while one side or the other lacks a fence.
fn tasks_for_a_sleepy_worker(count: u8, worker: Option<Weakness>, parent: Option<Weakness>) {
    loom::model(move || {
        let segment = segment();
        let shared = segment.clone();
        let thread = thread::spawn(move || {
            worker.into_iter().for_each(weaken_this_thread);
            let mut tasks = Consumer::tasks(shared.clone());
            let mut got = Vec::new();
            while got.len() < count.into() {
                shared.header().worker_waits(|| tasks.available().unwrap() > 0);
                tasks.read(&mut got, usize::MAX).unwrap();
            }
            got
        });
        parent.into_iter().for_each(weaken_this_thread);
        let mut tasks = Producer::tasks(segment.clone());
        for byte in 0..count {
            tasks.write(&[byte]).unwrap();
            tasks.publish();
            segment.header().wake_worker();
        }
        assert_eq!(thread.join().unwrap(), Vec::from_iter(0..count));
    });
}

#[test]
fn a_worker_that_falls_asleep_misses_no_task() {
    tasks_for_a_sleepy_worker(2, None, None);
}

#[test]
#[should_panic]
fn it_takes_the_fence_of_the_sleeper() {
    tasks_for_a_sleepy_worker(1, Some(Weakness::Fences), None);
}

#[test]
#[should_panic]
fn it_takes_the_fence_of_who_wakes() {
    tasks_for_a_sleepy_worker(1, None, Some(Weakness::Fences));
}

/// Has a worker write messages of `lens` bytes, which the ring does not hold all, to a parent that
/// reads up to so many `pieces` at a time and then wakes it if `wakes` says so.
fn results_of_a_worker_without_room(lens: &'static [usize], pieces: usize, wakes: fn(&mut Consumer) -> bool) {
    // Pieces, a futex and a busy reader: the same bound as for a pipe's ends below.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let segment = segment();
        let shared = segment.clone();
        let worker = thread::spawn(move || {
            let mut results = Producer::results(shared.clone());
            for len in lens {
                let mut left = *len;
                while left > 0 {
                    left -= results.write(&[7; 17][..left]).unwrap();
                    results.publish();
                    if left > 0 {
                        shared.header().worker_waits(|| results.free(1).unwrap() > 0);
                    }
                }
            }
        });
        let mut results = Consumer::results(segment.clone());
        let (mut got, all) = (Vec::new(), lens.iter().sum());
        while got.len() < all {
            while results.available().unwrap() == 0 {
                thread::yield_now();
            }
            results.read(&mut got, pieces * segment.piece()).unwrap();
            if wakes(&mut results) {
                segment.header().wake_worker();
            }
        }
        worker.join().unwrap();
        assert_eq!(got, vec![7; all]);
    });
}

#[test]
fn a_worker_that_waits_for_room_is_told_when_there_is_some() {
    results_of_a_worker_without_room(&[17], 2, |results| results.has_much_room());
}

/// To look whether the worker sleeps costs the parent a cache line of the worker's, so that it is
/// spared while the ring was not full.
#[test]
fn a_worker_that_fills_the_ring_is_woken_though_few_reads_look_for_it() {
    results_of_a_worker_without_room(&[6, 17], 4, Consumer::is_room_news);
}

#[test]
fn a_parent_that_falls_asleep_misses_no_result() {
    loom::model(|| {
        let segment = segment();
        let notifier = Arc::new(ModelNotifier::default());
        let (shared, set) = (segment.clone(), notifier.clone());
        let worker = thread::spawn(move || {
            let mut results = Producer::results(shared.clone());
            for byte in [1, 2] {
                results.write(&[byte]).unwrap();
                results.publish();
                if shared.header().results_awaited() {
                    set.notify();
                }
            }
        });
        let mut results = Consumer::results(segment.clone());
        let mut got = Vec::new();
        while got.len() < 2 {
            segment.header().parent_awaits(false);
            if results.available().unwrap() == 0 {
                notifier.wait();
            }
            segment.header().parent_woke();
            results.read(&mut got, usize::MAX).unwrap();
        }
        worker.join().unwrap();
        assert_eq!(got, [1, 2]);
    });
}

/// A parent that has more to send than there is room for sleeps until the worker has made some.
#[test]
fn a_parent_that_waits_for_room_is_told_when_there_is_some() {
    // A notifier, a futex and their sleeps: the same bound as for a pipe's ends below.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let segment = segment();
        let notifier = Arc::new(ModelNotifier::default());
        let (shared, set) = (segment.clone(), notifier.clone());
        let thread = thread::spawn(move || {
            let mut tasks = Consumer::tasks(shared.clone());
            let mut got = Vec::new();
            while got.len() < 17 {
                shared.header().worker_waits(|| tasks.available().unwrap() > 0);
                // In pieces, and the room of a piece is not worth a wake-up.
                tasks.read(&mut got, 2 * shared.piece()).unwrap();
                if (tasks.has_much_room() || got.len() == 17) && shared.header().room_awaited() {
                    set.notify();
                }
            }
            got
        });
        let mut tasks = Producer::tasks(segment.clone());
        let mut left = 17;
        while left > 0 {
            left -= tasks.write(&[7; 17][..left]).unwrap();
            tasks.publish();
            segment.header().wake_worker();
            if left > 0 {
                segment.header().parent_awaits(true);
                if tasks.free(left).unwrap() == 0 {
                    notifier.wait();
                }
                segment.header().parent_woke();
            }
        }
        assert_eq!(thread.join().unwrap(), [7; 17]);
    });
}

/// Ends of a pipe sleep by their cursors; one notifier serves both directions, so that every
/// sleeper checks again when it is notified.
#[test]
fn an_end_of_a_pipe_that_falls_asleep_misses_no_message_and_no_room() {
    // Four notifications and their sleeps are too many for every interleaving; three preemptions
    // find what there is to find in such protocols (Musuvathi and Qadeer, "Iterative Context
    // Bounding", 2007, found all their bugs with two).
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let segment = segment();
        let (to_writer, to_reader) = (Arc::new(ModelNotifier::default()), Arc::new(ModelNotifier::default()));
        let (shared, wakes, waits) = (segment.clone(), to_reader.clone(), to_writer.clone());
        let writer = thread::spawn(move || {
            let mut ring = Producer::resume(shared, true).unwrap();
            let mut left = 17;
            while left > 0 {
                left -= ring.write(&[7; 17][..left]).unwrap();
                ring.publish();
                let (own, other) = ring.cursors();
                if own.must_wake(other) {
                    wakes.notify();
                }
                if left > 0 && ring.free(1).unwrap() == 0 {
                    ring.cursors().0.begin_sleep();
                    if ring.free(1).unwrap() == 0 {
                        waits.wait();
                    }
                    ring.cursors().0.end_sleep();
                }
            }
        });
        let mut ring = Consumer::resume(segment, true).unwrap();
        let mut got = Vec::new();
        while got.len() < 17 {
            ring.cursors().0.begin_sleep();
            if ring.filled(1).unwrap() == 0 {
                to_reader.wait();
            }
            ring.cursors().0.end_sleep();
            ring.read(&mut got, usize::MAX).unwrap();
            let (own, other) = ring.cursors();
            if own.must_wake(other) {
                to_writer.notify();
            }
        }
        writer.join().unwrap();
        assert_eq!(got, [7; 17]);
    });
}
