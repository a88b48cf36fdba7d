//! Barriers: all participants meet, or the barrier is broken.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use multiproc::{Barrier, Error, Executor, Pool, Process, Result, StartMethod, Value};

use crate::support::{DEADLINE, Gate, Named, arrive, eventually, killed, named, own_pid};

pub(crate) const TESTS: &[Named] = named! {
    barrier_opens_only_when_all_have_arrived
    more_threads_than_participants_may_use_a_barrier
    timed_out_barrier_is_broken_until_reset
    killed_waiter_breaks_the_barrier
    barrier_breaks_when_a_missing_participant_is_killed
    barrier_stays_whole_when_holders_exit_normally
};

const SOON: Duration = Duration::from_millis(30);

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// A wait that is over long before the deadline of a test, and long enough for a sleep to begin.
const SHORT: Duration = Duration::from_millis(100);

/// A task: goes through the barrier so many times, and checks that no other is ahead or behind.
/// Returns when it was the leader.
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

fn barrier_opens_only_when_all_have_arrived() -> Result<()> {
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
        // When few are left, the last may wait alone: this thread joins it.
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
    match barrier.wait() {
        Ok(wait) => format!("passed as {}", wait.index()),
        Err(Error::BrokenBarrier) => "BrokenBarrier".into(),
        Err(error) => error.to_string(),
    }
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

fn timed_out_barrier_is_broken_until_reset() -> Result<()> {
    let barrier = Barrier::new(4)?;
    let others = waiting_at(&barrier, 2)?;
    assert!(matches!(barrier.wait_timeout(SOON), Err(Error::TimedOut { after: SOON, pid: None, .. })));
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

fn killed_waiter_breaks_the_barrier() -> Result<()> {
    let barrier = Barrier::new(4)?;
    for _ in 0..3 {
        let mut all = waiting_at(&barrier, 3)?;
        let victim = all.remove(1);
        killed(victim)?;
        // The last one does not take the dead for one who waits, and the others find out by
        // themselves or by him.
        assert!(matches!(barrier.wait(), Err(Error::BrokenBarrier)));
        all_say(all, "BrokenBarrier")?;
        barrier.reset()?;
        let mut all = waiting_at(&barrier, 3)?;
        let victim = all.remove(0);
        killed(victim)?;
        all_say(all, "BrokenBarrier")?;
        barrier.reset()?;
    }
    Ok(())
}

/// A participant that does not come: it says that it is there, and then ends as asked.
fn stays_away(_barrier: Barrier, gate: std::path::PathBuf, exit: bool) {
    arrive(&gate);
    if exit {
        std::process::exit(0);
    }
    thread::sleep(DEADLINE);
}

fn meet(barrier: Barrier) -> bool {
    matches!(barrier.wait(), Err(Error::BrokenBarrier))
}

fn barrier_breaks_when_a_missing_participant_is_killed() -> Result<()> {
    for (method, exit) in [(METHODS[0], false), (METHODS[1], false), (METHODS[0], true)] {
        let barrier = Barrier::new(3)?;
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let waiting: Vec<_> = (0..2).map(|_| pool.apply_async(meet, (barrier.clone(),))).collect();
        eventually("two wait", || barrier.waiting() == 2);
        let gate = Gate::new();
        let target = (barrier.clone(), gate.path(), exit);
        let away = Process::builder().start_method(method).target(stays_away, target).start()?;
        gate.await_arrivals(1);
        if !exit {
            assert_eq!(barrier.waiting(), 2);
            away.kill()?;
        }
        assert!(waiting.into_iter().all(|mut waiting| waiting.get_timeout(DEADLINE).unwrap()));
        assert!(away.join().is_err());
        assert!(barrier.is_broken());
        // Those that are left may begin anew.
        barrier.reset()?;
        let three: Vec<_> = (0..2).map(|_| pool.apply_async(meet, (barrier.clone(),))).collect();
        thread::sleep(3 * SHORT);
        barrier.wait()?;
        assert!(three.into_iter().all(|mut waiting| !waiting.get_timeout(DEADLINE).unwrap()));
    }
    Ok(())
}

fn barrier_stays_whole_when_holders_exit_normally() -> Result<()> {
    static KEPT: std::sync::OnceLock<Barrier> = std::sync::OnceLock::new();
    let keep = |barrier: Barrier| drop(KEPT.set(barrier));
    let barrier = Barrier::new(2)?;
    let pool = Pool::builder().processes(1).initializer(keep, (barrier.clone(),)).max_tasks_per_child(1).build()?;
    let first = pool.apply(own_pid, ())?;
    eventually("the worker is replaced", || pool.apply(own_pid, ()).unwrap() != first);
    Process::new(keep, (barrier.clone(),)).start()?.join()?;
    // A task that is done has dropped its handle.
    pool.apply(|_: Barrier| (), (barrier.clone(),))?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| barrier.wait());
        thread::sleep(5 * SHORT);
        barrier.wait().unwrap();
        waiting.join().unwrap().unwrap();
    });
    Ok(())
}
