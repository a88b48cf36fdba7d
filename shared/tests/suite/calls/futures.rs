//! Several results at once: waiting for any, for all, and taking them as they come.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use multiproc::{
    AsyncResult, Connection, Error, Executor, FutureState, Pool, Result, ReturnWhen, ThreadPool, Waited, as_completed,
    pipe, wait_for_all, wait_for_any, wait_futures,
};

use crate::support::{Death, Gate, Named, fail_if_odd, leaves_nothing, message, named, pass, square};

pub(crate) const TESTS: &[Named] = named! {
    wait_for_any_returns_while_others_run
    wait_for_a_failure_returns_at_the_first_or_the_end
    cancelled_future_counts_as_failed
    cancelled_task_with_a_handle_is_cancelled_whenever_it_begins
    tasks_cancelled_before_their_worker_is_ready_leave_the_pool_working
    timeout_ends_a_wait_and_nothing_is_lost
    future_given_twice_is_returned_twice
    results_come_in_order_of_completion
    thousand_results_come_each_once
    late_futures_time_out_in_turn
    unfinished_futures_can_be_taken_back
    result_is_done_once_its_callbacks_have_run
    processes_and_threads_can_be_waited_for_together
    lost_worker_ends_a_wait
};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(50);

/// A task: waits at the gate and returns its number.
fn numbered(gate: PathBuf, n: u64) -> u64 {
    pass(gate);
    n
}

/// Runs a test for either executor, with a gate that outlives it: a thread must come through before
/// it can end.
fn on_both(test: fn(&dyn Submit, &Gate) -> Result<()>) -> Result<()> {
    leaves_nothing(|| {
        let gate = Gate::new();
        test(&Pool::with_processes(2)?, &gate)
    })?;
    let gate = Gate::new();
    test(&ThreadPool::with_processes(2)?, &gate)
}

/// What the tests submit, by either executor.
trait Submit {
    fn squared(&self, n: u64) -> AsyncResult<u64>;
    fn even(&self, n: u64) -> AsyncResult<u64>;
    fn behind(&self, gate: &Gate, n: u64) -> AsyncResult<u64>;
}

impl<E: Executor> Submit for E {
    fn squared(&self, n: u64) -> AsyncResult<u64> {
        self.submit(square, (n,))
    }

    fn even(&self, n: u64) -> AsyncResult<u64> {
        self.submit(fail_if_odd, (n,))
    }

    fn behind(&self, gate: &Gate, n: u64) -> AsyncResult<u64> {
        self.submit(numbered, (gate.path(), n))
    }
}

fn wait_for_any_returns_while_others_run() -> Result<()> {
    on_both(|executor, gate| {
        let futures = [executor.behind(gate, 1), executor.squared(2)];
        assert_eq!(wait_for_any(&futures), Some(1));
        let waited = wait_futures(&futures, ReturnWhen::FirstCompleted, Some(LONG));
        assert_eq!(waited, Waited { done: vec![1], pending: vec![0] });
        gate.open();
        wait_for_all(&futures);
        assert!(futures.iter().all(|future| future.state() == FutureState::Done));
        let [first, second] = futures;
        assert_eq!((first.get()?, second.get()?), (1, 4));
        assert_eq!(wait_for_any::<u64>(&[]), None);
        Ok(())
    })
}

fn wait_for_a_failure_returns_at_the_first_or_the_end() -> Result<()> {
    on_both(|executor, gate| {
        let futures = [executor.squared(1), executor.behind(gate, 2), executor.even(3)];
        let waited = wait_futures(&futures, ReturnWhen::FirstFailed, None);
        assert!(waited.done.contains(&2) && waited.pending.contains(&1));
        gate.open();
        let good = &futures[..2];
        assert_eq!(wait_futures(good, ReturnWhen::FirstFailed, None).done, [0, 1]);
        let [_, _, failed] = futures;
        assert_eq!(message(failed.get()), "task 3 failed");
        Ok(())
    })
}

fn hold(connection: Connection<u64, ()>) {
    thread::sleep(LONG);
    drop(connection);
}

fn cancelled_task_with_a_handle_is_cancelled_whenever_it_begins() -> Result<()> {
    leaves_nothing(|| {
        let pool = Pool::with_processes(1)?;
        for round in 0..60 {
            let (_ours, theirs) = pipe::<(), u64>()?;
            let unwanted = pool.apply_async(hold, (theirs,));
            // The task begins at about the time at which its worker is killed.
            thread::sleep(Duration::from_micros(10 * round));
            assert!(unwanted.cancel());
            let result = unwanted.get();
            assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
        }
        assert_eq!((pool.statistics().cancelled, pool.statistics().lost), (60, 0));
        Ok(())
    })
}

fn begin_slowly() {
    thread::sleep(Duration::from_millis(20));
}

fn tasks_cancelled_before_their_worker_is_ready_leave_the_pool_working() -> Result<()> {
    leaves_nothing(|| {
        let pool = Pool::builder().processes(1).initializer(begin_slowly, ()).build()?;
        for _ in 0..15 {
            let (_ours, theirs) = pipe::<(), u64>()?;
            let unwanted = pool.apply_async(hold, (theirs,));
            assert!(unwanted.cancel());
            assert!(matches!(unwanted.get(), Err(Error::Cancelled)));
        }
        assert_eq!(pool.apply(square, (3,))?, 9);
        Ok(())
    })
}

fn cancelled_future_counts_as_failed() -> Result<()> {
    on_both(|executor, gate| {
        let running = [executor.behind(gate, 0), executor.behind(gate, 1)];
        gate.await_arrivals(2);
        let unwanted = executor.squared(2);
        assert!(unwanted.cancel());
        let futures = [&running[0], &unwanted];
        assert_eq!(wait_futures(futures, ReturnWhen::FirstFailed, None).done, [1]);
        gate.open();
        Ok(())
    })
}

fn timeout_ends_a_wait_and_nothing_is_lost() -> Result<()> {
    on_both(|executor, gate| {
        let futures = [executor.behind(gate, 1), executor.behind(gate, 2)];
        for _ in 0..100 {
            let waited = wait_futures(&futures, ReturnWhen::AllCompleted, Some(Duration::ZERO));
            assert_eq!(waited, Waited { done: vec![], pending: vec![0, 1] });
        }
        assert_eq!(wait_futures(&futures, ReturnWhen::FirstCompleted, Some(SHORT)).pending, [0, 1]);
        gate.open();
        assert_eq!(wait_futures(&futures, ReturnWhen::AllCompleted, Some(LONG)).done, [0, 1]);
        Ok(())
    })
}

fn future_given_twice_is_returned_twice() -> Result<()> {
    on_both(|executor, _| {
        let future = executor.squared(3);
        assert_eq!(wait_futures([&future, &future], ReturnWhen::AllCompleted, None).done, [0, 1]);
        future.get().map(drop)
    })
}

fn results_come_in_order_of_completion() -> Result<()> {
    on_both(|executor, gate| {
        let futures = [executor.behind(gate, 0), executor.squared(2), executor.even(3), executor.squared(4)];
        let mut results = as_completed(futures, None);
        let early: BTreeSet<_> = results.by_ref().take(3).map(|(index, result)| (index, result.ok())).collect();
        assert_eq!(early, BTreeSet::from([(1, Some(4)), (2, None), (3, Some(16))]));
        assert_eq!(results.len(), 1);
        gate.open();
        assert!(matches!(results.next(), Some((0, Ok(0)))));
        assert!(results.next().is_none());
        Ok(())
    })
}

fn thousand_results_come_each_once() -> Result<()> {
    on_both(|executor, _| {
        let futures = (0..1000).map(|n| executor.squared(n));
        let seen: BTreeSet<_> =
            as_completed(futures, Some(LONG)).map(|(n, result)| (n as u64, result.unwrap())).collect();
        assert_eq!(seen, (0..1000).map(|n| (n, square(n))).collect());
        Ok(())
    })
}

fn late_futures_time_out_in_turn() -> Result<()> {
    on_both(|executor, gate| {
        let futures = [executor.squared(2), executor.behind(gate, 1)];
        wait_for_any(&futures);
        let results: Vec<_> = as_completed(futures, Some(SHORT)).collect();
        assert!(matches!(results[..], [(0, Ok(4)), (1, Err(Error::TimedOut { after: SHORT, pid: None, .. }))]));
        gate.open();
        Ok(())
    })
}

fn unfinished_futures_can_be_taken_back() -> Result<()> {
    on_both(|executor, gate| {
        let mut results = as_completed([executor.behind(gate, 7), executor.squared(2)], None);
        assert!(matches!(results.next(), Some((1, Ok(4)))));
        let mut pending = results.into_pending();
        gate.open();
        let (index, future) = pending.pop().unwrap();
        assert_eq!((index, future.get()?, pending.len()), (0, 7, 0));
        Ok(())
    })
}

fn result_is_done_once_its_callbacks_have_run() -> Result<()> {
    on_both(|executor, gate| {
        let path = gate.path();
        let future = executor.squared(3).callback(move |_| assert!(pass(path) > 0));
        gate.await_arrivals(1);
        assert_eq!(future.state(), FutureState::Running);
        assert_eq!(wait_futures([&future], ReturnWhen::FirstCompleted, Some(SHORT)).pending, [0]);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(SHORT);
                gate.open();
            });
            assert_eq!(wait_for_any([&future]), Some(0));
        });
        assert_eq!(future.get()?, 9);
        Ok(())
    })
}

fn processes_and_threads_can_be_waited_for_together() -> Result<()> {
    let (processes, threads, gate) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?, Gate::new());
    let futures = [processes.behind(&gate, 1), threads.squared(2)];
    assert_eq!(wait_for_any(&futures), Some(1));
    gate.open();
    let mut all: Vec<_> = as_completed(futures, None).map(|(index, result)| (index, result.unwrap())).collect();
    all.sort_unstable();
    assert_eq!(all, [(0, 1), (1, 4)]);
    Ok(())
}

fn lost_worker_ends_a_wait() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let waiting = pool.submit(|gate: PathBuf| assert!(pass(gate) > 0), (gate.path(),));
    let lost: AsyncResult<()> = pool.submit(|| Death::Kill.die(), ());
    let futures = [waiting, lost];
    assert_eq!(wait_futures(&futures, ReturnWhen::FirstFailed, None).done, [1]);
    gate.open();
    let mut results: Vec<_> = as_completed(futures, None).collect();
    results.sort_unstable_by_key(|(index, _)| *index);
    assert!(matches!(results[..], [(0, Ok(())), (1, Err(Error::WorkerLost { .. }))]));
    Ok(())
}
