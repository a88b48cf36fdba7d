//! Results that come later: waiting, callbacks, futures and cancelling.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use multiproc::{AsyncResult, Error, Executor, Pool, Result};

use crate::support::{Gate, Named, eventually, fail_if_odd, message, named, nap, pass, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    late_result_can_be_waited_for_again
    result_becomes_ready_without_a_waiter
    result_outlives_its_pool
    results_can_be_awaited_in_any_order
    future_wakes_its_task_when_it_is_done
    queued_task_can_be_cancelled
    cancelling_a_running_task_ends_only_its_worker
    cancelling_wakes_waiters
    finished_task_cannot_be_cancelled
    cancelling_returns_the_value_or_cancelled
};

const LONG: Duration = Duration::from_secs(50);
const SHORT: Duration = Duration::from_millis(2);

fn late_result_can_be_waited_for_again() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let mut late = pool.apply_async(pass, (gate.path(),));
    assert!(matches!(late.get_timeout(SHORT), Err(Error::TimedOut { after: SHORT, pid: None, .. })));
    assert!(!late.wait_timeout(SHORT) && !late.ready());
    assert!(matches!(late.successful(), Err(Error::InvalidState(_))));
    gate.open();
    late.wait();
    assert!(late.wait_timeout(Duration::ZERO) && late.ready() && late.successful()?);
    assert_eq!(late.get_timeout(LONG)?, pids(&pool)[0]);
    assert!(matches!(late.get_timeout(LONG), Err(Error::InvalidState(_))), "a result is taken once");
    Ok(())
}

fn result_becomes_ready_without_a_waiter() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let later: Vec<_> = (0..100).map(|n| pool.apply_async(square, (n,))).collect();
    eventually("all are done", || pool.statistics().completed == 100);
    assert!(later.iter().all(AsyncResult::ready));
    let map = pool.map_async(fail_if_odd, 0..10);
    eventually("the map is done", || map.ready());
    assert!(!map.successful()?);
    assert_eq!(message(map.get()), "task 1 failed");
    Ok(())
}

fn result_outlives_its_pool() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let done = pool.apply_async(square, (5,));
    done.wait();
    let running = pool.apply_async(pass, (gate.path(),));
    let waiting = pool.map_async(square, 0..10);
    gate.await_arrivals(1);
    drop(pool);
    assert_eq!(done.get()?, 25);
    assert!(matches!(running.get(), Err(Error::Cancelled)));
    assert!(matches!(waiting.get(), Err(Error::Cancelled)));
    Ok(())
}

fn results_can_be_awaited_in_any_order() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let mut results: Vec<_> = (0..50).map(|n| (n, pool.apply_async(square, (n,)))).collect();
    results.reverse();
    for (n, result) in results {
        assert_eq!(pollster::block_on(result)?, square(n));
    }
    assert_eq!(message(pollster::block_on(pool.map_async(fail_if_odd, 0..5))), "task 1 failed");
    let called = pool.apply_async(square, (3,)).callback(|_| panic!("no"));
    assert_eq!(message(pollster::block_on(called)), "in a callback: no");
    Ok(())
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn future_wakes_its_task_when_it_is_done() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut future = pin!(pool.apply_async(pass, (gate.path(),)));
    for _ in 0..3 {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(count.0.load(SeqCst), 0);
    gate.open();
    eventually("the task is woken", || count.0.load(SeqCst) > 0);
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    Ok(())
}

/// Waits in a thread of its own, so that a test can see what a waiting thread gets.
fn waiting<R: Send + 'static>(result: AsyncResult<R>) -> Receiver<Result<R>> {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(result.get()));
    receiver
}

fn queued_task_can_be_cancelled() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let running = pool.apply_async(pass, (gate.path(),));
    gate.await_arrivals(1);
    let (unwanted, wanted) = (pool.apply_async(pass, (gate.path(),)), pool.apply_async(square, (2,)));
    assert!(unwanted.cancel());
    assert!(matches!(unwanted.get(), Err(Error::Cancelled)));
    gate.open();
    assert_eq!((running.get()?, wanted.get()?), (pids(&pool)[0], 4));
    assert_eq!((gate.arrived().len(), pool.statistics().workers_lost), (1, 0));
    Ok(())
}

fn cancelling_a_running_task_ends_only_its_worker() -> Result<()> {
    let (pool, gate, other) = (Pool::with_processes(2)?, Gate::new(), Gate::new());
    let bystander = pool.apply_async(pass, (other.path(),));
    other.await_arrivals(1);
    let mut unwanted = pool.apply_async(pass, (gate.path(),));
    let behind: Vec<_> = (0..20).map(|n| pool.apply_async(square, (n,))).collect();
    gate.await_arrivals(1);
    assert!(unwanted.cancel());
    assert!(matches!(unwanted.get_timeout(LONG), Err(Error::Cancelled)));
    assert!(!unwanted.cancel(), "nothing is left to cancel");
    other.open();
    assert_eq!(bystander.get()?, other.arrived()[0]);
    assert!(behind.into_iter().zip(0..).all(|(result, n)| result.get().unwrap() == square(n)));
    let now = pids(&pool);
    assert!(now.contains(&other.arrived()[0]) && !now.contains(&gate.arrived()[0]));
    Ok(())
}

fn cancelling_wakes_waiters() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let task = Arc::new(pool.with_chunksize(2).map_async(pass, vec![gate.path(); 10]));
    gate.await_arrivals(1);
    let waiter = thread::spawn({
        let task = task.clone();
        move || task.wait()
    });
    thread::sleep(SHORT);
    assert!(task.cancel());
    waiter.join().unwrap();
    assert!(matches!(Arc::into_inner(task).unwrap().get(), Err(Error::Cancelled)));
    assert_eq!((gate.arrived().len(), pool.apply(square, (1,))?), (1, 1));
    Ok(())
}

fn finished_task_cannot_be_cancelled() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let done = pool.apply_async(square, (6,));
    done.wait();
    assert!(!done.cancel());
    assert_eq!((done.get()?, pool.statistics().workers_lost), (36, 0));
    Ok(())
}

fn cancelling_returns_the_value_or_cancelled() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    for round in 0..100 {
        let task = pool.apply_async(nap, (1,));
        thread::sleep(Duration::from_micros(30 * round));
        task.cancel();
        assert!(matches!(waiting(task).recv_timeout(LONG), Ok(Ok(1) | Err(Error::Cancelled))));
    }
    assert_eq!(pool.map(square, 0..50)?, squares(50));
    Ok(())
}
