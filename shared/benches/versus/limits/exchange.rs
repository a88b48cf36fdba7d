//! A partner that answers: by memory while both spin, and by a pipe.
//!
//! The partner lives as long as a repetition, since one that spins between its repetitions would
//! take a processor from the other sides. It has answered once before the clock starts.

use std::hint::spin_loop;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam::queue::ArrayQueue;

use crate::case::Repetition;

/// Tells a partner to end; no item is ever this.
const LAST: u64 = u64::MAX;

/// Items to a thread that spins on one ring and sends them back on another.
pub(crate) fn stream(items: u64) -> Result<Repetition, String> {
    let (there, back) = (ArrayQueue::new(1024), ArrayQueue::new(1024));
    Ok(Box::new(move || {
        thread::scope(|scope| {
            scope.spawn(|| {
                loop {
                    match spin(|| there.pop()) {
                        LAST => break,
                        item => spin(|| back.push(item).ok()),
                    }
                }
            });
            spin(|| there.push(0).ok());
            spin(|| back.pop());
            let start = Instant::now();
            let (mut sent, mut received) = (0, 0);
            while received < items {
                if sent < items && there.push(sent).is_ok() {
                    sent += 1;
                }
                while back.pop().is_some() {
                    received += 1;
                }
            }
            let taken = start.elapsed();
            spin(|| there.push(LAST).ok());
            Ok(taken.as_secs_f64() / items as f64)
        })
    }))
}

/// A word on cache lines of its own: processors fetch them in pairs.
#[repr(align(128))]
struct Word(AtomicU64);

impl Word {
    fn put(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Waits for another value than the one before.
    fn next(&self, before: u64) -> u64 {
        spin(|| Some(self.0.load(Ordering::Acquire)).filter(|value| *value != before))
    }
}

/// A number to a thread that spins on one word of memory and answers in another.
pub(crate) fn handover(calls: u64) -> Result<Repetition, String> {
    Ok(Box::new(move || {
        let [there, back] = [const { Word(AtomicU64::new(0)) }; 2];
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut seen = 0;
                while seen != LAST {
                    seen = there.next(seen);
                    back.put(seen);
                }
            });
            there.put(1);
            back.next(0);
            let start = Instant::now();
            for call in 1..=calls {
                there.put(call + 1);
                back.next(call);
            }
            let taken = start.elapsed();
            there.put(LAST);
            Ok(taken.as_secs_f64() / calls as f64)
        })
    }))
}

/// Eight bytes through a pipe to a thread that sleeps in `read`, and back through another.
pub(crate) fn pipe(calls: u64) -> Result<Repetition, String> {
    Ok(Box::new(move || ping_pong(calls).map_err(|error| error.to_string())))
}

fn ping_pong(calls: u64) -> io::Result<f64> {
    let (mut reader, mut there) = io::pipe()?;
    let (mut back, mut writer) = io::pipe()?;
    thread::spawn(move || {
        let mut item = [0; 8];
        while reader.read_exact(&mut item).and_then(|()| writer.write_all(&item)).is_ok() {}
    });
    let mut call = |n: u64| {
        there.write_all(&n.to_ne_bytes())?;
        back.read_exact(&mut [0; 8])
    };
    call(0)?;
    let start = Instant::now();
    (0..calls).try_for_each(call)?;
    Ok(start.elapsed().as_secs_f64() / calls as f64)
}

/// Messages of `len` bytes through the kernel's own pipe to this thread, from one that writes them.
pub(crate) fn one_way(len: usize, items: u64) -> Result<Repetition, String> {
    Ok(Box::new(move || one_way_once(len, items).map_err(|error| error.to_string())))
}

fn one_way_once(len: usize, items: u64) -> io::Result<f64> {
    let (mut reader, mut writer) = io::pipe()?;
    thread::scope(|scope| {
        scope.spawn(move || {
            let message = vec![1; len];
            (0..=items).try_for_each(|_| writer.write_all(&message))
        });
        reader.read_exact(&mut vec![0; len])?;
        let start = Instant::now();
        for _ in 0..items {
            reader.read_exact(&mut vec![0; len])?;
        }
        Ok(start.elapsed().as_secs_f64() / items as f64)
    })
}

fn spin<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        match attempt() {
            None => spin_loop(),
            Some(done) => return done,
        }
    }
}
