//! Any word of any shared structure garbled, at rest or in use: calls may fail, or wait until their
//! deadlines, and that is all.
#![forbid(unsafe_code)]

use std::time::Duration;

use multiproc::{
    Barrier, Condition, Connection, Event, Lock, PriorityQueue, Queue, Result, Semaphore, SharedSlice, pipe,
};

use super::memory::Memory;
use crate::support::{Named, named};

pub(crate) const TESTS: &[Named] = named! {
    garbled_lock_is_contained
    garbled_lock_beside_held_locks_is_contained
    garbled_semaphore_is_contained
    garbled_event_is_contained
    garbled_condition_is_contained
    garbled_barrier_is_contained
    garbled_slice_is_contained
    garbled_queue_is_contained
    garbled_priority_queue_is_contained
    garbled_pipe_is_contained
};

/// Words of each structure that are garbled, one at a time.
const WORDS: u64 = 128;

const SOON: Duration = Duration::from_millis(1);

/// Memory that only this process may use.
struct Canary(Box<[u64; 512]>);

impl Canary {
    const WORD: u64 = 0xc0ff_ee00_c0ff_ee00;

    fn new() -> Self {
        Self(Box::new([Self::WORD; 512]))
    }

    /// The address of its middle.
    fn address(&self) -> u64 {
        &raw const self.0[256] as u64
    }

    fn assert_whole(&self, what: &str) {
        assert!(self.0.iter().all(|word| *word == Self::WORD), "{what}: wrote elsewhere");
    }
}

/// Garbles each word of new objects, and uses them.
fn garble_each_word<T>(make: impl Fn() -> Result<T>, act: impl Fn(&T, &dyn Fn())) {
    let canary = Canary::new();
    let address = canary.address();
    let values = [0, 1, u64::MAX, 1 << 63, 0x0101_0101_0101_0101, address, address | 1 << 31];
    for word in 0..WORDS {
        for value in values {
            let (object, memory) = Memory::of(&make);
            act(&object, &|| memory.write(word, value));
            drop(object);
            canary.assert_whole(&format!("word {word} is {value:#x}"));
        }
    }
}

fn garbled_lock_is_contained() -> Result<()> {
    let act = |lock: &Lock<[u64; 20]>, garble: &dyn Fn()| {
        let guard = lock.lock().unwrap();
        garble();
        drop(guard);
        garble();
        let _ = (lock.is_poisoned(), lock.try_lock().is_ok());
        let _ = lock.lock_timeout(SOON).map(|guard| guard[0]);
        let _ = lock.lock().map(|guard| guard[0]);
        let _ = lock.recover().map(|guard| guard[0]);
    };
    garble_each_word(|| Lock::new([3; 20]), act);
    Ok(())
}

fn garbled_lock_beside_held_locks_is_contained() -> Result<()> {
    let act = |lock: &Lock<u64>, garble: &dyn Fn()| {
        let others = [Lock::new(1u64).unwrap(), Lock::new(2u64).unwrap()];
        let (first, guard) = (others[0].lock(), lock.lock());
        let last = others[1].lock();
        garble();
        drop(first);
        drop(guard);
        drop(last);
        assert!(others.iter().all(|other| other.lock().is_ok()));
    };
    garble_each_word(|| Lock::new(3u64), act);
    Ok(())
}

fn garbled_semaphore_is_contained() -> Result<()> {
    let act = |semaphore: &Semaphore, garble: &dyn Fn()| {
        let permit = semaphore.acquire().unwrap();
        garble();
        drop(permit);
        garble();
        let _ = semaphore.available();
        let _ = semaphore.try_acquire().is_ok();
        let _ = semaphore.acquire_timeout(SOON).is_ok();
    };
    garble_each_word(|| Semaphore::new(20), act);
    Ok(())
}

fn garbled_event_is_contained() -> Result<()> {
    let act = |event: &Event, garble: &dyn Fn()| {
        garble();
        event.wait_timeout(SOON);
        event.set();
        event.clear();
        garble();
        event.set();
    };
    garble_each_word(Event::new, act);
    Ok(())
}

fn garbled_condition_is_contained() -> Result<()> {
    let lock = Lock::new(1u64)?;
    let act = |condition: &Condition, garble: &dyn Fn()| {
        garble();
        let (guard, _) = condition.wait_timeout_while(lock.lock().unwrap(), SOON, |_| true).unwrap();
        drop(guard);
        condition.notify_one();
        condition.notify_all();
    };
    garble_each_word(Condition::new, act);
    Ok(())
}

fn garbled_barrier_is_contained() -> Result<()> {
    let act = |barrier: &Barrier, garble: &dyn Fn()| {
        garble();
        let _ = barrier.wait_timeout(SOON).is_ok();
        garble();
        let _ = (barrier.waiting(), barrier.parties(), barrier.is_broken());
        let _ = barrier.abort();
        let _ = barrier.reset();
        let _ = barrier.wait_timeout(SOON).is_ok();
    };
    garble_each_word(|| Barrier::new(10), act);
    Ok(())
}

fn garbled_slice_is_contained() -> Result<()> {
    let act = |slice: &SharedSlice<u64>, garble: &dyn Fn()| {
        let guard = slice.write(3..5).unwrap();
        garble();
        drop(guard);
        garble();
        let _ = slice.read(..).map(|values| values.iter().fold(0u64, |sum, value| sum.wrapping_add(*value)));
        let _ = slice.write(1..7).map(|mut values| values.fill(2));
        let _ = slice.recover(2..9).map(|mut values| values.fill(2));
        let _ = slice.get(11).is_ok();
    };
    garble_each_word(|| SharedSlice::new(100), act);
    Ok(())
}

fn garbled_queue_is_contained() -> Result<()> {
    let act = |queue: &Queue<Vec<u8>>, garble: &dyn Fn()| {
        queue.put(vec![1; 100]).unwrap();
        queue.put(vec![2; 1000]).unwrap();
        garble();
        let _ = queue.get_timeout(SOON).is_ok();
        garble();
        let _ = queue.put_timeout(vec![3; 300_000], SOON).is_ok();
        let _ = queue.try_put(vec![4; 10]).is_ok();
        let _ = (queue.len(), queue.is_empty(), queue.capacity(), queue.task_done().is_ok());
        while queue.try_get().is_ok() {}
        garble();
        let _ = queue.close();
        let _ = queue.try_get().is_ok();
    };
    garble_each_word(Queue::new, act);
    Ok(())
}

fn garbled_priority_queue_is_contained() -> Result<()> {
    let act = |queue: &PriorityQueue<Vec<u8>>, garble: &dyn Fn()| {
        queue.put(vec![1; 100]).unwrap();
        queue.put(vec![2; 1000]).unwrap();
        garble();
        let _ = queue.get_timeout(SOON).is_ok();
        garble();
        let _ = queue.put_timeout(vec![3; 300_000], SOON).is_ok();
        let _ = queue.try_put(vec![4; 10]).is_ok();
        let _ = (queue.len(), queue.is_empty(), queue.capacity(), queue.task_done().is_ok());
        (0..10).for_each(|_| drop(queue.try_get()));
        garble();
        let _ = queue.close();
        let _ = queue.try_get().is_ok();
    };
    garble_each_word(PriorityQueue::new, act);
    Ok(())
}

fn garbled_pipe_is_contained() -> Result<()> {
    type Ends = (Connection<Vec<u8>, Vec<u8>>, Connection<Vec<u8>, Vec<u8>>);
    let act = |(first, second): &Ends, garble: &dyn Fn()| {
        first.send(vec![1; 100]).unwrap();
        garble();
        let _ = second.recv_timeout(SOON).is_ok();
        let _ = first.send(vec![2; 10]).is_ok();
        garble();
        let _ = second.send(vec![3; 10]).is_ok();
        let _ = (second.poll(SOON), first.recv_timeout(SOON).is_ok());
    };
    garble_each_word(pipe, act);
    Ok(())
}
