//! Pipes whose ends several threads use.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Connection, Error, Process, Result, pipe, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{METHODS, SHORT};
use crate::support::{DEADLINE, Named, named};

pub(crate) const TESTS: &[Named] = named! {
    two_threads_reply_on_one_connection
    threads_at_both_ends_lose_nothing
    threads_waiting_in_different_ways_all_proceed
    try_recv_does_not_wait_for_a_receiving_thread
    try_recv_does_not_wait_for_the_rest_of_a_message
    long_message_does_not_block_try_recv
    connection_in_a_message_reaches_its_receiver
};

fn ask(connection: Connection<u64, u64>, count: u64) {
    for n in 0..count {
        connection.send(n).unwrap();
        assert_eq!(connection.recv().unwrap(), n);
    }
}

fn two_threads_reply_on_one_connection() -> Result<()> {
    for method in METHODS {
        let (ours, theirs) = pipe::<u64, u64>()?;
        let child = Process::builder().start_method(method).target(ask, (theirs, 20_000)).start()?;
        let answered = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Ok(n) = ours.recv() {
                        if ours.send(n).is_ok() {
                            answered.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!(answered.into_inner(), 20_000);
        child.join()?;
    }
    Ok(())
}

fn threads_at_both_ends_lose_nothing() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    const EACH: u64 = 20_000;
    let sums = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        for (end, sum) in [(&a, &sums[0]), (&b, &sums[1])] {
            for _ in 0..2 {
                scope.spawn(move || (0..EACH).for_each(|n| end.send(n).unwrap()));
                scope.spawn(move || {
                    for _ in 0..EACH {
                        sum.fetch_add(end.recv().unwrap(), SeqCst);
                    }
                });
            }
        }
    });
    assert!(sums.iter().all(|sum| sum.load(SeqCst) == EACH * (EACH - 1)));
    Ok(())
}

fn threads_waiting_in_different_ways_all_proceed() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    const COUNT: u64 = 3000;
    let got = AtomicU64::new(0);
    thread::scope(|scope| {
        let next = || -> bool {
            match a.recv_timeout(Duration::from_millis(5)) {
                Ok(_) => got.fetch_add(1, SeqCst) + 1 < COUNT,
                Err(_) => got.load(SeqCst) < COUNT,
            }
        };
        scope.spawn(move || while next() {});
        scope.spawn(|| {
            while got.load(SeqCst) < COUNT {
                if a.try_recv().is_ok() {
                    got.fetch_add(1, SeqCst);
                }
            }
        });
        scope.spawn(|| {
            while got.load(SeqCst) < COUNT {
                wait(&[&a], Some(SHORT)).unwrap();
                a.poll(Duration::from_millis(1)).unwrap();
            }
        });
        for n in 0..COUNT {
            b.send(n).unwrap();
            if n % 10 == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
    });
    Ok(())
}

fn try_recv_does_not_wait_for_a_receiving_thread() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| a.recv());
        thread::sleep(SHORT);
        // Nothing is sent before all of these have come back.
        assert!(matches!(a.try_recv(), Err(Error::Empty)));
        assert!(matches!(a.recv_timeout(SHORT), Err(Error::TimedOut { .. })));
        assert!(!a.poll(SHORT).unwrap());
        assert!(wait(&[&a], Some(SHORT)).unwrap().is_empty());
        assert!(!receiving.is_finished());
        b.send(1).unwrap();
        assert_eq!(receiving.join().unwrap().unwrap(), 1);
    });
    Ok(())
}

fn try_recv_does_not_wait_for_the_rest_of_a_message() -> Result<()> {
    let (ours, theirs) = pipe::<(), Vec<u8>>()?;
    // Twice what a pipe holds: half of it is there, and no more comes before it is taken.
    const LEN: usize = 512 * 1024;
    fn send(connection: Connection<Vec<u8>, ()>) {
        connection.send(vec![7; LEN]).unwrap();
    }
    let child = Process::new(send, (theirs,)).start()?;
    assert!(ours.poll(DEADLINE)?);
    child.send_stop();
    let stopped = Instant::now();
    while stopped.elapsed() < SHORT {
        assert!(matches!(ours.try_recv(), Err(Error::Empty)));
    }
    child.send_continue();
    assert_eq!(ours.recv()?.len(), LEN);
    child.join()
}

/// Signals, for a process that is to stop in the middle of what it does.
trait Stop {
    fn send_stop(&self);
    fn send_continue(&self);
}

impl<R> Stop for Process<R> {
    fn send_stop(&self) {
        kill(Pid::from_raw(self.pid() as i32), Signal::SIGSTOP).unwrap();
    }

    fn send_continue(&self) {
        kill(Pid::from_raw(self.pid() as i32), Signal::SIGCONT).unwrap();
    }
}

fn long_message_does_not_block_try_recv() -> Result<()> {
    let (ours, theirs) = pipe::<(), Vec<u8>>()?;
    const LEN: usize = 400 << 20;
    let child = Process::new(|connection: Connection<Vec<u8>, ()>| connection.send(vec![7; LEN]).unwrap(), (theirs,));
    let child = child.start()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| ours.recv());
        let mut tries = 0;
        let other = loop {
            match ours.try_recv() {
                Err(Error::Empty) if receiving.is_finished() => break None,
                Err(Error::Empty) => tries += 1,
                Err(Error::Disconnected) => break None,
                outcome => break Some(outcome.unwrap()),
            }
        };
        assert!(tries > 10, "{tries} tries while 400 MiB came");
        let all = other.unwrap_or_else(|| receiving.join().unwrap().unwrap());
        assert_eq!(all.len(), LEN);
    });
    child.join()
}

fn connection_in_a_message_reaches_its_receiver() -> Result<()> {
    let (a, b) = pipe::<Connection<u64, u64>, ()>()?;
    let (near, far): (Vec<_>, Vec<_>) = (0..50).map(|_| pipe::<u64, u64>().unwrap()).unzip();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Ok(connection) = b.recv() {
                    connection.send(7).unwrap();
                }
            });
        }
        for (n, connection) in far.into_iter().enumerate() {
            if n % 7 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            a.send(connection).unwrap();
        }
        drop(a);
    });
    assert!(near.iter().all(|connection| matches!(connection.recv(), Ok(7))));
    Ok(())
}
