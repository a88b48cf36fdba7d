//! Handles that arrive with memory in any state: each is refused, or can be used without harm.
#![forbid(unsafe_code)]

use std::path::Path;
use std::time::Duration;

use multiproc::{Barrier, Connection, Error, Lock, PriorityQueue, Queue, Result, Semaphore, SharedSlice, pipe};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::memory::Memory;
use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    any_lock_that_arrives_is_harmless
    any_semaphore_that_arrives_is_harmless
    any_barrier_that_arrives_is_harmless
    any_slice_that_arrives_is_harmless
    any_queue_that_arrives_is_harmless
    any_priority_queue_that_arrives_is_harmless
    any_connection_that_arrives_is_harmless
};

const SOON: Duration = Duration::from_millis(1);

/// A word's number and value, as often as not one that is plausible.
fn words() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let value = prop_oneof![
        0..20u64,
        (0..40u32, -9..9i64).prop_map(|(shift, by)| (1u64 << shift).wrapping_add_signed(by)),
        (0..20u64).prop_map(|below| u64::MAX - below),
        any::<u64>(),
    ];
    vec((0..160u64, value), 1..6)
}

/// As [`words`], without those that say that a living process has locked something.
fn words_that_lock_nothing() -> impl Strategy<Value = Vec<(u64, u64)>> {
    // The lower 22 bits of a lock's word are the pid of who holds it.
    let is_alive = |value: u64| Path::new(&format!("/proc/{}", value & 0x3f_ffff)).exists();
    words().prop_filter("a living holder is waited for", move |words| !words.iter().any(|(_, value)| is_alive(*value)))
}

/// Writes words into the memory of objects, sends them, and uses what arrives.
fn arrives<T: Serialize + DeserializeOwned + 'static>(make: fn() -> Result<T>, act: fn(&T)) -> Result<()> {
    arrives_with(words(), make, act)
}

fn arrives_with<T: Serialize + DeserializeOwned + 'static>(
    words: impl Strategy<Value = Vec<(u64, u64)>>,
    make: fn() -> Result<T>,
    act: fn(&T),
) -> Result<()> {
    let (ours, theirs) = pipe::<T, ()>()?;
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&words, |words| {
        let (object, memory) = Memory::of(make);
        words.iter().for_each(|(word, value)| memory.write(*word, *value));
        ours.send(object).unwrap();
        match theirs.recv() {
            Ok(object) => act(&object),
            Err(Error::Decode(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
        Ok(())
    });
    outcome.unwrap();
    Ok(())
}

fn any_lock_that_arrives_is_harmless() -> Result<()> {
    arrives(
        || Lock::new(1u64),
        |lock| {
            let _ = lock.lock_timeout(SOON).map(|mut value| *value = value.wrapping_add(1));
            let _ = lock.is_poisoned();
        },
    )
}

fn any_semaphore_that_arrives_is_harmless() -> Result<()> {
    arrives(
        || Semaphore::new(5),
        |semaphore| {
            let _ = semaphore.acquire_timeout(SOON).is_ok();
        },
    )
}

fn any_barrier_that_arrives_is_harmless() -> Result<()> {
    arrives(
        || Barrier::new(2),
        |barrier| {
            let _ = barrier.wait_timeout(SOON).is_ok();
        },
    )
}

fn any_slice_that_arrives_is_harmless() -> Result<()> {
    // Its calls have no time limit.
    arrives_with(
        words_that_lock_nothing(),
        || SharedSlice::<u16>::new(999),
        |slice| {
            let _ = slice.write(..).map(|mut values| values.fill(7));
            let _ = slice.to_vec().is_ok();
        },
    )
}

fn any_queue_that_arrives_is_harmless() -> Result<()> {
    let make = || -> Result<Queue<u64>> {
        let queue = Queue::bounded(3)?;
        queue.put(1)?;
        Ok(queue)
    };
    arrives(make, |queue| {
        let _ = queue.put_timeout(2, SOON).is_ok();
        let _ = (queue.try_get().is_ok(), queue.try_get().is_ok(), queue.len());
    })
}

fn any_priority_queue_that_arrives_is_harmless() -> Result<()> {
    let make = || -> Result<PriorityQueue<u64>> {
        let queue = PriorityQueue::new()?;
        queue.put(1)?;
        Ok(queue)
    };
    arrives(make, |queue| {
        let _ = queue.put_timeout(2, SOON).is_ok();
        let _ = (queue.try_get().is_ok(), queue.try_get().is_ok(), queue.len());
    })
}

fn any_connection_that_arrives_is_harmless() -> Result<()> {
    let make = || -> Result<Connection<Vec<u8>, Vec<u8>>> {
        let (first, second) = pipe()?;
        second.send(vec![1; 10])?;
        Ok(first)
    };
    arrives(make, |connection| {
        let _ = connection.recv_timeout(SOON).is_ok();
        // Its other end is gone: no reader makes room.
        let _ = connection.send(vec![2; 10]).is_ok();
    })
}
