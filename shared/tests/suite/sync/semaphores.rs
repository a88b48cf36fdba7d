//! Semaphores: a limited number of permits, which killed processes give back.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Process, Result, Semaphore, Value};

use crate::support::{Gate, Named, Random, arrive, eventually, killed, named, pass};

pub(crate) const TESTS: &[Named] = named! {
    permits_are_limited
    permits_of_killed_processes_are_returned
    permits_survive_kills_at_random_moments
};

const SOON: Duration = Duration::from_millis(30);

/// A task: does something under a permit many times; says how many were at it at most.
fn crowd(permits: Semaphore, inside: Value<[u32; 2]>) -> u32 {
    for _ in 0..300 {
        let _permit = permits.acquire().unwrap();
        inside.update(|[now, max]| (*now += 1, *max = (*max).max(*now)).0).unwrap();
        thread::yield_now();
        inside.update(|[now, _]| *now -= 1).unwrap();
    }
    inside.get().unwrap()[1]
}

fn permits_are_limited() -> Result<()> {
    let (permits, inside) = (Semaphore::new(3)?, Value::new([0u32; 2])?);
    let start = |_| Process::new(crowd, (permits.clone(), inside.clone())).start();
    let processes = (0..5).map(start).collect::<Result<Vec<_>>>()?;
    for process in processes {
        assert!(process.join()? <= 3);
    }
    assert_eq!((inside.get()?[0], permits.available()), (0, 3));
    let all = (0..3).map(|_| permits.acquire()).collect::<Result<Vec<_>>>()?;
    assert!(permits.try_acquire()?.is_none() && permits.available() == 0);
    assert!(matches!(permits.acquire_timeout(SOON), Err(Error::TimedOut { after: SOON, pid: None, .. })));
    drop(all);
    assert!(permits.try_acquire()?.is_some());
    assert!([0, 1025].iter().all(|permits| matches!(Semaphore::new(*permits), Err(Error::Config(_)))));
    Ok(())
}

fn permits_of_killed_processes_are_returned() -> Result<()> {
    let (permits, gate) = (Semaphore::new(2)?, Gate::new());
    let stay = |permits: Semaphore, gate: PathBuf| -> u32 {
        let _both = (permits.acquire().unwrap(), permits.acquire().unwrap());
        pass(gate)
    };
    for round in 1..=3 {
        let holder = Process::new(stay, (permits.clone(), gate.path())).start()?;
        gate.await_arrivals(round);
        killed(holder)?;
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
}

/// A task without end: works under one permit, or under both at once.
fn work(permits: Semaphore, done: Value<u64>) -> u32 {
    loop {
        let _one = permits.acquire().unwrap();
        let _other = permits.try_acquire().unwrap();
        // Who was killed counting has poisoned it.
        done.recover(|done| *done += 1).unwrap();
    }
}

fn permits_survive_kills_at_random_moments() -> Result<()> {
    let (permits, done, mut random) = (Semaphore::new(2)?, Value::new(0u64)?, Random(7));
    let start = || Process::builder().daemon(true).target(work, (permits.clone(), done.clone())).start();
    let mut processes = (0..3).map(|_| start()).collect::<Result<Vec<_>>>()?;
    for _ in 0..50 {
        random.nap();
        killed(processes.swap_remove(random.below(3)))?;
        let before = done.recover(|done| *done)?;
        eventually("the others go on", || done.recover(|done| *done).is_ok_and(|now| now > before));
        processes.push(start()?);
    }
    processes.into_iter().try_for_each(|process| killed(process).map(drop))?;
    eventually("all are back", || permits.available() == 2);
    Ok(())
}
