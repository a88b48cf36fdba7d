//! The bytes of a ring, which the cursors hand over: they are read once they are written, and
//! written again once they are read.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::atomics::model::{Weakness, weaken_this_thread};
use crate::ring::model::segment;
use crate::ring::{Consumer, Producer};

/// Writes and reads a ring whose bytes loom doesn't track, together with a cell of loom that stands
/// for one of them: it is read once it was written, and written again once it was read.
fn bytes_behind_the_back_of_loom(producer: Option<Weakness>, consumer: Option<Weakness>) {
    loom::model(move || {
        let segment = segment();
        let (shared, cell) = (segment.clone(), Arc::new(UnsafeCell::new(0)));
        let byte = cell.clone();
        let thread = thread::spawn(move || {
            consumer.into_iter().for_each(weaken_this_thread);
            let mut ring = Consumer::tasks(shared);
            for round in 1..=2 {
                while ring.filled(16).unwrap() < 16 {
                    thread::yield_now();
                }
                byte.with(|byte| assert_eq!(peek(byte), round));
                ring.read(&mut Vec::new(), 16).unwrap();
            }
        });
        producer.into_iter().for_each(weaken_this_thread);
        let mut ring = Producer::tasks(segment);
        for round in 1..=2 {
            while ring.free(16).unwrap() < 16 {
                thread::yield_now();
            }
            cell.with_mut(|byte| poke(byte, round));
            ring.write(&[round; 16]).unwrap();
            ring.publish();
        }
        thread.join().unwrap();
    });
}

#[allow(unsafe_code, reason = "loom ensures that there is no writer meanwhile")]
fn peek(byte: *const u8) -> u8 {
    // SAFETY: the pointer is that of a living cell, and loom panics before a writer gets
    // one as well.
    unsafe { byte.read() }
}

#[allow(unsafe_code, reason = "loom ensures that there is no other user")]
fn poke(byte: *mut u8, value: u8) {
    // SAFETY: the pointer is that of a living cell, and loom panics before another user gets one as
    // well.
    unsafe { byte.write(value) };
}

#[test]
fn bytes_are_read_when_they_are_written_and_written_when_they_are_read() {
    bytes_behind_the_back_of_loom(None, None);
}

#[test]
#[should_panic]
fn it_takes_the_release_of_the_tail() {
    bytes_behind_the_back_of_loom(Some(Weakness::Releases), None);
}

#[test]
#[should_panic]
fn it_takes_the_acquisition_of_the_tail() {
    bytes_behind_the_back_of_loom(None, Some(Weakness::Acquires));
}

#[test]
#[should_panic]
fn it_takes_the_release_of_the_head() {
    bytes_behind_the_back_of_loom(None, Some(Weakness::Releases));
}

#[test]
#[should_panic]
fn it_takes_the_acquisition_of_the_head() {
    bytes_behind_the_back_of_loom(Some(Weakness::Acquires), None);
}
