//! Callbacks: each once, in the parent, and none can harm more than its own job.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use multiproc::{AsyncResult, Error, Executor, Pool, ThreadPool};

use crate::support::{Death, Gate, Named, fail_if_odd, message, named, pass, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    callback_gets_the_value
    callback_of_a_map_gets_all_values_at_once
    error_callback_gets_the_first_failure_at_the_end
    lost_worker_reaches_the_error_callback
    panicking_callback_fails_only_its_job
    callback_added_late_still_runs
    callback_may_use_the_pool
    callback_may_drop_the_pool
    pool_is_joined_once_callbacks_have_run_whoever_ends_the_last_task
};

const LONG: Duration = Duration::from_secs(50);

fn callback_gets_the_value() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let (sender, values) = channel();
    let on_error = sender.clone();
    let later = pool.apply_async(square, (7,)).callback(move |value| sender.send(*value).unwrap());
    let later = later.error_callback(move |_| on_error.send(0).unwrap());
    assert_eq!((values.recv_timeout(LONG), later.get()?), (Ok(49), 49));
    assert!(values.recv().is_err(), "it was called once, and the other not at all");
    Ok(())
}

fn callback_of_a_map_gets_all_values_at_once() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let (sender, values) = channel();
    let map = pool.with_chunksize(3).map_async(square, 0..100);
    map.callback(move |values: &Vec<u64>| sender.send(values.clone()).unwrap()).wait();
    assert_eq!(values.iter().collect::<Vec<_>>(), [squares(100)]);
    Ok(())
}

fn error_callback_gets_the_first_failure_at_the_end() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    gate.open();
    let (sender, errors) = channel();
    let task = |n: u64, gate: std::path::PathBuf| {
        crate::support::arrive(&gate);
        fail_if_odd(n)
    };
    let map = pool.with_chunksize(2).starmap_async(task, (0..20u64).map(|n| (n, gate.path())).collect::<Vec<_>>());
    let copy = gate.path();
    let map = map.error_callback(move |error| {
        let seen = std::fs::read_dir(copy).unwrap().count() - 1;
        sender.send((error.to_string(), seen)).unwrap();
    });
    assert_eq!(message(map.get()), "task 1 failed");
    let (error, seen) = errors.recv_timeout(LONG).unwrap();
    assert!(error.contains("task 1 failed"), "{error}");
    assert_eq!((seen, errors.recv().is_err()), (20, true));
    Ok(())
}

fn lost_worker_reaches_the_error_callback() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    let (sender, errors) = channel();
    let lost = pool.apply_async(|| Death::Kill.die(), ());
    let lost: AsyncResult<()> = lost.error_callback(move |error| sender.send(error.clone()).unwrap());
    assert!(matches!(errors.recv_timeout(LONG), Ok(Error::WorkerLost { .. })));
    assert!(matches!(lost.get(), Err(Error::WorkerLost { .. })));
    Ok(())
}

fn panicking_callback_fails_only_its_job() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    let (sender, values) = channel();
    let results: Vec<_> = (0..10u64)
        .map(|n| {
            let sender = sender.clone();
            pool.apply_async(square, (n,)).callback(move |value| {
                assert!(n != 4, "no {n} please");
                sender.send(*value).unwrap();
            })
        })
        .collect();
    drop(sender);
    for (n, result) in (0..).zip(results) {
        match result.get() {
            Err(error) => assert_eq!((n, message::<()>(Err(error))), (4, "in a callback: no 4 please".into())),
            Ok(value) => assert_eq!((value, n != 4), (square(n), true)),
        }
    }
    assert_eq!(values.iter().count(), 9);
    Ok(())
}

fn callback_added_late_still_runs() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    let done = pool.apply_async(square, (2,));
    done.wait();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (first, second) = (order.clone(), order.clone());
    let done = done.callback(move |_| first.lock().unwrap().push(1)).callback(move |_| second.lock().unwrap().push(2));
    assert_eq!((done.get()?, &*order.lock().unwrap()), (4, &vec![1, 2]));
    Ok(())
}

fn callback_may_use_the_pool() -> multiproc::Result<()> {
    let pool = Arc::new(Pool::with_processes(2)?);
    let (sender, values) = channel();
    let inner = pool.clone();
    let later = pool.apply_async(square, (2,)).callback(move |value| {
        let again = inner.apply(square, (*value,)).unwrap();
        sender.send(inner.map_async(square, 0..again).get().unwrap().len()).unwrap();
    });
    assert_eq!((later.get()?, values.recv().unwrap()), (4, 16));
    Ok(())
}

fn callback_may_drop_the_pool() -> multiproc::Result<()> {
    let pool = Arc::new(Pool::with_processes(2)?);
    let (copy, gate) = (pool.clone(), Gate::new());
    let later = pool.apply_async(pass, (gate.path(),)).callback(move |_| drop(copy));
    drop(pool);
    gate.open();
    later.get().map(drop)
}

/// A waker that takes its time.
struct Slow;

impl Wake for Slow {
    fn wake(self: Arc<Self>) {
        thread::sleep(Duration::from_millis(500));
    }
}

fn pool_is_joined_once_callbacks_have_run_whoever_ends_the_last_task() -> multiproc::Result<()> {
    join_with_a_slow_waker(&Pool::with_processes(2)?)?;
    join_with_a_slow_waker(&ThreadPool::with_processes(2)?)
}

/// Has a thread call a slow waker of a task with a callback while this one joins the pool.
fn join_with_a_slow_waker(pool: &(impl Executor + Sync)) -> multiproc::Result<()> {
    let (gate, has_run) = (Gate::new(), Arc::new(AtomicBool::new(false)));
    let record = has_run.clone();
    let mut called_back = pool.apply_async(pass, (gate.path(),)).callback(move |_| record.store(true, SeqCst));
    let other = pool.apply_async(pass, (gate.path(),));
    gate.await_arrivals(2);
    thread::scope(|scope| {
        // This thread comes to lead as a rule, so that it is the one that calls the waker.
        scope.spawn(|| other.wait());
        thread::sleep(Duration::from_millis(50));
        let waker = Waker::from(Arc::new(Slow));
        assert!(Pin::new(&mut called_back).poll(&mut Context::from_waker(&waker)).is_pending());
        pool.close();
        gate.open();
        pool.join()?;
        assert!(has_run.load(SeqCst));
        Ok(())
    })
}
