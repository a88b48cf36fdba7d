//! Executors from their start to their end, and what they count: one suite for processes and
//! threads, in which only the pool's name differs.

use std::cell::RefCell;
use std::thread;
use std::time::Duration;

use multiproc::{AsyncResult, Connection, Error, Executor, Queue, Result, wait_for_all};

use crate::calls::{numbered, panic_without_database, scale};
use crate::support::{Gate, Named, eventually, fail_if_odd, is_config, is_invalid_state, named, nap, square, squares};

const LONG: Duration = Duration::from_secs(60);

thread_local! {
    /// What the initializer has left, in a thread or in a process.
    static SET_UP: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn set_up(text: String, times: u64) {
    SET_UP.with_borrow_mut(|texts| texts.push(text.repeat(times as usize)));
}

fn take_down(ended: Queue<Vec<String>>) {
    ended.put(SET_UP.take()).unwrap();
}

macro_rules! executor_suite {
    ($backend:ident, $name:ident) => {
        pub(crate) mod $backend {
            use super::*;
            use multiproc::$name as Pool;

            pub(crate) const TESTS: &[Named] = named! {
                shutdown_finishes_accepted_tasks_and_rejects_more
                shutdown_can_cancel_queued_tasks
                drop_cancels_queued_tasks
                drop_finishes_all_tasks_if_asked_to_but_not_while_unwinding
                statistics_count_every_task_once
                full_backlog_rejects_at_once
                pool_can_be_resized_while_busy
                initializer_and_finalizer_run_once_in_each_worker
                failed_initializer_fails_every_task
                debug_shows_the_state
            };

            fn shutdown_finishes_accepted_tasks_and_rejects_more() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                is_invalid_state(pool.join(), "still open");
                let taken: Vec<_> = (0..50).map(|n| pool.submit(square, (n,))).collect();
                pool.shutdown();
                let done: Result<Vec<_>> = taken.into_iter().map(|future| future.get()).collect();
                assert_eq!(done?, squares(50));
                assert!(matches!(pool.submit(square, (1,)).get(), Err(Error::Closed)));
                assert!(matches!(pool.map(square, 0..10), Err(Error::Closed)));
                assert!(matches!(pool.imap(square, 0..10).next(), Some(Err(Error::Closed))));
                assert!(matches!(pool.resize(3), Err(Error::Closed)));
                pool.join()
            }

            fn shutdown_can_cancel_queued_tasks() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let running = pool.submit(numbered, (gate.path(), 1));
                gate.await_arrivals(1);
                let waiting: Vec<_> = (0..10).map(|n| pool.submit(square, (n,))).collect();
                pool.close();
                pool.cancel_pending();
                for future in waiting {
                    assert!(matches!(future.get(), Err(Error::Cancelled)));
                }
                gate.open();
                pool.shutdown();
                assert_eq!(running.get()?, 1);
                Ok(())
            }

            fn drop_cancels_queued_tasks() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let running = pool.submit(numbered, (gate.path(), 1));
                gate.await_arrivals(1);
                let waiting = pool.map_async(square, 0..10);
                thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(Duration::from_millis(20));
                        gate.open();
                    });
                    drop(pool);
                });
                // A process is killed with its task; a thread is waited for.
                assert!(matches!(running.get(), Ok(1) | Err(Error::Cancelled)));
                assert!(matches!(waiting.get(), Err(Error::Cancelled)));
                Ok(())
            }

            fn drop_finishes_all_tasks_if_asked_to_but_not_while_unwinding() -> Result<()> {
                let finishing = || Pool::builder().processes(2).finish_on_drop(true).build();
                let pool = finishing()?;
                let taken: Vec<_> = (0..20).map(|n| pool.submit(scale, (2, n))).collect();
                drop(pool);
                for (n, future) in (0..).zip(taken) {
                    assert_eq!(future.get()?, 2 * n);
                }
                let gate = Gate::new();
                let (pool, count) = (finishing()?, 4);
                let waiting: Vec<_> = (0..count).map(|n| pool.submit(numbered, (gate.path(), n))).collect();
                gate.await_arrivals(2);
                thread::scope(|scope| {
                    // A thread cannot be ended: its drop waits for it.
                    scope.spawn(|| {
                        eventually("what waits is cancelled", || waiting.last().is_some_and(AsyncResult::ready));
                        gate.open();
                    });
                    let panics = std::panic::AssertUnwindSafe(|| {
                        let _pool = pool;
                        panic!("the program's own");
                    });
                    assert!(std::panic::catch_unwind(panics).is_err());
                });
                let last = waiting.into_iter().next_back().map(AsyncResult::get);
                assert!(matches!(last, Some(Err(Error::Cancelled))));
                Ok(())
            }

            fn statistics_count_every_task_once() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                pool.with_chunksize(1).imap(fail_if_odd, 0..10).for_each(drop);
                let first = pool.statistics();
                assert_eq!((first.completed, first.failed, first.cancelled), (5, 5, 0));
                let running = pool.submit(numbered, (gate.path(), 1));
                gate.await_arrivals(1);
                let (wanted, unwanted) = (pool.submit(nap, (20,)), pool.submit(square, (1,)));
                let now = pool.statistics();
                assert_eq!((now.running, now.queued), (1, 2));
                assert!(unwanted.cancel());
                gate.open();
                (running.get()?, wanted.get()?);
                let last = pool.statistics();
                assert_eq!((last.completed, last.failed, last.cancelled), (7, 5, 1));
                assert_eq!((last.running, last.queued), (0, 0));
                let nap = Duration::from_millis(20);
                eventually("the nap is counted", || pool.statistics().run_time >= nap);
                let last = pool.statistics();
                assert_eq!(last.average_run_time(), last.run_time / 12);
                Ok(())
            }

            fn full_backlog_rejects_at_once() -> Result<()> {
                let gate = Gate::new();
                let pool = Pool::builder().processes(1).reject_when_reached(3).build()?;
                let taken: Vec<_> = (0..3).map(|n| pool.submit(numbered, (gate.path(), n))).collect();
                assert!(matches!(pool.submit(square, (1,)).get(), Err(Error::Full)));
                assert!(matches!(pool.map(square, 0..2), Err(Error::Full)));
                assert_eq!((pool.statistics().failed, pool.statistics().refused), (3, 3));
                gate.open();
                for (n, future) in (0..).zip(taken) {
                    assert_eq!(future.get()?, n);
                }
                assert_eq!(pool.with_chunksize(1).map(square, 0..3)?, squares(3));
                is_config(Pool::builder().reject_when_reached(0).build(), "at least 1");
                pool.close();
                assert!(matches!(pool.submit(square, (1,)).get(), Err(Error::Closed)));
                assert_eq!((pool.statistics().refused, pool.statistics().cancelled), (4, 0));
                Ok(())
            }

            fn pool_can_be_resized_while_busy() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                is_config(pool.resize(0), "not 0");
                let waiting: Vec<_> = (0..4).map(|n| pool.submit(numbered, (gate.path(), n))).collect();
                pool.resize(4)?;
                assert_eq!(pool.processes(), 4);
                gate.await_arrivals(4);
                pool.resize(1)?;
                gate.open();
                for (n, future) in (0..).zip(waiting) {
                    assert_eq!(future.get()?, n);
                }
                assert_eq!(pool.map(square, 0..100)?, squares(100));
                Ok(())
            }

            fn initializer_and_finalizer_run_once_in_each_worker() -> Result<()> {
                let (ended, gate) = (Queue::new()?, Gate::new());
                let builder = Pool::builder().processes(3).initializer(set_up, ("hi".to_string(), 2));
                let pool = builder.finalizer(take_down, (ended.clone(),)).build()?;
                let waiting: Vec<_> = (0..3).map(|n| pool.submit(numbered, (gate.path(), n))).collect();
                gate.await_arrivals(3);
                gate.open();
                wait_for_all(waiting.iter());
                assert_eq!(pool.with_chunksize(1).map(|_: u32| SET_UP.take(), 0..1)?, [["hihi"]]);
                pool.close();
                pool.join()?;
                let texts: Vec<Vec<String>> = (0..3).map(|_| ended.get_timeout(LONG).unwrap()).collect();
                let whole = texts.iter().filter(|texts| *texts == &["hihi"]).count();
                assert_eq!((whole, ended.len()), (2, 0), "{texts:?}");
                let (ours, _theirs) = multiproc::pipe::<u64, u64>()?;
                let refused = Pool::builder().finalizer(|_: Connection<u64, u64>| (), (ours,)).build();
                is_config(refused, "one owner");
                Ok(())
            }

            fn failed_initializer_fails_every_task() -> Result<()> {
                let fails = [
                    Pool::builder().processes(2).initializer(panic_without_database, ()).build()?,
                    Pool::builder().processes(2).initializer(|| Err::<(), _>("no database".to_string()), ()).build()?,
                ];
                for pool in fails {
                    let results = [
                        pool.apply(square, (1,)).map(drop),
                        pool.map(square, 0..100).map(drop),
                        pool.submit(square, (1,)).get().map(drop),
                        pool.imap(square, 0..100).next().unwrap().map(drop),
                    ];
                    for result in results {
                        let Err(Error::Initializer(error)) = result else { panic!("{result:?}") };
                        assert!(error.to_string().contains("no database"), "{error}");
                    }
                    let stats = pool.statistics();
                    assert_eq!((stats.completed, stats.refused), (0, 0));
                    pool.close();
                    pool.join()?;
                }
                Ok(())
            }

            fn debug_shows_the_state() -> Result<()> {
                let pool = Pool::builder().processes(2).name("printers").build()?;
                let shown = format!("{pool:?}");
                assert!(shown.contains(r#""printers""#) && shown.contains("open") && shown.contains("processes: 2"));
                pool.terminate();
                assert!(format!("{pool:?}").contains("closed"));
                Ok(())
            }
        }
    };
}

executor_suite!(processes, Pool);
executor_suite!(threads, ThreadPool);
