//! Locks, values and semaphores: one at a time (or so many), and a death costs no more than what it interrupted.

mod support;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use multiproc::{Error, ExitStatus, Lock, Pool, Process, Result, Semaphore, StartMethod, Value, partial};
use support::{Gate, arrive, eventually, pass, promise};

const SOON: Duration = Duration::from_millis(30);

/// Starts a process that comes to the gate in the middle of what it does, and kills it there; says which it was.
fn killed(gate: &Gate, start: impl FnOnce(PathBuf) -> Result<Process<u32>>) -> Result<u32> {
    let before = gate.arrived().len();
    let process = start(gate.path())?;
    gate.await_arrivals(before + 1);
    process.kill()?;
    let pid = process.pid();
    let lost = process.join();
    assert!(matches!(lost, Err(Error::WorkerLost { exit: ExitStatus::Signaled(9), .. })), "{lost:?}");
    Ok(pid)
}

/// A task: takes the lock and stays.
fn hold(lock: Lock<u64>, gate: PathBuf) -> u32 {
    let mut value = lock.lock().unwrap();
    *value += 1;
    pass(gate)
}

fn poisoned_by<T>(outcome: Result<T>) -> u32 {
    match outcome {
        Err(Error::Poisoned { pid }) => pid,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is not poisoned"),
    }
}

fn add(total: Value<u64>, times: u64) -> u64 {
    (0..times).map(|_| total.update(|total| *total += 1).unwrap()).count() as u64
}

#[test]
fn updates_of_four_processes_are_all_counted() {
    promise(|| {
        let total = Value::new(0u64)?;
        let start = |method| Process::builder().start_method(method).target(add, (total.clone(), 10_000)).start();
        let methods = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::ForkServer, StartMethod::Spawn];
        let processes = methods.into_iter().map(start).collect::<Result<Vec<_>>>()?;
        for process in processes {
            assert_eq!(process.join()?, 10_000);
        }
        assert_eq!(total.get()?, 40_000);
        Ok(())
    });
}

fn overwrite(value: &Value<[u64; 100]>, who: u64) -> bool {
    (0..3000).all(|n| {
        value.set([who * 10_000 + n; 100]).unwrap();
        let seen = value.get().unwrap();
        seen.iter().all(|one| *one == seen[0])
    })
}

#[test]
fn values_are_read_and_set_as_a_whole() {
    promise(|| {
        let (pool, value) = (Pool::with_processes(3)?, Value::new([0; 100])?);
        let whole = pool.with_chunksize(1).map(partial(overwrite, value), 1..=3u64)?;
        assert_eq!(whole, [true; 3]);
        Ok(())
    });
}

#[test]
fn a_holder_that_is_killed_poisons_the_lock_with_its_pid() {
    promise(|| {
        let (lock, gate) = (Lock::new(0u64)?, Gate::new());
        let pid = killed(&gate, |gate| Process::new(hold, (lock.clone(), gate)).start())?;
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
        let pid = killed(&gate, |gate| Process::new(recover, (lock.clone(), gate)).start())?;
        assert_eq!(poisoned_by(lock.lock()), pid);
        assert_eq!(*lock.recover()?, 11);
        Ok(())
    });
}

#[test]
fn a_holder_that_panics_poisons_the_lock() {
    promise(|| {
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
    });
}

#[test]
fn a_lock_that_is_held_is_waited_for_as_long_as_one_likes() {
    promise(|| {
        let (lock, gate) = (Lock::new(0u64)?, Gate::new());
        let holder = Process::new(hold, (lock.clone(), gate.path())).start()?;
        gate.await_arrivals(1);
        assert!(lock.try_lock()?.is_none() && !lock.is_poisoned());
        let before = Instant::now();
        let gave_up = lock.lock_timeout(SOON);
        assert!(matches!(gave_up, Err(Error::TimedOut { after: SOON, pid: None })) && before.elapsed() >= SOON);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lock.lock().map(|value| *value));
            gate.open();
            assert_eq!(waiting.join().unwrap().unwrap(), 1);
        });
        assert_eq!(*lock.lock_timeout(Duration::MAX)?, 1);
        holder.join().map(drop)
    });
}

#[test]
fn a_thread_that_takes_a_lock_twice_is_told() {
    promise(|| {
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
    });
}

#[test]
fn a_forgotten_guard_harms_nothing_else() {
    promise(|| {
        let forget = || -> Result<()> {
            let lock = Lock::new(0u8)?;
            std::mem::forget(lock.lock()?);
            Ok(())
        };
        // In a process, as a test must leave nothing behind. The C library lists it among the thread's locks, beside the others.
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
    });
}

/// A task without end: counts in two words, one after the other, and in a third one when that is done.
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

#[test]
fn kills_at_random_moments_lose_one_update_each_at_most() {
    promise(|| {
        let (pair, mut processes) = (Value::new([0u64; 2])?, Vec::new());
        let mut counts = Vec::new();
        let (mut kills, mut recovered) = (0u64, 0);
        let mut random = 0x2545_f491_4f6c_dd1du64;
        while kills < 60 || recovered < 5 || pair.get()?[1] < 20_000 {
            while processes.len() < 3 {
                let done = Value::new(0u64)?;
                let process = Process::builder().daemon(true).target(hammer, (pair.clone(), done.clone())).start()?;
                processes.push((process, done));
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            thread::sleep(Duration::from_micros(random % 8000));
            let (process, done) = processes.swap_remove(random as usize % processes.len());
            process.kill()?;
            let pid = process.pid();
            assert!(matches!(process.join(), Err(Error::WorkerLost { exit: ExitStatus::Signaled(9), .. })));
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
            process.kill()?;
            assert!(process.join().is_err());
            kills += 1;
            counts.push(done.recover(|done| *done)?);
            pair.recover(|[first, second]| *first = *second)?;
        }
        let (total, counted) = (pair.get()?[1], counts.iter().sum::<u64>());
        assert!((counted..=counted + kills).contains(&total), "{total} updates, {counted} counted, {kills} kills");
        Ok(())
    });
}

/// A task: does something under a permit many times; says how many were at it at most.
fn crowd(permits: Semaphore, inside: Value<[u32; 2]>) -> u32 {
    for _ in 0..300 {
        let _permit = permits.acquire().unwrap();
        inside.update(|[now, most]| (*now += 1, *most = (*most).max(*now)).0).unwrap();
        thread::yield_now();
        inside.update(|[now, _]| *now -= 1).unwrap();
    }
    inside.get().unwrap()[1]
}

#[test]
fn no_more_have_a_permit_than_there_are() {
    promise(|| {
        let (permits, inside) = (Semaphore::new(3)?, Value::new([0u32; 2])?);
        let start = |_| Process::new(crowd, (permits.clone(), inside.clone())).start();
        let processes = (0..5).map(start).collect::<Result<Vec<_>>>()?;
        for process in processes {
            assert!(process.join()? <= 3);
        }
        assert_eq!((inside.get()?[0], permits.available()), (0, 3));
        let all = (0..3).map(|_| permits.acquire()).collect::<Result<Vec<_>>>()?;
        assert!(permits.try_acquire()?.is_none() && permits.available() == 0);
        assert!(matches!(permits.acquire_timeout(SOON), Err(Error::TimedOut { after: SOON, pid: None })));
        drop(all);
        assert!(permits.try_acquire()?.is_some());
        assert!([0, 1025].iter().all(|permits| matches!(Semaphore::new(*permits), Err(Error::Config(_)))));
        Ok(())
    });
}

#[test]
fn the_permits_of_the_killed_come_back() {
    promise(|| {
        let (permits, gate) = (Semaphore::new(2)?, Gate::new());
        let stay = |permits: Semaphore, gate: PathBuf| -> u32 {
            let _both = (permits.acquire().unwrap(), permits.acquire().unwrap());
            pass(gate)
        };
        for _ in 0..3 {
            killed(&gate, |gate| Process::new(stay, (permits.clone(), gate)).start())?;
        }
        eventually("both are back", || permits.available() == 2);
        // Also for one who waits already.
        let holder = Process::new(stay, (permits.clone(), gate.path())).start()?;
        gate.await_arrivals(4);
        let wait = |permits: Semaphore, gate: PathBuf| {
            arrive(&gate);
            permits.acquire().map(drop).is_ok()
        };
        let waiting = Process::new(wait, (permits.clone(), gate.path())).start()?;
        gate.await_arrivals(5);
        holder.kill()?;
        assert!(waiting.join()? && holder.join().is_err());
        Ok(())
    });
}

/// Plain data of all sorts can be shared.
#[test]
fn a_lock_guards_any_plain_data() {
    fn shares<T: Pod + PartialEq + std::fmt::Debug>(one: T, other: T) -> Result<()> {
        let lock = Lock::new(one)?;
        assert_eq!(*lock.lock()?, one);
        *lock.clone().lock()? = other;
        assert_eq!(*lock.lock()?, other);
        Ok(())
    }
    promise(|| {
        shares((), ())?;
        shares(1u8, 255)?;
        shares(0.5f64, f64::NEG_INFINITY)?;
        shares([1u128; 300], [u128::MAX; 300])
    });
}
