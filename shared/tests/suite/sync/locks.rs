//! Locks and values: one at a time, and a death costs no more than what it interrupted.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use multiproc::{Error, Executor, Lock, Pool, Process, Result, StartMethod, Value, partial};

use crate::support::{Gate, Named, Random, killed, named, pass, poisoned_by};

pub(crate) const TESTS: &[Named] = named! {
    updates_of_four_processes_are_all_counted
    values_are_read_and_set_as_a_whole
    killed_holder_poisons_the_lock_with_its_pid
    panicking_holder_poisons_the_lock
    lock_wait_ends_at_its_timeout
    relocking_by_the_same_thread_is_an_error
    forgotten_guard_is_contained
    random_kills_lose_at_most_one_update_each
    lock_guards_any_plain_data
};

const SOON: Duration = Duration::from_millis(30);

/// A task: takes the lock and stays.
fn hold(lock: Lock<u64>, gate: PathBuf) -> u32 {
    let mut value = lock.lock().unwrap();
    *value += 1;
    pass(gate)
}

fn add(total: Value<u64>, times: u64) -> u64 {
    (0..times).map(|_| total.update(|total| *total += 1).unwrap()).count() as u64
}

fn updates_of_four_processes_are_all_counted() -> Result<()> {
    let total = Value::new(0u64)?;
    let start = |method| Process::builder().start_method(method).target(add, (total.clone(), 10_000)).start();
    let methods = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Spawn];
    let processes = methods.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    for process in processes {
        assert_eq!(process.join()?, 10_000);
    }
    assert_eq!(total.get()?, 40_000);
    Ok(())
}

fn overwrite(value: &Value<[u64; 100]>, who: u64) -> bool {
    (0..3000).all(|n| {
        value.set([who * 10_000 + n; 100]).unwrap();
        let seen = value.get().unwrap();
        seen.iter().all(|one| *one == seen[0])
    })
}

fn values_are_read_and_set_as_a_whole() -> Result<()> {
    let (pool, value) = (Pool::with_processes(3)?, Value::new([0; 100])?);
    let whole = pool.with_chunksize(1).map(partial(overwrite, value), 1..=3u64)?;
    assert_eq!(whole, [true; 3]);
    Ok(())
}

fn killed_holder_poisons_the_lock_with_its_pid() -> Result<()> {
    let (lock, gate) = (Lock::new(0u64)?, Gate::new());
    let holder = Process::new(hold, (lock.clone(), gate.path())).start()?;
    gate.await_arrivals(1);
    let pid = killed(holder)?;
    assert!(lock.is_poisoned());
    assert_eq!(poisoned_by(lock.lock()), pid);
    assert_eq!(poisoned_by(lock.try_lock()), pid);
    assert_eq!(poisoned_by(lock.lock_timeout(SOON)), pid);
    // In another process too.
    let told = Process::new(|lock: Lock<u64>| poisoned_by(lock.lock()), (lock.clone(),)).start()?;
    assert_eq!(told.join()?, pid);

    let mut value = lock.recover()?;
    assert!(!lock.is_poisoned());
    *value += 10;
    drop(value);
    assert_eq!(*lock.lock()?, 11, "what the killed one has left is there to be judged");
    // Who dies recovering leaves it poisoned once more.
    let recover = |lock: Lock<u64>, gate: PathBuf| -> u32 {
        let _guard = lock.recover().unwrap();
        pass(gate)
    };
    let holder = Process::new(recover, (lock.clone(), gate.path())).start()?;
    gate.await_arrivals(2);
    let pid = killed(holder)?;
    assert_eq!(poisoned_by(lock.lock()), pid);
    assert_eq!(*lock.recover()?, 11);
    Ok(())
}

fn panicking_holder_poisons_the_lock() -> Result<()> {
    let (pool, value) = (Pool::with_processes(1)?, Value::new(5u64)?);
    let panics = |value: Value<u64>| value.update(|value| assert_eq!(*value, 0, "halfway")).unwrap();
    assert!(matches!(pool.apply(panics, (value.clone(),)), Err(Error::Panicked { .. })));
    let pid = pool.workers()[0].pid;
    assert_eq!([poisoned_by(value.get()), poisoned_by(value.set(1))], [pid, pid]);
    assert_eq!(value.recover(|value| std::mem::replace(value, 6))?, 5);
    // The panic is over when this thread takes the lock: nothing is interrupted.
    assert_eq!(pool.apply(add, (value.clone(), 1))?, 1);
    assert_eq!(value.get()?, 7);
    Ok(())
}

fn lock_wait_ends_at_its_timeout() -> Result<()> {
    let (lock, gate) = (Lock::new(0u64)?, Gate::new());
    let holder = Process::new(hold, (lock.clone(), gate.path())).start()?;
    gate.await_arrivals(1);
    assert!(lock.try_lock()?.is_none() && !lock.is_poisoned());
    let before = Instant::now();
    let gave_up = lock.lock_timeout(SOON);
    assert!(matches!(gave_up, Err(Error::TimedOut { after: SOON, pid: None, .. })) && before.elapsed() >= SOON);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| lock.lock().map(|value| *value));
        gate.open();
        assert_eq!(waiting.join().unwrap().unwrap(), 1);
    });
    assert_eq!(*lock.lock_timeout(Duration::MAX)?, 1);
    holder.join().map(drop)
}

fn relocking_by_the_same_thread_is_an_error() -> Result<()> {
    let lock = Lock::new(())?;
    let guard = lock.lock()?;
    let other = lock.clone();
    for again in [lock.lock().err(), other.lock().err(), lock.lock_timeout(SOON).err(), lock.recover().err()] {
        let text = again.unwrap().to_string();
        assert!(text.contains("this thread holds the lock already"), "{text}");
    }
    assert!(lock.try_lock().is_err() && !lock.is_poisoned());
    drop(guard);
    lock.lock().map(drop)
}

fn forgotten_guard_is_contained() -> Result<()> {
    let forget = || -> Result<()> {
        let lock = Lock::new(0u8)?;
        std::mem::forget(lock.lock()?);
        Ok(())
    };
    // In a process, as a test must leave nothing behind. The C library lists it among the thread's
    // locks, beside the others.
    let process = Process::new(
        move || {
            let lock = Lock::new(1u64).unwrap();
            (0..50).for_each(|_| forget().unwrap());
            (0..50).for_each(|_| *lock.lock().unwrap() += 1);
            lock.lock().map(|value| *value).unwrap()
        },
        (),
    );
    assert_eq!(process.start()?.join()?, 51);
    Ok(())
}

/// A task without end: counts in two words, one after the other, and in a third one when that is
/// done.
fn hammer(pair: Value<[u64; 2]>, done: Value<u64>) -> u32 {
    loop {
        let update = pair.update(|pair| {
            assert_eq!(pair[0], pair[1], "it is whole, or poisoned");
            pair[0] += 1;
            std::hint::black_box((0..50).sum::<u64>());
            pair[1] += 1;
        });
        match update {
            Ok(()) => done.update(|done| *done += 1).unwrap(),
            Err(Error::Poisoned { .. }) => thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
}

fn random_kills_lose_at_most_one_update_each() -> Result<()> {
    let (pair, mut processes) = (Value::new([0u64; 2])?, Vec::new());
    let mut counts = Vec::new();
    let (mut kills, mut recovered) = (0u64, 0);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    while kills < 60 || recovered < 5 || pair.get()?[1] < 20_000 {
        while processes.len() < 3 {
            let done = Value::new(0u64)?;
            let process = Process::builder().daemon(true).target(hammer, (pair.clone(), done.clone())).start()?;
            processes.push((process, done));
        }
        random.nap();
        let (process, done) = processes.swap_remove(random.below(processes.len()));
        let pid = killed(process)?;
        kills += 1;
        counts.push(done.recover(|done| *done)?);
        match pair.get() {
            Ok(_) => {}
            Err(Error::Poisoned { pid: holder }) => {
                assert_eq!(holder, pid);
                pair.recover(|[first, second]| *first = *second)?;
                recovered += 1;
            }
            Err(other) => return Err(other),
        }
    }
    for (process, done) in processes {
        killed(process)?;
        kills += 1;
        counts.push(done.recover(|done| *done)?);
        pair.recover(|[first, second]| *first = *second)?;
    }
    let (total, counted) = (pair.get()?[1], counts.iter().sum::<u64>());
    assert!((counted..=counted + kills).contains(&total), "{total} updates, {counted} counted, {kills} kills");
    Ok(())
}

/// Plain data of all sorts can be shared.
fn lock_guards_any_plain_data() -> Result<()> {
    fn shares<T: Pod + PartialEq + std::fmt::Debug>(one: T, other: T) -> Result<()> {
        let lock = Lock::new(one)?;
        assert_eq!(*lock.lock()?, one);
        *lock.clone().lock()? = other;
        assert_eq!(*lock.lock()?, other);
        Ok(())
    }
    shares((), ())?;
    shares(1u8, 255)?;
    shares(0.5f64, f64::NEG_INFINITY)?;
    shares([1u128; 300], [u128::MAX; 300])
}
