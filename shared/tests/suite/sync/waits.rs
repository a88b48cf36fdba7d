//! Events and conditions: who waits is let go on, though others are killed.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use multiproc::{Condition, Error, Event, Lock, LockGuard, Process, Result};

use crate::support::{Gate, Named, arrive, eventually, killed, named};

pub(crate) const TESTS: &[Named] = named! {
    set_event_releases_all_waiters
    briefly_set_event_releases_earlier_waiters
    killed_event_waiter_delays_no_other
    producers_and_consumers_wait_for_each_other
    notification_of_a_killed_waiter_is_not_lost
    condition_wait_ends_at_its_timeout
};

const SOON: Duration = Duration::from_millis(30);

/// A task: waits for the event.
fn await_event(event: Event, gate: PathBuf) -> bool {
    arrive(&gate);
    event.wait();
    true
}

/// As many processes at the gate as waiters, that soon wait for the event.
fn waiters(event: &Event, gate: &Gate, count: usize) -> Result<Vec<Process<bool>>> {
    let before = gate.arrived().len();
    let start = |_| Process::new(await_event, (event.clone(), gate.path())).start();
    let processes = (0..count).map(start).collect();
    gate.await_arrivals(before + count);
    processes
}

fn all_true(processes: Vec<Process<bool>>) -> Result<()> {
    processes.into_iter().try_for_each(|process| process.join().map(|went_on| assert!(went_on)))
}

fn set_event_releases_all_waiters() -> Result<()> {
    let (event, gate) = (Event::new()?, Gate::new());
    let before = waiters(&event, &gate, 3)?;
    let first = Instant::now();
    assert!(!event.is_set() && !event.wait_timeout(SOON) && first.elapsed() >= SOON);
    assert!(before.iter().all(Process::is_alive));
    event.set();
    assert!(event.is_set() && event.wait_timeout(Duration::MAX));
    all_true(before)?;
    all_true(waiters(&event, &gate, 2)?)?;
    event.set();
    event.clear();
    event.clear();
    assert!(!event.is_set() && !event.wait_timeout(Duration::ZERO));
    Ok(())
}

fn briefly_set_event_releases_earlier_waiters() -> Result<()> {
    let event = Event::new()?;
    for _ in 0..200 {
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| event.wait())).collect();
            // A thread that comes too late waits for the next time.
            while !waiting.iter().all(|thread| thread.is_finished()) {
                event.set();
                event.clear();
                thread::yield_now();
            }
        });
    }
    Ok(())
}

fn killed_event_waiter_delays_no_other() -> Result<()> {
    let (event, gate) = (Event::new()?, Gate::new());
    let mut all = waiters(&event, &gate, 4)?;
    for victim in all.drain(..2) {
        killed(victim)?;
    }
    event.set();
    all_true(all)
}

/// Numbers on their way from producers to consumers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
struct Buffer {
    numbers: [u64; 4],
    len: u64,
    /// Nothing more will come.
    closed: u64,
}

/// A buffer, and a condition that is notified when it changes.
type Shared = (Lock<Buffer>, Condition);

fn produce((buffer, changed): Shared, numbers: u64) -> u64 {
    for n in 1..=numbers {
        let mut buffer = changed.wait_while(buffer.lock().unwrap(), |buffer| buffer.len == 4).unwrap();
        let at = buffer.len as usize;
        buffer.numbers[at] = n;
        buffer.len += 1;
        drop(buffer);
        changed.notify_all();
    }
    numbers
}

fn consume((buffer, changed): Shared) -> u64 {
    let mut sum = 0;
    loop {
        let waits = |buffer: &mut Buffer| buffer.len == 0 && buffer.closed == 0;
        let mut buffer = changed.wait_while(buffer.lock().unwrap(), waits).unwrap();
        if buffer.len == 0 {
            return sum;
        }
        buffer.len -= 1;
        sum += buffer.numbers[buffer.len as usize];
        drop(buffer);
        changed.notify_all();
    }
}

fn close((buffer, changed): &Shared) -> Result<()> {
    buffer.lock()?.closed = 1;
    changed.notify_all();
    Ok(())
}

fn producers_and_consumers_wait_for_each_other() -> Result<()> {
    let shared = (Lock::new(Buffer::zeroed())?, Condition::new()?);
    let consumers =
        [Process::new(consume, (shared.clone(),)).start()?, Process::new(consume, (shared.clone(),)).start()?];
    let producers = [
        Process::new(produce, (shared.clone(), 2000)).start()?,
        Process::new(produce, (shared.clone(), 2000)).start()?,
    ];
    for producer in producers {
        assert_eq!(producer.join()?, 2000);
    }
    close(&shared)?;
    let mut sum = 0;
    for consumer in consumers {
        sum += consumer.join()?;
    }
    assert_eq!(sum, 2000 * 2001);
    Ok(())
}

fn notification_of_a_killed_waiter_is_not_lost() -> Result<()> {
    let shared = (Lock::new(Buffer::zeroed())?, Condition::new()?);
    for round in 0..5 {
        let start = || Process::new(consume, (shared.clone(),)).start();
        let (victim, other) = (start()?, start()?);
        thread::sleep(SOON);
        // One notification, and either of them may have it.
        let mut buffer = shared.0.lock()?;
        (buffer.numbers[0], buffer.len) = (round, 1);
        shared.1.notify_one();
        killed(victim)?;
        drop(buffer);
        eventually("a living waiter has taken it", || {
            shared.0.lock().map_or_else(|_| shared.0.recover().is_err(), |buffer| buffer.len == 0)
        });
        shared.0.lock()?.closed = 1;
        // It looks by itself too: the one who would tell it may be dead.
        assert_eq!(other.join()?, round);
        shared.0.lock()?.closed = 0;
    }
    Ok(())
}

fn condition_wait_ends_at_its_timeout() -> Result<()> {
    let (lock, condition) = (Lock::new(0u32)?, Condition::new()?);
    let before = Instant::now();
    let (mut value, came) = condition.wait_timeout_while(lock.lock()?, SOON, |value| *value == 0)?;
    assert!(!came && before.elapsed() >= SOON);
    *value = 1;
    let (value, came) = condition.wait_timeout_while(value, Duration::MAX, |value| *value == 0)?;
    assert!(came);
    drop(condition.wait(value)?);
    // The lock's troubles are those of who waits.
    let waits = |guard: LockGuard<'_, u32>| condition.wait_while(guard, |value| *value == 1).map(drop);
    thread::scope(|scope| {
        let guard = lock.lock()?;
        let panics = scope.spawn(|| {
            let _guard = lock.lock().unwrap();
            panic!("halfway");
        });
        assert!(matches!(waits(guard), Err(Error::Poisoned { .. })));
        assert!(panics.join().is_err());
        Ok(())
    })
}
