//! Ranks that are lost, and what is left then.

use std::fs::File;
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, MpiExecutor, Result, partial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::launch::{Ended, Mpi, Ranks, Running};
use super::support::{Gate, arrive, eventually, nap, pass, square, squares};

/// How long a rank may be silent in these tests.
const SILENCE: Duration = Duration::from_secs(2);

fn executor() -> Result<MpiExecutor> {
    MpiExecutor::builder().processes_per_rank(2).silence(SILENCE).build()
}

/// Prints who the ranks are, has something to do for each worker, waits until the test has taken
/// rank 1, and tells what became of it.
pub(super) fn loses_a_rank() -> Result<()> {
    let executor = Arc::new(executor()?);
    let gate = Gate::new();
    let workers_at_loss = Arc::new(Mutex::new(Vec::new()));
    let hold = |_| {
        let (other, workers) = (executor.clone(), workers_at_loss.clone());
        let record = move |_: &Error| workers.lock().unwrap().push(other.processes());
        executor.submit(pass, (gate.path(),)).error_callback(record)
    };
    let held: Vec<_> = (0..4).map(hold).collect();
    gate.await_arrivals(4);
    let waiting: Vec<_> = (0..20).map(|n| executor.submit(square, (n,))).collect();
    let pids: Vec<_> = executor.ranks().iter().map(|rank| rank.pid).collect();
    println!("ranks {} {}", pids[0], pids[1]);

    let began = Instant::now();
    eventually("a rank is lost", || held.iter().any(|future| future.ready()));
    println!("in time {}", began.elapsed() < SILENCE + Duration::from_secs(10));
    gate.open();
    let (mut lost, mut done) = (0, 0);
    for result in held.into_iter().map(|future| future.get()) {
        match result {
            Ok(_) => done += 1,
            Err(error @ Error::RankLost { rank: 1, .. }) => {
                let Error::RankLost { host, silent_for, .. } = &error else { unreachable!() };
                assert!(error.to_string().contains(&format!("rank 1 on {host}")), "{error}");
                assert!(*silent_for < SILENCE + Duration::from_secs(10), "{error}");
                lost += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    println!("held: {done} done, {lost} lost");
    assert_eq!(*workers_at_loss.lock().unwrap(), [2, 2]);
    // Those had not gone to a rank.
    let waiting: Vec<_> = waiting.into_iter().map(|future| future.get()).collect::<Result<_>>()?;
    assert_eq!(waiting, squares(20));
    assert_eq!((executor.map(square, 0..1000)?, executor.processes()), (squares(1000), 2));
    assert_eq!(executor.statistics_by_rank()[0].running, 0);
    println!("the others went on");
    executor.shutdown();
    // The ranks that are left must not end the program before it is at its end.
    nap(3000);
    println!("to the end");
    Ok(())
}

/// A task: ends its worker the first time.
fn fails_at_first(path: PathBuf) -> u64 {
    if File::create_new(path).is_ok() {
        process::abort();
    }
    42
}

/// A task: has to do with arguments that go by themselves. Returns whether they are right.
fn pass_with(path: PathBuf, bytes: Vec<u8>) -> bool {
    pass(path);
    bytes == large_bytes()
}

fn large_bytes() -> Vec<u8> {
    (0..3_000_000u32).map(|n| (n % 251) as u8).collect()
}

/// Has tasks that are tried again for each worker, waits until the test has taken rank 1, and tells
/// what became of them.
pub(super) fn tries_again() -> Result<()> {
    let executor = executor()?;
    let gate = Gate::new();
    let retried = executor.with_retries(1);
    let held: Vec<_> = (0..4).map(|_| retried.submit(pass_with, (gate.path(), large_bytes()))).collect();
    gate.await_arrivals(4);
    let pids: Vec<_> = executor.ranks().iter().map(|rank| rank.pid).collect();
    println!("ranks {} {}", pids[0], pids[1]);
    eventually("a rank is lost", || executor.processes() == 2);
    gate.open();
    for task in held {
        assert!(task.get()?, "other arguments");
    }
    println!("{} begun", gate.arrived().len());
    let folder = tempfile::tempdir().unwrap();
    let paths = (0..10).map(|n| folder.path().join(format!("{n}")));
    assert_eq!(retried.with_chunksize(2).map(fails_at_first, paths)?, [42; 10]);
    println!("to the end");
    Ok(())
}

pub(super) fn tasks_of_a_lost_rank_are_begun_again_if_asked_to() -> Result<()> {
    // MPICH's launcher ends all ranks when one is killed.
    let (ranks, signal) = match Mpi::here() {
        Mpi::Mpich => (Ranks::new(3, "tries_again"), Signal::SIGSTOP),
        Mpi::Open => (Ranks::recovering(3, "tries_again"), Signal::SIGKILL),
    };
    let running = ranks.start();
    signal_rank(&running, signal);
    let ended = running.end();
    assert_eq!(told(&ended, 2), ["6 begun", "to the end"], "{ended:?}");
    Ok(())
}

/// Hears who the ranks are, and sends the first one a signal. Says its pid.
fn signal_rank(running: &Running, signal: Signal) -> Pid {
    let ranks = running.await_line("ranks ");
    let first: i32 = ranks.split(' ').next().unwrap().parse().unwrap();
    kill(Pid::from_raw(first), signal).unwrap();
    Pid::from_raw(first)
}

const STORY: [&str; 4] = ["in time true", "held: 2 done, 2 lost", "the others went on", "to the end"];

/// The lines that rank 0 has told after who the ranks are; behind them may stand what the launcher
/// says.
fn told(ended: &Ended, lines: usize) -> Vec<&str> {
    ended.output.lines().skip(1).take(lines).collect()
}

pub(super) fn killed_rank_fails_only_its_tasks() -> Result<()> {
    if Mpi::here() == Mpi::Mpich {
        // Its launcher ends all ranks, whatever it is told.
        return Ok(());
    }
    let running = Ranks::recovering(3, "loses_a_rank").start();
    signal_rank(&running, Signal::SIGKILL);
    // The status is mpirun's word on the rank that was killed.
    let ended = running.end();
    assert_eq!(told(&ended, STORY.len()), STORY, "{ended:?}");
    Ok(())
}

pub(super) fn stopped_rank_is_lost_in_bounded_time() -> Result<()> {
    let running = Ranks::new(3, "loses_a_rank").start();
    signal_rank(&running, Signal::SIGSTOP);
    let ended = running.end();
    assert_eq!(told(&ended, STORY.len()), STORY, "{ended:?}");
    Ok(())
}

pub(super) fn rank_that_comes_back_stays_lost() -> Result<()> {
    let running = Ranks::new(3, "loses_a_rank").start();
    let rank = signal_rank(&running, Signal::SIGSTOP);
    running.await_line("in time ");
    kill(rank, Signal::SIGCONT).unwrap();
    let ended = running.end();
    assert_eq!(told(&ended, STORY.len()), STORY, "{ended:?}");
    Ok(())
}

/// Bytes of a state that keep a thread busy for longer than [`SHORT_SILENCE`] when it copies them
/// for each of the workers.
const STATE: usize = 150 << 20;
const STATE_WORKERS: usize = 8;
const SHORT_SILENCE: Duration = Duration::from_millis(500);

/// Bytes of which the receiver keeps only how many there are.
struct Counted(usize);

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&vec![7; self.0])
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Count;
        impl Visitor<'_> for Count {
            type Value = Counted;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Counted, E> {
                Ok(Counted(bytes.len()))
            }
        }
        deserializer.deserialize_bytes(Count)
    }
}

/// Sends a large state to a rank whose workers all need it at the same time.
pub(super) fn sends_a_large_state() -> Result<()> {
    let builder = MpiExecutor::builder().processes_per_rank(STATE_WORKERS).silence(SHORT_SILENCE);
    let executor = builder.build()?;
    let bytes = |state: &Counted, n: usize| {
        nap(100);
        state.0 + n
    };
    let results = executor.with_chunksize(1).map(partial(bytes, Counted(STATE)), 0..2 * STATE_WORKERS)?;
    assert_eq!(results, (0..2 * STATE_WORKERS).map(|n| STATE + n).collect::<Vec<_>>());
    println!("all workers have it");
    Ok(())
}

pub(super) fn rank_that_works_on_a_large_state_is_not_lost() -> Result<()> {
    assert_eq!(Ranks::new(2, "sends_a_large_state").run().well(), "all workers have it\n");
    Ok(())
}

pub(super) fn loses_all_ranks() -> Result<()> {
    let executor = executor()?;
    let gate = Gate::new();
    let held: Vec<_> = (0..10).map(|_| executor.submit(pass, (gate.path(),))).collect();
    gate.await_arrivals(2);
    println!("ranks {}", executor.ranks()[0].pid);
    let lost = |result: Result<u32>| matches!(result, Err(Error::RankLost { rank: 1, .. }));
    println!("{}", held.into_iter().map(|future| future.get()).all(lost));
    println!("{}", matches!(executor.map(square, 0..10), Err(Error::RankLost { .. })) && executor.processes() == 0);
    Ok(())
}

pub(super) fn every_task_fails_when_all_ranks_are_lost() -> Result<()> {
    let running = Ranks::new(2, "loses_all_ranks").start();
    signal_rank(&running, Signal::SIGSTOP);
    let ended = running.end();
    assert_eq!(told(&ended, 2), ["true", "true"], "{ended:?}");
    Ok(())
}

/// Prints the processes, and works until it is ended.
pub(super) fn works_for_long() -> Result<()> {
    let executor = executor()?;
    let gate = Gate::new();
    let held: Vec<_> = (0..3).map(|_| executor.submit(endless, (gate.path(),))).collect();
    gate.await_arrivals(3);
    // Nothing will clean up here.
    gate.remove();
    println!("ranks {} {}", executor.ranks()[0].pid, std::process::id());
    held.into_iter().for_each(|future| drop(future.get()));
    Ok(())
}

fn endless(gate: std::path::PathBuf) -> u64 {
    arrive(&gate);
    nap(600_000)
}

fn nothing_is_left_after(end: impl FnOnce(&Running, i32, i32)) {
    let running = Ranks::new(3, "works_for_long").start();
    let pids: Vec<i32> = running.await_line("ranks ").split(' ').map(|pid| pid.parse().unwrap()).collect();
    assert!(running.processes().len() > 8, "mpirun, three ranks, two zygotes and four workers");
    end(&running, pids[0], pids[1]);
    let ended = running.end();
    assert!(!ended.status.success(), "{ended:?}");
}

pub(super) fn mpirun_ends_all_ranks_without_recovery() -> Result<()> {
    nothing_is_left_after(|_, rank, _| kill(Pid::from_raw(rank), Signal::SIGKILL).unwrap());
    Ok(())
}

pub(super) fn nothing_outlives_a_killed_rank_0() -> Result<()> {
    nothing_is_left_after(|_, _, first| kill(Pid::from_raw(first), Signal::SIGKILL).unwrap());
    Ok(())
}

pub(super) fn nothing_outlives_a_killed_mpirun() -> Result<()> {
    nothing_is_left_after(|running, _, _| running.kill(Signal::SIGKILL));
    Ok(())
}
