//! The calls, and where their tasks run.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

use futures_core::Stream;
use multiproc::{Error, Executor, MpiExecutor, Result, Statistics, as_completed, partial};
use serde::{Deserialize, Serialize};

use super::launch::Ranks;
use super::support::{eventually, nap, resident_kib, square, squares};

/// Ranks with two workers each.
pub(super) fn executor() -> Result<MpiExecutor> {
    MpiExecutor::builder().processes_per_rank(2).build()
}

/// Has other fields for some values than for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

fn pass_order(order: Order) -> Order {
    order
}

fn sum(a: u64, b: u64) -> u64 {
    a + b
}

#[expect(clippy::ptr_arg, reason = "the state is what was sent, a vector")]
fn lookup(table: &Vec<String>, index: usize) -> String {
    table[index].clone()
}

/// Every call, in ways that also a single worker can serve.
pub(super) fn checks_calls() -> Result<()> {
    let executor = executor()?;
    assert_eq!(executor.apply(sum, (1, 2))?, 3);
    assert_eq!(executor.map(square, 0..1000)?, squares(1000));
    assert_eq!(executor.with_chunksize(1).map(square, 0..1000)?, squares(1000));
    assert_eq!(executor.with_chunksize(7).map(square, (0..1000).filter(|_| true))?, squares(1000));
    assert_eq!(executor.starmap(sum, (0..100).map(|n| (n, n)))?, (0..100).map(|n| 2 * n).collect::<Vec<_>>());
    assert_eq!(executor.map_async(square, 0..100).get()?, squares(100));
    assert_eq!(executor.map(square, 0..0)?, squares(0));

    let order = |number: u64| Order { number, note: number.is_multiple_of(3).then(|| format!("note {number}")) };
    let orders: Vec<_> = (0..5000).map(order).collect();
    for size in [1, 7, 4999] {
        assert_eq!(executor.with_chunksize(size).map(pass_order, orders.clone())?, orders);
    }

    let table: Vec<String> = (0..100).map(|n| format!("entry {n}")).collect();
    for _ in 0..2 {
        assert_eq!(executor.map(partial(lookup, table.clone()), 0..100usize)?, table);
        let lazy: Vec<_> = executor.imap(partial(lookup, table.clone()), 0..100usize).collect::<Result<_>>()?;
        assert_eq!(lazy, table);
    }
    assert_eq!(executor.imap(square, 0..1000).collect::<Result<Vec<_>>>()?, squares(1000));
    let mut stream = executor.imap(square, 0..100);
    for n in 0..100 {
        let next = poll_fn(|context| Pin::new(&mut stream).poll_next(context));
        assert_eq!(pollster::block_on(next).unwrap()?, square(n));
    }
    assert_eq!(executor.with_chunksize(9).imap(square, 0..1000).collect::<Result<Vec<_>>>()?, squares(1000));
    let mut unordered = executor.imap_unordered(square, 0..1000).collect::<Result<Vec<_>>>()?;
    unordered.sort_unstable();
    assert_eq!(unordered, squares(1000));

    let futures: Vec<_> = (0..1000).map(|n| executor.submit(square, (n,))).collect();
    for (n, result) in as_completed(futures, None) {
        assert_eq!(result?, square(n as u64));
    }
    assert_eq!(pollster::block_on(executor.submit(square, (12,)))?, 144);
    let (sender, receiver) = std::sync::mpsc::channel();
    let called = executor.submit(square, (3,)).callback(move |value| sender.send(*value).unwrap());
    assert_eq!((receiver.recv(), called.get()?), (Ok(9), 9));

    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| executor.map(square, 0..100))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    results.into_iter().for_each(|result| assert_eq!(result.unwrap(), squares(100)));
    println!("workers {}", executor.processes());

    let last = executor.submit(nap, (100,));
    executor.close();
    assert!(matches!(executor.join_timeout(Duration::ZERO), Err(Error::TimedOut { .. })));
    pollster::block_on(executor.closed())?;
    assert_eq!(last.get()?, 100);
    executor.join_timeout(Duration::from_secs(60))?;
    executor.shutdown();
    println!("all calls are right");
    Ok(())
}

pub(super) fn calls_return_what_a_pool_returns() -> Result<()> {
    for ranks in [1usize, 2, 3, 5] {
        let output = Ranks::new(ranks, "checks_calls").run().well();
        let workers = 2 * (ranks - 1).max(1);
        assert_eq!(output, format!("workers {workers}\nall calls are right\n"));
    }
    Ok(())
}

pub(super) fn tasks_run_in_a_local_pool_without_mpirun() -> Result<()> {
    assert_eq!(Ranks::alone("checks_calls").run().well(), "workers 2\nall calls are right\n");
    Ok(())
}

/// Larger than the pieces in which a message goes, and not a multiple of them.
const LARGE: usize = (40 << 20) + 3;

pub(super) fn checks_large_values() -> Result<()> {
    let executor = executor()?;
    let bytes: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    let reverse = |mut bytes: Vec<u8>| {
        bytes.reverse();
        bytes
    };
    let reversed = reverse(bytes.clone());
    for result in executor.imap(reverse, [bytes.clone(), bytes.clone(), bytes.clone()]) {
        assert!(result? == reversed);
    }
    let at = |bytes: &Vec<u8>, at: usize| bytes[at];
    assert_eq!(executor.map(partial(at, bytes.clone()), [0, LARGE - 1])?, [bytes[0], bytes[LARGE - 1]]);
    println!("large values are right");
    Ok(())
}

/// Has small and large values, each of another length, pass each other on the way there and back,
/// one a chunk and several.
pub(super) fn checks_values_of_all_sizes() -> Result<()> {
    let executor = executor()?;
    let sizes = [0, 1, 1000, 65_000, 65_530, 65_536, 65_540, 200_000, 1 << 20, (1 << 20) + 1, (3 << 20) - 9];
    let value = |(n, size): (u32, usize)| (0..size).map(|at| (at as u32 * n) as u8).collect::<Vec<u8>>();
    let items: Vec<_> = (1..200).map(|n| (n, sizes[n as usize % sizes.len()])).collect();
    let same = |(n, bytes): (u32, Vec<u8>)| (n, bytes);
    for chunksize in [1, 3] {
        let sent = items.iter().map(|item| (item.0, value(*item)));
        for (item, result) in items.iter().zip(executor.with_chunksize(chunksize).imap(same, sent)) {
            assert!(result? == (item.0, value(*item)), "of {item:?}");
        }
    }
    let long = |n: usize| -> u64 { panic!("{}", "x".repeat(n)) };
    for n in [10, 100_000, 3_000_000] {
        let Err(Error::Panicked { message, .. }) = executor.apply(long, (n,)) else { panic!("{n}") };
        assert!(message == "x".repeat(n), "{} of {n}", message.len());
    }
    println!("all sizes are right");
    Ok(())
}

pub(super) fn values_of_all_sizes_go_there_and_back() -> Result<()> {
    assert_eq!(Ranks::new(4, "checks_values_of_all_sizes").run().well(), "all sizes are right\n");
    Ok(())
}

pub(super) fn large_arguments_and_results_go_there_and_back() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_large_values").run().well(), "large values are right\n");
    Ok(())
}

pub(super) fn checks_an_endless_source() -> Result<()> {
    let executor = executor()?;
    let mut taken = 0;
    let source = (0..).inspect(|n| taken = *n);
    let first: Vec<_> = executor.with_window(50).imap(square, source).take(500).collect::<Result<_>>()?;
    assert_eq!(first, squares(500));
    println!("taken {}", taken < 560);
    Ok(())
}

pub(super) fn endless_source_is_read_as_far_as_its_window() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_an_endless_source").run().well(), "taken true\n");
    Ok(())
}

/// Bytes of a result, how many results there are, and what rank 0 may have at a time.
const RESULT: usize = 1 << 20;
const RESULTS: usize = 600;
const MAX_RESIDENT: u64 = 300 << 10;

/// Takes a large result, and has the others come as far as they do.
pub(super) fn checks_bounds() -> Result<()> {
    let executor = executor()?;
    let large = |n: usize| {
        nap(1);
        vec![n as u8; RESULT]
    };
    let mut memory = 0;
    for (n, result) in executor.imap(large, 0..RESULTS).enumerate() {
        assert_eq!(result?.last(), Some(&(n as u8)));
        if n % 100 == 0 {
            let idle = || executor.statistics().queued + executor.statistics().running == 0;
            eventually("all tasks are done", idle);
            memory = memory.max(resident_kib());
        }
    }
    println!("bounded {}, {memory} KiB", memory < MAX_RESIDENT);
    Ok(())
}

pub(super) fn large_results_are_bounded_by_their_bytes() -> Result<()> {
    let output = Ranks::new(3, "checks_bounds").run().well();
    assert!(output.starts_with("bounded true"), "{output}");
    Ok(())
}

/// A task that takes some time, and tells which process ran it.
fn nap_and_tell(milliseconds: u64) -> u32 {
    nap(milliseconds);
    std::process::id()
}

pub(super) fn checks_breadth() -> Result<()> {
    let executor = executor()?;
    // Long enough for each of the four workers to get one while the others sleep.
    let pids = executor.with_chunksize(1).map(nap_and_tell, [500; 4])?;
    println!("{} workers had work", pids.into_iter().collect::<BTreeSet<_>>().len());
    let parents = |_: u32| {
        nap(1);
        multiproc::parent_process().map(|parent| parent.pid)
    };
    let mut tasks = BTreeMap::new();
    for parent in executor.with_chunksize(1).map(parents, 0..400u32)? {
        *tasks.entry(parent.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(tasks.keys().copied().collect::<BTreeSet<_>>(), executor.ranks().iter().map(|rank| rank.pid).collect());
    println!("each rank had some {}", tasks.values().all(|tasks| *tasks > 50));
    Ok(())
}

pub(super) fn all_workers_of_all_ranks_have_work() -> Result<()> {
    let output = Ranks::new(3, "checks_breadth").run().well();
    assert_eq!(output, "4 workers had work\neach rank had some true\n");
    Ok(())
}

/// The function is thought short, so that both ranks have much of it in advance; then it turns out
/// to be long on one of them.
pub(super) fn checks_give_back() -> Result<()> {
    let executor = MpiExecutor::builder().processes_per_rank(1).build()?;
    executor.with_chunksize(1).map(nap_and_tell, [0; 1000])?;
    let long = executor.ranks()[0].pid;
    let slow_there = |slow: u32| {
        if multiproc::parent_process().is_some_and(|parent| parent.pid == slow) {
            thread::sleep(Duration::from_secs(1));
        }
        std::process::id()
    };
    let began = Instant::now();
    executor.with_chunksize(1).map(slow_there, vec![0; 1000])?;
    let pids = executor.with_chunksize(1).map(slow_there, vec![long; 200])?;
    let slow =
        pids.iter().filter(|pid| **pid != pids[0]).count().min(pids.iter().filter(|pid| **pid == pids[0]).count());
    println!("the slow rank ran few {}, in time {}", slow < 20, began.elapsed() < Duration::from_secs(20));
    Ok(())
}

pub(super) fn queued_tasks_move_to_an_idle_rank() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_give_back").run().well(), "the slow rank ran few true, in time true\n");
    Ok(())
}

pub(super) fn checks_statistics() -> Result<()> {
    let executor = executor()?;
    executor.map(nap, [50; 8])?;
    let failing = executor.map(|n: u64| assert!(n < 3), 0..5u64);
    assert!(failing.is_err());
    executor.shutdown();
    let now = executor.statistics();
    println!("executed {} failed {} cancelled {} queued {}", now.completed, now.failed, now.cancelled, now.queued);
    println!("run time {}", now.run_time >= Duration::from_millis(350));
    let by_rank = executor.statistics_by_rank();
    let sum = |counter: fn(&Statistics) -> u64| by_rank.iter().map(counter).sum::<u64>();
    println!("by rank: executed {} failed {}", sum(|rank| rank.completed), sum(|rank| rank.failed));
    println!("all {}", by_rank.iter().all(|rank| rank.completed > 0 && rank.workers_started == 2));
    Ok(())
}

/// A task runs, of a function that was never seen before, and nothing has ended yet.
pub(super) fn checks_running() -> Result<()> {
    let executor = executor()?;
    let long = executor.submit(nap, (3_000_000,));
    let until = Instant::now() + Duration::from_secs(60);
    while executor.statistics().running == 0 && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    println!("running {}", executor.statistics().running);
    long.cancel();
    Ok(())
}

pub(super) fn long_task_is_counted_while_it_runs() -> Result<()> {
    assert_eq!(Ranks::new(3, "checks_running").run().well(), "running 1\n");
    Ok(())
}

pub(super) fn statistics_count_every_task_once() -> Result<()> {
    let output = Ranks::new(3, "checks_statistics").run().well();
    let total = "executed 11 failed 2 cancelled 0 queued 0\nrun time true\n";
    assert_eq!(output, format!("{total}by rank: executed 11 failed 2\nall true\n"));
    Ok(())
}
