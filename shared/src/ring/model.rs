//! Every interleaving of two sides that share a segment, by loom:
//! `RUSTFLAGS="--cfg multiproc_loom" cargo test --release -p multiproc --lib model`.
//!
//! The code is the real one; loom provides the atomics, the threads that stand for the two processes, and a model of the futex. A
//! lost wake-up shows as a deadlock.

use std::sync::Arc as StdArc;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::ring::{Consumer, Producer, Segment};

fn segment() -> StdArc<Segment> {
    StdArc::new(Segment::create(16).unwrap().0)
}

/// The bell of a parent that sleeps in `poll`.
#[derive(Default)]
struct ModelBell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl ModelBell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.heard.wait(rung).unwrap();
        }
        *rung = false;
    }
}

#[test]
fn a_worker_that_falls_asleep_misses_no_task() {
    loom::model(|| {
        let segment = segment();
        let shared = segment.clone();
        let worker = thread::spawn(move || {
            let mut tasks = Consumer::tasks(shared.clone());
            let mut got = Vec::new();
            while got.len() < 2 {
                shared.header().worker_waits(|| tasks.available().unwrap() > 0);
                tasks.read(&mut got, usize::MAX).unwrap();
            }
            got
        });
        let mut tasks = Producer::tasks(segment.clone());
        for byte in [1, 2] {
            tasks.write(&[byte]).unwrap();
            tasks.publish();
            segment.header().wake_worker();
        }
        assert_eq!(worker.join().unwrap(), [1, 2]);
    });
}

#[test]
fn a_worker_that_waits_for_room_is_told_when_there_is_some() {
    loom::model(|| {
        let segment = segment();
        let shared = segment.clone();
        let worker = thread::spawn(move || {
            let mut results = Producer::results(shared.clone());
            assert_eq!(results.write(&[7; 17]).unwrap(), 16);
            results.publish();
            shared.header().worker_waits(|| results.free(1).unwrap() > 0);
            assert_eq!(results.write(&[8]).unwrap(), 1);
        });
        let mut results = Consumer::results(segment.clone());
        let mut got = Vec::new();
        while results.available().unwrap() == 0 {
            thread::yield_now();
        }
        results.read(&mut got, usize::MAX).unwrap();
        segment.header().wake_worker();
        worker.join().unwrap();
        assert_eq!(got, [7; 16]);
    });
}

#[test]
fn a_parent_that_falls_asleep_misses_no_result() {
    loom::model(|| {
        let segment = segment();
        let bell = Arc::new(ModelBell::default());
        let (shared, rung) = (segment.clone(), bell.clone());
        let worker = thread::spawn(move || {
            let mut results = Producer::results(shared.clone());
            for byte in [1, 2] {
                results.write(&[byte]).unwrap();
                results.publish();
                if shared.header().results_awaited() {
                    rung.ring();
                }
            }
        });
        let mut results = Consumer::results(segment.clone());
        let mut got = Vec::new();
        while got.len() < 2 {
            segment.header().parent_awaits(false);
            if results.available().unwrap() == 0 {
                bell.wait();
            }
            segment.header().parent_woke();
            results.read(&mut got, usize::MAX).unwrap();
        }
        worker.join().unwrap();
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn a_record_is_begun_or_taken_back() {
    loom::model(|| {
        let segment = segment();
        let shared = segment.clone();
        let worker = thread::spawn(move || (0..2).filter(|number| shared.header().claim.0.begin(0, *number)).count());
        let begun = segment.header().claim.0.revoke();
        let ran = worker.join().unwrap();
        assert_eq!(ran, begun as usize);
    });
}

/// Ends of a pipe sleep by their cursors; one bell serves both directions, so that every sleeper looks again when it rings.
#[test]
fn an_end_of_a_pipe_that_falls_asleep_misses_no_message_and_no_room() {
    // Four rings of bells and their sleeps are too many for every interleaving; three preemptions find what there is to find in
    // such protocols (Musuvathi and Qadeer, "Iterative Context Bounding", 2007, found all their bugs with two).
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let segment = segment();
        let (to_writer, to_reader) = (Arc::new(ModelBell::default()), Arc::new(ModelBell::default()));
        let (shared, rings, hears) = (segment.clone(), to_reader.clone(), to_writer.clone());
        let writer = thread::spawn(move || {
            let mut ring = Producer::resume(shared, true);
            let mut left = 17;
            while left > 0 {
                left -= ring.write(&[7; 17][..left]).unwrap();
                ring.publish();
                let (own, other) = ring.cursors();
                if own.must_wake(other) {
                    rings.ring();
                }
                if left > 0 && ring.free(1).unwrap() == 0 {
                    ring.cursors().0.begin_sleep();
                    if ring.free(1).unwrap() == 0 {
                        hears.wait();
                    }
                    ring.cursors().0.end_sleep();
                }
            }
        });
        let mut ring = Consumer::resume(segment, true);
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
                to_writer.ring();
            }
        }
        writer.join().unwrap();
        assert_eq!(got, [7; 17]);
    });
}
