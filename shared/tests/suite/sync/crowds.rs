//! Semaphores and barriers: so many at a time, or all together, and the killed are counted out.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::support::{Gate, Named, Random, arrive, eventually, killed, named, pass};
use multiproc::{Barrier, Error, Process, Result, Semaphore, Value};

pub(crate) const TESTS: &[Named] = named! {
    no_more_have_a_permit_than_there_are
    the_permits_of_the_killed_come_back
    permits_survive_kills_at_random_moments
    nobody_passes_a_barrier_before_all_have_come
    more_threads_than_participants_may_use_a_barrier
    a_barrier_at_which_somebody_gives_up_is_broken_for_all_until_reset
    who_is_killed_waiting_at_a_barrier_breaks_it
};

const SOON: Duration = Duration::from_millis(30);

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

fn no_more_have_a_permit_than_there_are() -> Result<()> {
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
}

fn the_permits_of_the_killed_come_back() -> Result<()> {
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

/// A task: goes through the barrier so many times, and checks that nobody is ahead or behind. Says
/// when it was the leader.
fn march(barrier: Barrier, steps: Value<u64>, rounds: u64) -> Vec<u64> {
    let mut led = Vec::new();
    for round in 1..=rounds {
        steps.update(|steps| *steps += 1).unwrap();
        let first = barrier.wait().unwrap();
        assert!(first.index() < barrier.parties());
        assert_eq!(steps.get().unwrap(), round * barrier.parties() as u64);
        if barrier.wait().unwrap().is_leader() {
            led.push(round);
        }
    }
    led
}

fn nobody_passes_a_barrier_before_all_have_come() -> Result<()> {
    let (barrier, steps) = (Barrier::new(4)?, Value::new(0u64)?);
    let start = |_| Process::new(march, (barrier.clone(), steps.clone(), 100)).start();
    let processes = (0..4).map(start).collect::<Result<Vec<_>>>()?;
    let mut led = Vec::new();
    for process in processes {
        led.extend(process.join()?);
    }
    assert_eq!((led.len(), led.into_iter().collect::<BTreeSet<_>>().len()), (100, 100), "one leader a round");
    assert!(barrier.waiting() == 0 && !barrier.is_broken() && Barrier::new(1)?.wait()?.is_leader());
    assert!([0, 1025].iter().all(|parties| matches!(Barrier::new(*parties), Err(Error::Config(_)))));
    Ok(())
}

fn more_threads_than_participants_may_use_a_barrier() -> Result<()> {
    let barrier = Barrier::new(2)?;
    let go = || (0..300).map(|_| barrier.wait().unwrap()).filter(|wait| wait.is_leader()).count();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(go)).collect();
        // When few are left, there may be nobody to meet: this thread meets them.
        while !threads.iter().all(|thread| thread.is_finished()) {
            if barrier.waiting() == 1 {
                let _ = barrier.wait();
            }
            thread::yield_now();
        }
    });
    Ok(())
}

/// A task: how its wait ended.
fn wait_at(barrier: Barrier) -> String {
    barrier.wait().map_or_else(|error| format!("{error:?}"), |wait| format!("passed as {}", wait.index()))
}

/// Processes that wait at the barrier.
fn waiting_at(barrier: &Barrier, count: usize) -> Result<Vec<Process<String>>> {
    let processes = (0..count).map(|_| Process::new(wait_at, (barrier.clone(),)).start()).collect();
    eventually("they wait", || barrier.waiting() == count);
    processes
}

fn all_say(processes: Vec<Process<String>>, what: &str) -> Result<()> {
    processes.into_iter().try_for_each(|process| process.join().map(|said| assert_eq!(said, what)))
}

fn a_barrier_at_which_somebody_gives_up_is_broken_for_all_until_reset() -> Result<()> {
    let barrier = Barrier::new(4)?;
    let others = waiting_at(&barrier, 2)?;
    assert!(matches!(barrier.wait_timeout(SOON), Err(Error::TimedOut { after: SOON, pid: None })));
    all_say(others, "BrokenBarrier")?;
    assert!(barrier.is_broken() && matches!(barrier.wait(), Err(Error::BrokenBarrier)));

    barrier.reset()?;
    assert!(!barrier.is_broken());
    let others = waiting_at(&barrier, 3)?;
    assert_eq!(barrier.wait_timeout(Duration::MAX)?.index(), 3);
    let mut said = others.into_iter().map(Process::join).collect::<Result<Vec<_>>>()?;
    said.sort_unstable();
    assert_eq!(said, ["passed as 0", "passed as 1", "passed as 2"]);

    let others = waiting_at(&barrier, 2)?;
    barrier.abort()?;
    all_say(others, "BrokenBarrier")?;
    barrier.reset()?;
    let others = waiting_at(&barrier, 2)?;
    barrier.reset()?;
    all_say(others, "BrokenBarrier")?;
    assert!(!barrier.is_broken());
    Ok(())
}

fn who_is_killed_waiting_at_a_barrier_breaks_it() -> Result<()> {
    let barrier = Barrier::new(4)?;
    for _ in 0..3 {
        let mut all = waiting_at(&barrier, 3)?;
        let doomed = all.remove(1);
        killed(doomed)?;
        // The last one does not take the dead for one who waits, and the others find out by themselves or
        // by him.
        assert!(matches!(barrier.wait(), Err(Error::BrokenBarrier)));
        all_say(all, "BrokenBarrier")?;
        barrier.reset()?;
        let mut all = waiting_at(&barrier, 3)?;
        let doomed = all.remove(0);
        killed(doomed)?;
        all_say(all, "BrokenBarrier")?;
        barrier.reset()?;
    }
    Ok(())
}
