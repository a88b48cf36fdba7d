//! What goes wrong in a task.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use multiproc::{Error, Executor, FutureState, MpiExecutor, Pool, Queue, Result, Value, partial};
use serde::{Deserialize, Deserializer, Serialize};

use super::calls::executor;
use super::launch::Ranks;
use super::support::{Death, Gate, arrive, assert_died, eventually, nap, pass, square, squares};

const DEATHS: [Death; 8] = [
    Death::Panic,
    Death::ExitZero,
    Death::ExitThree,
    Death::Abort,
    Death::Kill,
    Death::Segfault,
    Death::StackOverflow,
    Death::OutOfMemory,
];

const FAILING: u64 = 7;

fn risky(n: u64, death: Option<Death>) -> u64 {
    if let Some(death) = death {
        nap(15);
        death.die();
    }
    square(n)
}

pub(super) fn checks_deaths() -> Result<()> {
    let pool = Pool::builder().memory_limit(512 << 20);
    let executor = MpiExecutor::builder().processes_per_rank(2).pool(pool).build()?;
    let mut number = 0;
    for death in DEATHS {
        let items = || (0..20u64).map(|n| (n, (n == FAILING).then_some(death)));
        for chunksize in [1, 20] {
            let began = Instant::now();
            let error = executor.with_chunksize(chunksize).starmap(risky, items()).unwrap_err();
            assert_died(death, &error, number + FAILING, began.elapsed());
            number += 20;
        }
        let futures: Vec<_> = items().map(|item| executor.submit(risky, item)).collect();
        for (n, future) in (0..).zip(futures) {
            match future.get() {
                Ok(value) => assert_eq!((value, n != FAILING), (square(n), true)),
                Err(error) => drop(assert_died(death, &error, number + FAILING, Duration::MAX)),
            }
        }
        number += 20;
    }
    assert_eq!(executor.map(square, 0..100)?, squares(100));
    let now = executor.statistics();
    println!("{} ranks, {} failed of {}", executor.ranks().len(), now.failed, now.completed + now.failed);
    // Each rank counts its own, and tells of an end that no result follows a moment later.
    let lost = || executor.statistics_by_rank().iter().map(|rank| rank.workers_lost).sum::<u64>();
    eventually("every lost worker is counted", || lost() >= now.lost);
    println!("{} workers lost with {} tasks, {} in all", lost(), now.lost, executor.statistics().workers_lost);
    Ok(())
}

pub(super) fn lost_worker_fails_one_task_and_no_rank() -> Result<()> {
    let output = Ranks::new(3, "checks_deaths").run().well();
    // Workers say why they end, too.
    assert!(output.contains("2 ranks, 24 failed of 580\n21 workers lost with 21 tasks, 21 in all\n"), "{output}");
    Ok(())
}

pub(super) fn checks_panics() -> Result<()> {
    let executor = executor()?;
    let results: Vec<_> = executor.imap(|n: u64| assert!(n != 2, "not {n}"), 0..4u64).collect();
    match &results[..] {
        [Ok(()), Ok(()), Err(Error::Panicked { message, location: Some(location), .. }), Ok(())] => {
            println!("{message}, {}", location.contains("tasks.rs"));
        }
        other => panic!("{other:?}"),
    }
    Ok(())
}

pub(super) fn panic_arrives_in_full() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_panics").run().well(), "not 2, true\n");
    Ok(())
}

static SET_UP: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

pub(super) fn checks_limits() -> Result<()> {
    let set_up = |n: u64| SET_UP.store(n, std::sync::atomic::Ordering::Relaxed);
    let pool = Pool::builder().task_timeout(Duration::from_millis(200)).initializer(set_up, (5,));
    let executor = MpiExecutor::builder().processes_per_rank(2).pool(pool).build()?;
    let plus = |n: u64| n + SET_UP.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(executor.map(plus, 0..100u64)?, (5..105).collect::<Vec<_>>());
    let results: Vec<_> = executor.imap(nap, [1, 60_000, 2]).collect();
    println!("{}", matches!(&results[..], [Ok(1), Err(Error::TimedOut { pid: Some(_), .. }), Ok(2)]));
    // A call's own limit is longer, or shorter, with state or without.
    assert_eq!(executor.with_timeout(Duration::MAX).map(nap, [600; 4])?, [600; 4]);
    let brief = executor.with_timeout(Duration::from_millis(100));
    let over = |result: Result<u64>| matches!(result, Err(Error::TimedOut { after, .. }) if after.as_millis() == 100);
    println!("{}", over(brief.apply(nap, (60_000,))) && over(brief.apply(partial(|n: u64| nap(n), 60_000), ())));
    Ok(())
}

pub(super) fn time_limit_and_initializer_apply_on_every_rank() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_limits").run().well(), "true\ntrue\n");
    Ok(())
}

pub(super) fn checks_cancelling() -> Result<()> {
    let executor = executor()?;
    let gate = Gate::new();
    let held: Vec<_> = (0..4).map(|_| executor.submit(pass, (gate.path(),))).collect();
    gate.await_arrivals(4);
    let waits = executor.submit(square, (3,));
    assert!(held[0].cancel());
    let mut held = held.into_iter();
    assert!(matches!(held.next().map(|future| future.get()), Some(Err(Error::Cancelled))));
    // The worker that is free now has it.
    assert_eq!(waits.get()?, 9);
    let cancelled = executor.submit(pass, (gate.path(),));
    gate.await_arrivals(5);
    assert_eq!(cancelled.state(), FutureState::Running);
    gate.open();
    held.for_each(|future| assert!(future.get().is_ok()));
    assert!(cancelled.get().is_ok());
    println!("the others went on");
    Ok(())
}

pub(super) fn cancelling_ends_only_its_task() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_cancelling").run().well(), "the others went on\n");
    Ok(())
}

pub(super) fn checks_abandoning() -> Result<()> {
    let executor = executor()?;
    let gate = Gate::new();
    let work = |gate: std::path::PathBuf| {
        arrive(&gate);
        nap(20)
    };
    let mut lazy = executor.imap(work, vec![gate.path(); 200]);
    lazy.next().unwrap()?;
    drop(lazy);
    // All that has begun ends before this does.
    executor.map(nap, [30; 8])?;
    let begun = gate.arrived().len();
    nap(200);
    println!("{} {}", begun < 150, gate.arrived().len() == begun);
    Ok(())
}

pub(super) fn abandoned_tasks_are_not_started() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_abandoning").run().well(), "true true\n");
    Ok(())
}

pub(super) fn checks_handles() -> Result<()> {
    let executor = executor()?;
    let (queue, value) = (Queue::<u64>::new()?, Value::new(1u64)?);
    let refused = |error: Error| matches!(&error, Error::Encode(text) if text.contains("machine"));
    let put = |queue: Queue<u64>| drop(queue.put(1));
    assert!(refused(executor.apply(put, (queue.clone(),)).unwrap_err()));
    assert!(refused(executor.map(put, vec![queue.clone(); 10]).unwrap_err()));
    assert!(refused(executor.submit(|value: Value<u64>| value.get(), (value.clone(),)).get().unwrap_err()));
    let add = |value: &Value<u64>, n: u64| value.get().map(|value| value + n);
    assert!(refused(executor.map(multiproc::partial(add, value), 0..10).unwrap_err()));
    // Only those that have one are refused.
    let with = |queue: Option<Queue<u64>>| queue.is_some();
    let items = [None, Some(queue), None];
    let results: Vec<_> = executor.with_chunksize(3).imap(with, items).collect();
    assert!(matches!(&results[..], [Ok(false), Err(Error::Encode(_)), Ok(false)]), "{results:?}");
    println!("refused");
    Ok(())
}

pub(super) fn handles_are_rejected() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_handles").run().well(), "refused\n");
    Ok(())
}

/// Refuses to be decoded.
#[derive(Debug, Serialize)]
struct Shy;

impl<'de> Deserialize<'de> for Shy {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("no"))
    }
}

pub(super) fn checks_decoding() -> Result<()> {
    let executor = executor()?;
    assert!(matches!(executor.apply(|| Shy, ()), Err(Error::Decode(_))));
    assert!(matches!(executor.apply(|_: Shy| 1, (Shy,)), Err(Error::Decode(_))));
    println!("{}", executor.apply(square, (4,))?);
    Ok(())
}

pub(super) fn results_that_cannot_be_decoded_are_errors() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_decoding").run().well(), "16\n");
    Ok(())
}

/// The settings of a pool that are about more than its tasks.
pub(super) fn checks_settings() -> Result<()> {
    let traced = MpiExecutor::builder().pool(Pool::builder().trace(true)).build();
    assert!(matches!(&traced, Err(Error::Config(why)) if why.contains("`trace`")), "{traced:?}");
    let pool = Pool::builder().processes_between(1, 2).finish_on_drop(true);
    let executor = MpiExecutor::builder().pool(pool).build()?;
    println!("{} workers at most", executor.processes());
    let gate = Gate::new();
    let held: Vec<_> = (0..4).map(|_| executor.submit(pass, (gate.path(),))).collect();
    // Each of two ranks has grown.
    gate.await_arrivals(4);
    gate.open();
    let last = executor.submit(nap, (300,));
    drop(executor);
    println!("{}", held.into_iter().all(|held| held.get().is_ok()) && last.get()? == 300);
    Ok(())
}

pub(super) fn settings_of_the_pool_apply_or_are_refused() -> Result<()> {
    let output = Ranks::new(3, "checks_settings").run().well();
    assert_eq!(output.lines().collect::<BTreeSet<_>>(), BTreeSet::from(["4 workers at most", "true"]));
    Ok(())
}
