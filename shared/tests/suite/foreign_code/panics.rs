//! Panics in wakers, callbacks, sources, states, arguments, results and drops: each costs who made
//! it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, ThreadPool, partial};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::is_well;
use crate::support::{METHODS, Named, fail_if_odd, named, nap, own_pid, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    panicking_waker_stops_no_other_task
    panicking_waker_keeps_the_leader
    callback_panic_that_panics_on_drop_fails_its_result
    result_panicking_on_drop_stops_no_callback
    payload_panicking_on_drop_fails_its_task
    panic_of_a_source_reaches_only_its_caller
    panicking_lazy_source_ends_after_earlier_items
    source_panicking_on_drop_ends_its_iteration
    state_panicking_on_drop_ends_no_worker
    panicking_arguments_fail_only_their_task
};

/// Panics when it is dropped, unless that would end the process.
#[derive(Debug, Default)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

struct BadWaker;

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        panic_any(Bomb)
    }
}

/// Has a bad waker wait for a task.
fn poll_badly<R>(future: impl Future<Output = Result<R>>, meanwhile: impl FnOnce()) {
    let mut future = pin!(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(BadWaker)))).is_pending());
    meanwhile();
}

pub(crate) fn panicking_waker_stops_no_other_task() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    poll_badly(pool.apply_async(nap, (50,)), || thread::sleep(Duration::from_millis(300)));
    is_well(&pool)?;
    let threads = ThreadPool::with_processes(1)?;
    poll_badly(threads.apply_async(nap, (50,)), || thread::sleep(Duration::from_millis(300)));
    assert_eq!(threads.map(square, 0..10u64)?, squares(10));
    // Also one that waits for callbacks.
    let (go, gate) = channel::<()>();
    let called = pool.apply_async(square, (2,)).callback(move |_| {
        let _ = gate.recv();
    });
    poll_badly(called, || drop(go));
    is_well(&pool)
}

pub(crate) fn panicking_waker_keeps_the_leader() -> Result<()> {
    let pool = Arc::new(Pool::with_processes(2)?);
    for _ in 0..20 {
        thread::scope(|scope| {
            let other = scope.spawn(|| pool.apply(nap, (30,)));
            // The callers lead: one of them finds the result that the bad waker waits for.
            poll_badly(pool.apply_async(nap, (5,)), || {
                assert_eq!(pool.apply(nap, (20,)).unwrap(), 20);
            });
            assert_eq!(other.join().unwrap().unwrap(), 30);
        });
    }
    is_well(&pool)
}

pub(crate) fn callback_panic_that_panics_on_drop_fails_its_result() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let failed = pool.apply_async(square, (1,)).callback(|_| panic_any(Bomb)).get();
    assert!(matches!(failed, Err(Error::Panicked { .. })), "{failed:?}");
    let held = Bomb;
    let failed = pool.apply_async(square, (1,)).callback(move |_| drop(held)).get();
    assert!(matches!(failed, Err(Error::Panicked { .. })), "{failed:?}");
    // It is not called, only dropped.
    let held = Bomb;
    let _ = pool.apply_async(square, (1,)).error_callback(move |_| drop(held)).get();
    is_well(&pool)
}

/// A task: a result that panics when the parent decodes it, if `decode`, or else when the callback
/// thread drops it.
fn tricky(decode: bool) -> Simple {
    Simple(decode)
}

#[derive(Debug)]
struct Simple(bool);

impl Serialize for Simple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.0)
    }
}

impl<'de> Deserialize<'de> for Simple {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = bool::deserialize(deserializer)?;
        assert!(!decode, "it cannot be decoded");
        Ok(Self(decode))
    }
}

impl Drop for Simple {
    fn drop(&mut self) {
        if !self.0 && !thread::panicking() && thread::current().name() == Some("multiproc-callbacks") {
            panic!("dropped on the callback thread");
        }
    }
}

pub(crate) fn result_panicking_on_drop_stops_no_callback() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    // It panics when it is decoded there, or is dropped there after its callback has panicked, or
    // with the handle.
    let failed = pool.apply_async(tricky, (true,)).callback(|_| ()).get();
    assert!(failed.is_err(), "{failed:?}");
    let failed = pool.apply_async(tricky, (false,)).callback(|_| panic!("a callback")).get();
    assert!(matches!(failed, Err(Error::Panicked { .. })), "{failed:?}");
    drop(pool.apply_async(tricky, (false,)).callback(|_| ()));
    is_well(&pool)
}

pub(crate) fn payload_panicking_on_drop_fails_its_task() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let worker = pool.apply(own_pid, ())?;
        let error = pool.apply(|| -> u32 { panic_any(Bomb) }, ()).unwrap_err();
        assert!(matches!(error, Error::Panicked { .. }), "{error}");
        // Arguments whose encoding panics with such a payload, alone and among others, and results
        // that do.
        assert!(matches!(pool.apply(|_: Refuses| (), (Refuses,)), Err(Error::Encode(_))));
        assert!(matches!(pool.map(|_: Refuses| (), [Refuses, Refuses]), Err(Error::Encode(_))));
        assert!(matches!(pool.apply(|| Refuses, ()), Err(Error::Panicked { .. })));
        assert_eq!(pool.apply(own_pid, ())?, worker, "the worker lives on");
        is_well(&pool)?;
    }
    Ok(())
}

/// Panics when it is serialized.
#[derive(Debug, Deserialize)]
struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic_any(Bomb)
    }
}

fn panics_at(limit: u64) -> impl Iterator<Item = u64> {
    (0..).inspect(move |n| assert!(*n < limit, "the source is broken"))
}

pub(crate) fn panic_of_a_source_reaches_only_its_caller() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    for limit in [0, 1, 7, 100] {
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map(square, panics_at(limit).take(1000)))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map_async(square, panics_at(limit).take(1000)))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| threads.map(square, panics_at(limit).take(1000)))).is_err());
        is_well(&pool)?;
        assert_eq!(threads.map(square, 0..10u64)?, squares(10));
    }
    pool.close();
    pool.join()
}

pub(crate) fn panicking_lazy_source_ends_after_earlier_items() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    for chunksize in [1, 3, 10] {
        let by_processes = pool.with_chunksize(chunksize).with_window(30).imap(square, panics_at(25));
        let by_threads = threads.with_chunksize(chunksize).with_window(30).imap(square, panics_at(25));
        let all: [Box<dyn Iterator<Item = Result<u64>>>; 2] = [Box::new(by_processes), Box::new(by_threads)];
        for mut results in all {
            let (mut got, mut panics) = (Vec::new(), 0);
            loop {
                match catch_unwind(AssertUnwindSafe(|| results.next())) {
                    Ok(Some(result)) => got.push(result?),
                    Ok(None) => break,
                    Err(_) => panics += 1,
                }
            }
            assert_eq!((got, panics), (squares(25), 1), "chunks of {chunksize}");
        }
        is_well(&pool)?;
    }
    Ok(())
}

pub(crate) fn source_panicking_on_drop_ends_its_iteration() -> Result<()> {
    struct Source(u64, Bomb);
    impl Iterator for Source {
        type Item = u64;
        fn next(&mut self) -> Option<u64> {
            self.0 += 1;
            (self.0 <= 5).then_some(self.0)
        }
    }
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    assert_eq!(pool.imap(square, Source(0, Bomb)).collect::<Result<Vec<_>>>()?, [1, 4, 9, 16, 25]);
    assert_eq!(threads.imap(square, Source(0, Bomb)).collect::<Result<Vec<_>>>()?, [1, 4, 9, 16, 25]);
    is_well(&pool)
}

/// A state that panics when a worker drops it.
#[derive(Serialize, Deserialize)]
struct BadState {
    parent: u32,
}

impl Drop for BadState {
    fn drop(&mut self) {
        if std::process::id() != self.parent && !thread::panicking() {
            panic!("the state is dropped");
        }
    }
}

pub(crate) fn state_panicking_on_drop_ends_no_worker() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let worker = pool.apply(own_pid, ())?;
    for _ in 0..3 {
        let state = BadState { parent: std::process::id() };
        pool.map(partial(|_: &BadState, n: u64| n, state), 0..10u64)?;
    }
    assert_eq!(pool.apply(own_pid, ())?, worker);
    let state = BadState { parent: std::process::id() };
    let last = pool.map_async(partial(|_: &BadState, n: u64| n, state), 0..10u64);
    last.wait();
    pool.close();
    pool.join()?;
    assert_eq!(pool.statistics().workers_lost, 0, "an orderly end, whatever the state does");
    Ok(())
}

/// Arguments that do something bad.
#[derive(Debug, Serialize)]
struct Argument(u64);

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u64::deserialize(deserializer)?;
        assert!(n != 1, "decoded");
        Ok(Self(n))
    }
}

impl Drop for Argument {
    fn drop(&mut self) {
        if self.0 == 2 && !thread::panicking() {
            panic_any(Bomb);
        }
    }
}

pub(crate) fn panicking_arguments_fail_only_their_task() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        for chunksize in [1, 4] {
            let outcomes: Vec<_> = pool
                .with_chunksize(chunksize)
                .imap(|argument: Argument| argument.0, (0..5).map(Argument))
                .map(Result::ok)
                .collect();
            assert_eq!(outcomes, [Some(0), None, None, Some(3), Some(4)]);
        }
        assert!(pool.map(fail_if_odd, 0..4).is_err());
        is_well(&pool)?;
        assert_eq!(pool.statistics().workers_lost, 0);
    }
    Ok(())
}
