//! Lazy maps: bounded, in order or as results come, and each failure in its place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, ThreadPool};

use crate::support::{Gate, Named, eventually, named, nap, pass, resident_kib, square};

pub(crate) const TESTS: &[Named] = named! {
    endless_source_is_read_one_window_at_a_time
    map_rejects_an_endless_source
    without_a_window_an_endless_source_is_bounded_too
    large_results_are_bounded_by_their_bytes
    first_results_do_not_wait_for_a_slow_source
    dropped_iterator_reads_no_more_of_its_source
    dropped_iterator_drops_queued_tasks
    idle_iterator_works_ahead
    failures_come_in_place_and_the_rest_goes_on
    unordered_results_overtake_a_long_task
    late_result_can_be_requested_again
    panicking_source_leaves_the_pool_intact
    several_lazy_maps_may_be_interleaved
    lazy_map_may_feed_another
    lazy_map_can_move_to_another_thread
};

/// The numbers from 0, and how many of them were taken.
fn counted() -> (impl Iterator<Item = u64>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = taken.clone();
    (std::iter::from_fn(move || Some(counter.fetch_add(1, SeqCst) as u64)), taken)
}

fn endless_source_is_read_one_window_at_a_time() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    for (window, chunksize) in [(1, 1), (10, 1), (100, 7), (1000, 100)] {
        for ordered in [true, false] {
            let (source, taken) = counted();
            let batched = pool.with_window(window).with_chunksize(chunksize);
            let lazy = if ordered { batched.imap(square, source) } else { batched.imap_unordered(square, source) };
            for (returned, result) in (1..=500).zip(lazy) {
                result?;
                let out = taken.load(SeqCst) - returned;
                assert!(out < window, "{out} items of {window} are out");
            }
        }
    }
    Ok(())
}

fn map_rejects_an_endless_source() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    for refused in [pool.map(square, 0u64..), pool.map_async(square, 0u64..).get()] {
        assert!(matches!(&refused, Err(Error::Config(why)) if why.contains("imap")), "{refused:?}");
    }
    let threads = ThreadPool::with_processes(1)?;
    for refused in [threads.map(square, 0u64..), threads.map_async(square, 0u64..).get()] {
        assert!(matches!(&refused, Err(Error::Config(why)) if why.contains("imap")), "{refused:?}");
    }
    assert_eq!((pool.map(square, 0..3)?, threads.map(square, 0..3)?), (vec![0, 1, 4], vec![0, 1, 4]));
    Ok(())
}

fn without_a_window_an_endless_source_is_bounded_too() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let (source, taken) = counted();
    assert_eq!(pool.imap(square, source).take(1000).map(Result::unwrap).max(), Some(999 * 999));
    let (chunks, chunks_taken) = counted();
    assert_eq!(pool.with_chunksize(100).imap(square, chunks).nth(999).unwrap()?, 999 * 999);
    assert!(taken.load(SeqCst) <= 1000 + 256, "{taken:?}");
    assert!(chunks_taken.load(SeqCst) <= 1000 + 4 * 2 * 100, "{chunks_taken:?}");
    Ok(())
}

/// Bytes of a large result, and how many of them come: more than the test allows to the parent.
const LARGE: usize = 4 << 20;
const LARGE_COUNT: usize = 200;

fn large_results_are_bounded_by_their_bytes() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let large = |n: u64| {
        // Slow enough for the whole window to be submitted before there is a result.
        thread::sleep(Duration::from_millis(2));
        vec![n as u8; LARGE]
    };
    let mut count = 0;
    for result in pool.imap(large, 0..LARGE_COUNT as u64) {
        assert_eq!((count < LARGE_COUNT, result?.last()), (true, Some(&(count as u8))));
        count += 1;
        if count % 20 == 1 {
            // The loop is slow, too, so that all that was submitted is there.
            eventually("all tasks are done", || pool.statistics().queued + pool.statistics().running == 0);
            let memory = resident_kib();
            assert!(memory < 60 * (LARGE as u64 >> 10), "{memory} KiB after {count} results");
        }
    }
    assert_eq!(count, LARGE_COUNT);
    Ok(())
}

fn first_results_do_not_wait_for_a_slow_source() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let (source, taken) = counted();
    // To fill this window would take hours.
    let slow = source.inspect(|_| thread::sleep(Duration::from_millis(5)));
    let mut lazy = pool.with_window(1_000_000).imap(square, slow);
    assert_eq!(lazy.next().unwrap()?, 0);
    assert!(taken.load(SeqCst) < 2000, "{taken:?}");
    Ok(())
}

fn dropped_iterator_reads_no_more_of_its_source() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let (source, taken) = counted();
    let mut lazy = pool.imap(square, source);
    lazy.nth(10).unwrap()?;
    drop(lazy);
    let then = taken.load(SeqCst);
    pool.map(nap, [20, 20, 20, 20])?;
    assert_eq!(taken.load(SeqCst), then);
    Ok(())
}

fn dropped_iterator_drops_queued_tasks() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let mut lazy = pool.with_window(100).imap(pass, std::iter::repeat(gate.path()));
    assert!(matches!(lazy.next_timeout(Duration::from_millis(1)), Some(Err(Error::TimedOut { .. }))));
    gate.await_arrivals(1);
    drop(lazy);
    gate.open();
    assert_eq!(pool.apply(square, (3,))?, 9);
    assert_eq!(gate.arrived().len(), 1);
    let stats = pool.statistics();
    assert_eq!((stats.submitted, stats.completed, stats.failed, stats.cancelled), (101, 2, 0, 99));
    Ok(())
}

fn idle_iterator_works_ahead() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    gate.open();
    let lazy = pool.imap(pass, vec![gate.path(); 2]);
    gate.await_arrivals(2);
    assert_eq!(lazy.count(), 2);
    Ok(())
}

fn fails_at_multiples_of_three(n: u32) -> u32 {
    assert!(!n.is_multiple_of(3), "{n} is a multiple of three");
    n
}

fn failures_come_in_place_and_the_rest_goes_on() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    for chunksize in [1, 4, 50] {
        let results: Vec<_> = pool.with_chunksize(chunksize).imap(fails_at_multiples_of_three, 0..50).collect();
        assert_eq!(results.len(), 50);
        for (n, result) in results.into_iter().enumerate() {
            match result {
                Ok(value) => assert_eq!((value as usize, n % 3 != 0), (n, true)),
                Err(Error::Panicked { message, .. }) => assert_eq!(message, format!("{n} is a multiple of three")),
                Err(other) => panic!("{other}"),
            }
        }
    }
    Ok(())
}

fn unordered_results_overtake_a_long_task() -> Result<()> {
    fn wait_at(gate: Option<PathBuf>) -> bool {
        gate.map(pass).is_some()
    }
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    for chunksize in [1, 5] {
        let items: Vec<_> = (0..100).map(|n| (n == 0).then(|| gate.path())).collect();
        let mut lazy = pool.with_chunksize(chunksize).imap_unordered(wait_at, items);
        for _ in chunksize..100 {
            assert!(!lazy.next().unwrap()?, "the long task cannot be done");
        }
        gate.open();
        assert_eq!(lazy.filter(|result| matches!(result, Ok(true))).count(), 1);
        std::fs::remove_file(gate.path().join("open")).unwrap();
    }
    Ok(())
}

fn late_result_can_be_requested_again() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let mut lazy = pool.imap(pass, [gate.path(), gate.path()]);
    for _ in 0..3 {
        match lazy.next_timeout(Duration::from_millis(2)) {
            Some(Err(Error::TimedOut { after, pid: None, .. })) => assert_eq!(after, Duration::from_millis(2)),
            other => panic!("{other:?}"),
        }
    }
    gate.open();
    assert!(lazy.next_timeout(Duration::from_secs(50)).unwrap().is_ok());
    assert!(lazy.next_timeout(Duration::MAX).unwrap().is_ok());
    assert!(lazy.next_timeout(Duration::ZERO).is_none());
    assert!(lazy.next().is_none() && lazy.next().is_none());
    Ok(())
}

fn panicking_source_leaves_the_pool_intact() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let source = || (0..100u64).inspect(|n| assert!(*n < 50, "no more"));
    let panics = |act: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(act)).is_err());
    panics(&mut || drop(pool.map(square, source())));
    panics(&mut || drop(pool.map_async(square, source())));
    panics(&mut || drop(pool.with_chunksize(7).map(square, source())));
    panics(&mut || assert_eq!(pool.imap(square, source()).count(), 0));
    assert_eq!(pool.map(square, 0..20)?, crate::support::squares(20));
    pool.close();
    pool.join()
}

fn several_lazy_maps_may_be_interleaved() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let mut lazies: Vec<_> = (0..10).map(|_| pool.with_window(5).imap(square, 0u64..)).collect();
    for n in 0..200 {
        for lazy in &mut lazies {
            assert_eq!(lazy.next().unwrap()?, square(n));
        }
    }
    Ok(())
}

fn lazy_map_may_feed_another() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let inner = pool.imap(square, 0u64..).map(Result::unwrap);
    let outer: Result<Vec<_>> = pool.imap(square, inner).take(50).collect();
    assert!(outer?.into_iter().zip(0..).all(|(value, n)| value == square(square(n))));
    Ok(())
}

fn lazy_map_can_move_to_another_thread() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let mut lazy = pool.imap(square, 0u64..1000);
    assert_eq!(lazy.next().unwrap()?, 0);
    let rest = thread::spawn(move || lazy.map(Result::unwrap).collect::<Vec<_>>()).join().unwrap();
    assert_eq!(rest, crate::support::squares(1000)[1..]);
    Ok(())
}
