//! Memory after panics, cancelled tasks and refused values.

use std::panic::panic_any;

use multiproc::{Error, Executor, Pool, Result, StartMethod, ThreadPool, pipe};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::SLACK;
use crate::support::{Named, named, resident_kib, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    panics_of_tasks_leave_no_memory_in_workers
    panics_of_tasks_leave_no_memory_in_threads
    panics_of_callbacks_leave_no_memory
    panics_of_serialization_leave_no_memory
    payloads_that_panic_without_end_are_given_up
    untaken_results_leave_no_memory
    cancelled_tasks_leave_no_memory
    refused_values_leave_no_memory
};

/// Failures that a test makes. Most are of some kilobytes, so that a leak of a part of them shows.
const FAILURES: u64 = 100_000;

/// Failures that a test makes whose backtraces have the names of functions in them, if the
/// environment asks for backtraces: to find those takes long.
const TRACED: u64 = FAILURES / 10;

/// The first of so many parts of the failures is to warm up: what is allocated once, or kept for
/// the next time, is there after it.
const PARTS: u64 = 20;

/// Calls that are under way together.
const BATCH: u64 = 100;

/// Bytes of a panic's payload.
pub(super) const SIZE: usize = 10_000;

/// Calls `fail` with numbers that add up to [`FAILURES`], and checks that what `memory` tells stays
/// level.
fn stays_level(memory: impl Fn() -> Result<u64>, fail: impl FnMut(u64) -> Result<()>) -> Result<()> {
    stays_level_after(FAILURES, memory, fail)
}

/// As [`stays_level`], with another number of failures.
fn stays_level_after(
    failures: u64,
    memory: impl Fn() -> Result<u64>,
    mut fail: impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    fail(failures / PARTS)?;
    let before = memory()?;
    fail(failures - failures / PARTS)?;
    let growth = memory()?.saturating_sub(before);
    assert!(growth < SLACK, "{growth} KiB more after {failures} failures, {before} KiB before");
    Ok(())
}

/// Resident memory of this process and the pool's only worker, in KiB.
fn memory_of(pool: &Pool) -> Result<u64> {
    Ok(resident_kib() + pool.apply(resident_kib, ())?)
}

/// A panic's payload that is not text.
struct Payload(#[allow(dead_code, reason = "it is there to take memory")] Vec<u8>);

/// A panic's payload whose drop panics, with the next.
struct Bomb(u32, #[allow(dead_code, reason = "it is there to take memory")] Vec<u8>);

impl Bomb {
    fn new(left: u32) -> Self {
        Self(left, vec![1; SIZE])
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Self::new(self.0 - 1));
        }
    }
}

/// A task: panics with text, with something else, or with what panics again.
fn panics(n: u64) -> u64 {
    match n % 10 {
        0 => panic!("{}", "x".repeat(SIZE)),
        1 => panic_any(Bomb::new(2)),
        _ => panic_any(Payload(vec![1; SIZE])),
    }
}

fn is_panic<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Panicked { .. }))
}

fn panics_of_tasks_leave_no_memory_in_workers() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        stays_level_after(
            TRACED,
            || memory_of(&pool),
            |count| {
                assert!(pool.imap(panics, 0..count).all(|result| is_panic(&result)));
                Ok(())
            },
        )?;
        assert_eq!(pool.map(square, 0..100)?, squares(100));
    }
    Ok(())
}

/// Panics of threads would be printed.
fn print_no_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

fn panics_of_tasks_leave_no_memory_in_threads() -> Result<()> {
    let pool = ThreadPool::with_processes(2)?;
    stays_level_after(
        TRACED,
        || Ok(resident_kib()),
        |count| {
            assert!(pool.imap(panics, 0..count).all(|result| is_panic(&result)));
            Ok(())
        },
    )?;
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    Ok(())
}

fn panics_of_callbacks_leave_no_memory() -> Result<()> {
    print_no_panics();
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    let react = |_: &Result<u64>| panic_any(Bomb::new(1));
    stays_level(
        || memory_of(&pool),
        |count| {
            // Many at a time: to wait for each takes a turn of the CPU, which is long on a busy
            // machine.
            for _ in 0..count / 2 / BATCH {
                let both = (0..BATCH).flat_map(|n| {
                    let in_worker = pool.apply_async(square, (n,)).done_callback(react);
                    [in_worker, threads.apply_async(square, (n,)).done_callback(react)]
                });
                let both: Vec<_> = both.collect();
                assert!(both.into_iter().all(|result| is_panic(&result.get())));
            }
            Ok(())
        },
    )
}

/// Panics when it is serialized (`true`), or deserialized.
#[derive(Debug)]
struct Fragile(bool);

impl Serialize for Fragile {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self.0 {
            true => panic_any(Bomb::new(1)),
            false => serializer.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        bool::deserialize(deserializer)?;
        panic_any(Bomb::new(1))
    }
}

/// A task: panics before it begins, when its argument is decoded.
fn takes_fragile(_: Fragile) {}

/// A task whose result panics where it is decoded, or, if `early`, where it is encoded.
fn returns_fragile(early: bool) -> Fragile {
    Fragile(early)
}

fn panics_of_serialization_leave_no_memory() -> Result<()> {
    print_no_panics();
    let pool = Pool::with_processes(1)?;
    let (ours, _theirs) = pipe::<Fragile, Fragile>()?;
    let queue = multiproc::Queue::<Fragile>::new()?;
    stays_level_after(
        TRACED,
        || memory_of(&pool),
        |count| {
            let each = count / 7;
            for _ in 0..each {
                assert!(pool.apply(takes_fragile, (Fragile(true),)).is_err());
                assert!(pool.apply(takes_fragile, (Fragile(false),)).is_err());
                assert!(pool.apply(multiproc::partial(|_: &Fragile| (), Fragile(true)), ()).is_err());
                assert!(matches!(ours.send(Fragile(true)), Err(Error::Encode(_))));
                assert!(queue.put(Fragile(true)).is_err());
            }
            assert!(pool.imap(returns_fragile, (0..each).map(|_| true)).all(|result| result.is_err()));
            assert!(pool.imap(returns_fragile, (0..each).map(|_| false)).all(|result| result.is_err()));
            Ok(())
        },
    )?;
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    Ok(())
}

/// A payload whose drop panics without end.
struct Endless;

impl Drop for Endless {
    fn drop(&mut self) {
        panic_any(Endless);
    }
}

fn payloads_that_panic_without_end_are_given_up() -> Result<()> {
    print_no_panics();
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    let panics = || -> u64 { panic_any(Endless) };
    for _ in 0..100 {
        assert!(is_panic(&pool.apply(panics, ())));
        assert!(is_panic(&threads.apply(panics, ())));
        assert!(is_panic(&threads.apply_async(square, (1,)).done_callback(|_| panic_any(Endless)).get()));
    }
    assert_eq!(pool.workers()[0].tasks_done, 100, "the worker lives");
    Ok(())
}

fn untaken_results_leave_no_memory() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    let large = |n: u64| vec![n as u8; SIZE];
    stays_level(
        || memory_of(&pool),
        |count| {
            for n in 0..count / 100 {
                for m in 0..45 {
                    drop(pool.apply_async(large, (m,)));
                    drop(threads.apply_async(large, (m,)));
                }
                drop(pool.with_window(5).imap(large, 0..).next());
                drop(threads.with_window(5).imap(large, 0..).next());
                assert_eq!((pool.apply(square, (n,))?, threads.apply(square, (n,))?), (n * n, n * n));
            }
            Ok(())
        },
    )
}

fn cancelled_tasks_leave_no_memory() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    let takes = |bytes: Vec<u8>| bytes.len();
    // Those that are cancelled wait behind one that runs.
    stays_level(
        || memory_of(&pool),
        |count| {
            for _ in 0..count / 500 {
                let first =
                    (pool.apply_async(crate::support::nap, (2,)), threads.apply_async(crate::support::nap, (2,)));
                let waiting: Vec<_> = (0..250)
                    .flat_map(|_| {
                        let bytes = vec![1; SIZE];
                        [pool.apply_async(takes, (bytes.clone(),)), threads.apply_async(takes, (bytes,))]
                    })
                    .collect();
                waiting.iter().for_each(|task| {
                    task.cancel();
                });
                drop(waiting);
                // One that was cancelled when it was about to run may have cost the first its
                // worker.
                drop((first.0.get(), first.1.get()));
            }
            Ok(())
        },
    )
}

/// A value that cannot be encoded.
struct Refused(#[allow(dead_code, reason = "it is there to take memory")] Vec<u8>);

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("x".repeat(SIZE)))
    }
}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(_: D) -> std::result::Result<Self, D::Error> {
        Err(serde::de::Error::custom("x".repeat(SIZE)))
    }
}

fn refused_values_leave_no_memory() -> Result<()> {
    let pool = Pool::builder().processes(1).max_message(2 * SIZE as u64).build()?;
    stays_level(
        || memory_of(&pool),
        |count| {
            let each = count / 4;
            for _ in 0..each {
                assert!(pool.apply(|_: Refused| (), (Refused(vec![1; SIZE]),)).is_err());
                assert!(pool.apply(|bytes: Vec<u8>| bytes.len(), (vec![1; 3 * SIZE],)).is_err());
            }
            assert!(pool.imap(|_: u64| Refused(vec![1; SIZE]), 0..each).all(|result| result.is_err()));
            assert!(pool.imap(|_: u64| vec![1u8; 3 * SIZE], 0..each).all(|result| result.is_err()));
            Ok(())
        },
    )
}
