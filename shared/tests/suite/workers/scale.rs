//! Sizes and counts beyond what 32 bits hold or descriptors allow; what is idle costs nothing.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use multiproc::{Executor, Pool};

use crate::support::{Named, descendants, named, processor_ticks};

pub(crate) const TESTS: &[Named] = named! {
    argument_over_two_gib_arrives_whole
    million_tasks_may_be_outstanding
    many_workers_start_run_and_stop
    large_arguments_do_not_wait_behind_a_long_task
    result_around_the_ring_size_arrives_whole
    large_result_of_any_argument_size_arrives_whole
    idle_pools_of_any_size_use_no_cpu_time
    waiting_caller_uses_no_cpu_time
    name_larger_than_the_ring_arrives_whole
    initializer_larger_than_the_ring_runs_first
};

/// More than 2^31 bytes, and more than an `i32` or a single `write` takes.
const LARGE: usize = (2 << 30) + 12_345;

fn ends(bytes: Vec<u8>) -> (usize, u8) {
    (bytes.len(), bytes.iter().rev().find(|byte| **byte != 0).copied().unwrap_or(0))
}

fn argument_over_two_gib_arrives_whole() -> multiproc::Result<()> {
    let mut bytes = vec![0; LARGE];
    bytes[LARGE - 1] = 7;
    assert_eq!(Pool::with_processes(1)?.apply(ends, (bytes,))?, (LARGE, 7));
    Ok(())
}

fn million_tasks_may_be_outstanding() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let results: Vec<_> = (0..1_000_000u64).map(|n| pool.apply_async(|n: u64| n + 1, (n,))).collect();
    for (n, result) in (0..).zip(results) {
        assert_eq!(result.get()?, n + 1);
    }
    Ok(())
}

fn many_workers_start_run_and_stop() -> multiproc::Result<()> {
    let pool = Pool::with_processes(256)?;
    let results = pool.with_chunksize(1).map(|n: u64| n * 2, 0..10_000u64)?;
    assert_eq!(results.len(), 10_000);
    assert!(results.iter().zip(0..).all(|(result, n)| *result == n * 2));
    Ok(())
}

fn wait_with(milliseconds: u64, bytes: Vec<u8>) -> usize {
    thread::sleep(Duration::from_millis(milliseconds));
    bytes.len()
}

fn large_arguments_do_not_wait_behind_a_long_task() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    // Now the function counts as quick, so that its tasks are handed out in advance.
    for _ in 0..50 {
        pool.apply(wait_with, (0, Vec::new()))?;
    }
    let long = pool.apply_async(wait_with, (20_000, Vec::new()));
    let others: Vec<_> = (0..12).map(|_| pool.apply_async(wait_with, (0, vec![1; 100_000]))).collect();
    for other in others {
        assert_eq!(other.get()?, 100_000);
    }
    assert!(!long.ready(), "the others had to wait for the long task");
    long.cancel();
    Ok(())
}

fn result_around_the_ring_size_arrives_whole() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    for size in [(256 << 10) - 5, 256 << 10, (256 << 10) + 5, 1 << 20] {
        assert_eq!(pool.apply(|size: usize| vec![3u8; size], (size,))?.len(), size);
    }
    Ok(())
}

/// So many bytes as the first eight say: those given, and then the last of them again and again.
fn resized(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let last = bytes.last().copied().unwrap();
    bytes.resize(len, last);
    bytes
}

fn large_result_of_any_argument_size_arrives_whole() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let sizes = [20_000, 70_000, 300_000, 1 << 20, 5 << 20];
    for (given, wanted) in sizes.iter().flat_map(|given| sizes.map(|wanted| (*given, wanted))) {
        let mut bytes: Vec<u8> = (0..given).map(|at| (at % 251) as u8).collect();
        bytes[..8].copy_from_slice(&(wanted as u64).to_le_bytes());
        let mut expected = bytes.clone();
        expected.resize(wanted, *bytes.last().unwrap());
        assert!(pool.apply(resized, (bytes,))? == expected, "{wanted} bytes for {given}");
    }
    Ok(())
}

fn idle_pools_of_any_size_use_no_cpu_time() -> multiproc::Result<()> {
    let pools = [1, 2, 64].map(Pool::with_processes);
    for pool in &pools {
        pool.as_ref().map_err(Clone::clone)?.with_chunksize(1).map(|n: u64| n + 1, 0..1000u64)?;
    }
    thread::sleep(Duration::from_millis(500));
    let used = || {
        let workers = descendants().iter().map(|process| processor_ticks(process.pid)).sum::<u64>();
        workers + processor_ticks(std::process::id())
    };
    let before = used();
    thread::sleep(Duration::from_secs(5));
    let used = used() - before;
    assert!(used <= 2, "{used} ticks of 10 ms in five seconds");
    Ok(())
}

fn waiting_caller_uses_no_cpu_time() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let long = pool.apply_async(wait_with, (5_000, Vec::new()));
    let before = processor_ticks(std::process::id());
    assert_eq!(long.get()?, 0);
    let used = processor_ticks(std::process::id()) - before;
    assert!(used <= 5, "{used} ticks of 10 ms in five seconds");
    Ok(())
}

fn name_larger_than_the_ring_arrives_whole() -> multiproc::Result<()> {
    let name = "n".repeat(1 << 20);
    let pool = Pool::builder().processes(1).name(&name).build()?;
    assert_eq!(pool.apply(|| multiproc::current_process().name.len(), ())?, name.len() + 2);
    Ok(())
}

fn initializer_larger_than_the_ring_runs_first() -> multiproc::Result<()> {
    static LENGTH: AtomicUsize = AtomicUsize::new(0);
    let keep = |bytes: Vec<u8>| LENGTH.store(bytes.len(), SeqCst);
    let pool = Pool::builder().processes(2).initializer(keep, (vec![7; 3 << 20],)).build()?;
    assert_eq!(pool.with_chunksize(1).map(|_: u8| LENGTH.load(SeqCst), 0..10u8)?, [3 << 20; 10]);
    Ok(())
}
