//! Ends that can be awaited: of processes and of pools.

use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use multiproc::{Error, Event, Executor, Process, Result};
use pollster::block_on;

use crate::support::{Death, Gate, Named, fail_if_odd, is_invalid_state, message, named, pass, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    process_can_be_awaited
    process_that_is_killed_can_be_awaited
    process_is_awaited_while_it_sends_a_large_result
    await_of_a_process_can_be_given_up
    process_is_awaited_beside_others
};

const SHORT: Duration = Duration::from_millis(20);

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn process_can_be_awaited() -> Result<()> {
    let gate = Gate::new();
    let mut process = Process::new(pass, (gate.path(),)).start()?;
    assert!(poll_once(&mut process).is_pending());
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(SHORT);
            gate.open();
        });
        assert_eq!(block_on(&mut process)?, process.pid());
        Ok::<_, Error>(())
    })?;
    assert!(!process.is_alive() && process.exit_status().is_some(), "its end is known, too");
    is_invalid_state(block_on(&mut process), "joined already");
    is_invalid_state(process.join(), "joined already");
    assert_eq!(block_on(Process::new(square, (4,)).start()?)?, 16);
    assert_eq!(message(block_on(Process::new(fail_if_odd, (3,)).start()?)), "task 3 failed");
    Ok(())
}

fn process_that_is_killed_can_be_awaited() -> Result<()> {
    let gate = Gate::new();
    let mut process = Process::new(pass, (gate.path(),)).start()?;
    assert!(poll_once(&mut process).is_pending());
    process.kill()?;
    assert!(matches!(block_on(process), Err(Error::WorkerLost { .. })));
    assert!(matches!(block_on(Process::new(abort, ()).start()?), Err(Error::WorkerLost { .. })));
    Ok(())
}

/// A task: ends its process.
fn abort() {
    Death::Abort.die()
}

fn process_is_awaited_while_it_sends_a_large_result() -> Result<()> {
    let process = Process::new(|len: usize| vec![7u8; len], (30_000_000,)).start()?;
    assert_eq!(block_on(process)?.len(), 30_000_000);
    Ok(())
}

fn await_of_a_process_can_be_given_up() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let gate = Gate::new();
    let mut process = Process::new(pass, (gate.path(),)).start()?;
    runtime.block_on(async {
        for _ in 0..5 {
            assert!(tokio::time::timeout(SHORT / 10, &mut process).await.is_err());
        }
    });
    assert!(process.is_alive());
    gate.open();
    assert!(process.join()? > 0, "the result is there all the same");
    Ok(())
}

fn process_is_awaited_beside_others() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let processes: Vec<_> = (0..8).map(|n| Process::new(square, (n,)).start()).collect::<Result<_>>()?;
    let sum = runtime.block_on(async {
        let tasks: Vec<_> = processes.into_iter().map(tokio::spawn).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap()?;
        }
        Ok::<_, Error>(sum)
    })?;
    assert_eq!(sum, squares(8).into_iter().sum::<u64>());
    Ok(())
}

fn numbered(gate: PathBuf, n: u64) -> u64 {
    pass(gate);
    n
}

macro_rules! awaited_suite {
    ($backend:ident, $name:ident) => {
        pub(crate) mod $backend {
            use super::*;
            use multiproc::$name as Pool;

            pub(crate) const TESTS: &[Named] = named! {
                join_ends_at_its_timeout
                join_with_timeout_waits_for_callbacks
                closed_pool_can_be_awaited
                terminated_pool_can_be_awaited
            };

            fn join_ends_at_its_timeout() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
                is_invalid_state(pool.join_timeout(SHORT), "still open");
                let task = pool.submit(numbered, (gate.path(), 7));
                gate.await_arrivals(1);
                pool.close();
                for timeout in [Duration::ZERO, SHORT] {
                    match pool.join_timeout(timeout) {
                        Err(Error::TimedOut { after, pid: None, .. }) => assert_eq!(after, timeout),
                        other => panic!("{other:?}"),
                    }
                }
                assert!(matches!(pool.with_chunksize(2).join_timeout(SHORT), Err(Error::TimedOut { .. })));
                gate.open();
                pool.join_timeout(Duration::MAX)?;
                assert_eq!(task.get()?, 7);
                pool.join_timeout(Duration::ZERO)?;
                pool.join()
            }

            fn join_with_timeout_waits_for_callbacks() -> Result<()> {
                let (pool, event) = (Pool::with_processes(1)?, Event::new()?);
                let waits = event.clone();
                let result = pool.submit(square, (3,)).callback(move |_| waits.wait());
                pool.close();
                assert!(matches!(pool.join_timeout(SHORT), Err(Error::TimedOut { .. })));
                event.set();
                pool.join_timeout(Duration::from_secs(60))?;
                assert_eq!(result.get()?, 9);
                Ok(())
            }

            fn closed_pool_can_be_awaited() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
                is_invalid_state(block_on(pool.closed()), "still open");
                let tasks: Vec<_> = (0..5).map(|n| pool.submit(numbered, (gate.path(), n))).collect();
                pool.close();
                assert!(poll_once(&mut pin!(pool.closed())).is_pending());
                thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(SHORT);
                        gate.open();
                    });
                    block_on(pool.closed())
                })?;
                for (n, task) in (0..).zip(tasks) {
                    assert!(task.ready());
                    assert_eq!(task.get()?, n);
                }
                block_on(pool.with_window(3).closed())
            }

            fn terminated_pool_can_be_awaited() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let task = pool.submit(numbered, (gate.path(), 1));
                gate.await_arrivals(1);
                pool.close();
                thread::scope(|scope| {
                    let waiter = scope.spawn(|| block_on(pool.closed()));
                    thread::sleep(SHORT);
                    assert!(!waiter.is_finished());
                    // A thread cannot be ended before its task.
                    scope.spawn(|| pool.terminate());
                    gate.open();
                    waiter.join().unwrap()
                })?;
                assert!(matches!(task.get(), Ok(1) | Err(Error::Cancelled)));
                Ok(())
            }
        }
    };
}

awaited_suite!(processes, Pool);
awaited_suite!(threads, ThreadPool);
