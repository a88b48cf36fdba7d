//! Executors: one suite for processes and threads, in which only the pool's name differs.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use multiproc::{
    AsyncResult, Connection, Error, Executor, FutureState, Pool, Queue, Result, ThreadPool, partial, wait_for_all,
};

use crate::calls::numbers;
use crate::support::{
    Gate, METHODS, Named, eventually, fail_if_odd, is_config, is_invalid_state, message, named, nap, pass, square,
    squares,
};

pub(crate) const TESTS: &[Named] = named! {
    thread_gets_the_value_itself_not_a_copy
    running_thread_task_cannot_be_cancelled
    last_thread_pool_handle_may_drop_in_its_callback
    pool_grows_under_backlog_and_shrinks_when_idle
    pool_may_shrink_to_no_worker
};

fn scale(factor: u64, n: u64) -> u64 {
    factor * n
}

/// A task: waits at the gate and returns its number.
fn numbered(gate: PathBuf, n: u64) -> u64 {
    pass(gate);
    n
}

const LONG: Duration = Duration::from_secs(60);

thread_local! {
    /// What the initializer has left, in a thread or in a process.
    static SET_UP: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn set_up(text: String, times: u64) {
    SET_UP.with_borrow_mut(|texts| texts.push(text.repeat(times as usize)));
}

fn panic_without_database() {
    panic!("no database")
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
                every_call_returns_results_in_order
                partial_carries_its_state
                panic_is_an_error_with_message_and_location
                error_names_its_function_and_the_item_of_a_map
                indexed_results_say_whose_they_are
                map_can_keep_each_result
                future_reports_its_state
                callbacks_see_the_result_and_panics_replace_it
                result_can_be_awaited_with_timeout_and_taken_once
                lazy_call_takes_a_window_of_an_endless_source
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

            fn every_call_returns_results_in_order() -> Result<()> {
                let pool = Pool::with_processes(3)?;
                let sum = |a: u64, b: u64| a + b;
                let pairs: Vec<_> = (0..50u64).map(|n| (n, 1)).collect();
                let sums: Vec<_> = (1..=50u64).collect();
                assert_eq!(pool.apply(sum, (20, 22))?, 42);
                assert_eq!(pool.apply_async(sum, (20, 22)).get()?, 42);
                assert_eq!(pool.submit(sum, (20, 22)).get()?, 42);
                assert_eq!(pool.map(square, 0..100)?, squares(100));
                assert_eq!(pool.map(square, (0..200).filter(|n| *n < 100))?, squares(100));
                assert_eq!(Executor::map(&pool, square, 0..100)?, squares(100));
                assert_eq!(pool.map_async(square, 0..100).get()?, squares(100));
                assert_eq!(pool.starmap(sum, pairs.clone())?, sums);
                assert_eq!(pool.starmap_async(sum, pairs).get()?, sums);
                assert_eq!(pool.imap(square, 0..100).collect::<Result<Vec<_>>>()?, squares(100));
                let mut any = pool.imap_unordered(square, 0..100).collect::<Result<Vec<_>>>()?;
                any.sort_unstable();
                assert_eq!(any, squares(100));
                for size in [0, 1, 7, 1000] {
                    let batched = pool.with_chunksize(size);
                    assert_eq!(batched.map(square, 0..100)?, squares(100));
                    assert_eq!(batched.imap(square, 0..100).collect::<Result<Vec<_>>>()?, squares(100));
                }
                assert!(pool.map(square, 0..0)?.is_empty());
                Ok(())
            }

            fn partial_carries_its_state() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                assert_eq!(pool.map(partial(scale, 3), 0..4u64)?, [0, 3, 6, 9]);
                let table = vec!["zero".to_string(), "one".to_string()];
                let lookup = |table: &Vec<String>, index: usize| table[index].clone();
                assert_eq!(pool.map(partial(lookup, table), [1usize, 0])?, ["one", "zero"]);
                Ok(())
            }

            fn panic_is_an_error_with_message_and_location() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                match pool.apply(fail_if_odd, (7,)) {
                    Err(Error::Panicked { message, location, .. }) => {
                        assert_eq!(message, "task 7 failed");
                        assert!(location.unwrap().contains("support/tasks.rs"));
                    }
                    other => panic!("{other:?}"),
                }
                let each: Vec<_> = pool.imap(fail_if_odd, 0..20).collect();
                for (n, result) in (0..).zip(each) {
                    if n % 2 == 0 {
                        assert_eq!(result?, n);
                    } else {
                        assert_eq!(message(result), format!("task {n} failed"));
                    }
                }
                assert_eq!(message(pool.map(fail_if_odd, 0..20)), "task 1 failed");
                let caught = || std::panic::catch_unwind(|| panic!("its own affair")).is_err();
                assert!(pool.apply(caught, ())?);
                assert_eq!(pool.map(square, 0..10)?, squares(10));
                Ok(())
            }

            fn error_names_its_function_and_the_item_of_a_map() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                let check = |error: Error, index: Option<usize>| {
                    assert_eq!(error.index(), index, "{error}");
                    let function = error.function().unwrap();
                    assert!(function.ends_with("::fail_if_odd"), "{function}");
                    let item = index.map(|index| format!("item {index} of `{function}`: ")).unwrap_or_default();
                    assert!(error.to_string().starts_with(&format!("{item}the task panicked at ")), "{error}");
                };
                check(pool.apply(fail_if_odd, (7,)).unwrap_err(), None);
                check(pool.apply_async(fail_if_odd, (7,)).get().unwrap_err(), None);
                let bad = [0, 2, 4, 6, 8, 10, 1, 12, 3];
                for size in [1, 3, 100] {
                    let batched = pool.with_chunksize(size);
                    check(batched.map(fail_if_odd, bad).unwrap_err(), Some(6));
                    check(batched.map_async(fail_if_odd, bad).get().unwrap_err(), Some(6));
                    check(batched.starmap(fail_if_odd, bad.map(|n| (n,))).unwrap_err(), Some(6));
                    for (n, result) in (0..40).zip(batched.imap(fail_if_odd, 0..40)) {
                        result.err().into_iter().for_each(|error| check(error, Some(n)));
                    }
                    for result in batched.imap_unordered(fail_if_odd, 0..40) {
                        let Err(error) = result else { continue };
                        let Error::Panicked { message, .. } = &error else { panic!("{error}") };
                        let number = message.split(' ').nth(1).unwrap().parse().unwrap();
                        check(error, Some(number));
                    }
                }
                Ok(())
            }

            fn indexed_results_say_whose_they_are() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
                // The first item is the last to be done.
                let held = |(gate, n): (Option<PathBuf>, u64)| gate.map_or(n, |gate| numbered(gate, n));
                let items = (0..50u64).map(|n| ((n == 0).then(|| gate.path()), n));
                let mut results = pool.imap_unordered(held, items).indexed();
                assert_eq!(results.by_ref().take(49).map(|(index, n)| n.map(|n| (index as u64, n))).filter(|pair| {
                    matches!(pair, Ok((index, n)) if index == n && *n > 0)
                }).count(), 49);
                let late = results.next_timeout(Duration::from_millis(1));
                assert!(matches!(late, Err(Error::TimedOut { pid: None, .. })));
                gate.open();
                assert!(matches!(results.next(), Some((0, Ok(0)))));
                assert!(results.next().is_none());
                for size in [1, 7, 100] {
                    let batched = pool.with_chunksize(size);
                    let mut seen: Vec<_> = batched.imap_unordered(square, 0..100).indexed().collect();
                    seen.sort_by_key(|(index, _)| *index);
                    for (n, (index, result)) in seen.into_iter().enumerate() {
                        assert_eq!((index, result?), (n, square(n as u64)));
                    }
                    let ordered = batched.imap(square, 0..100).indexed();
                    assert!(ordered.enumerate().all(|(n, (index, _))| n == index));
                }
                Ok(())
            }

            fn map_can_keep_each_result() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                let check = |results: Vec<Result<u64>>| {
                    assert_eq!(results.len(), 40);
                    for (n, result) in results.into_iter().enumerate() {
                        match result {
                            Ok(value) => assert_eq!((value, value % 2), (n as u64, 0)),
                            Err(error) => assert_eq!((error.index(), n % 2), (Some(n), 1), "{error}"),
                        }
                    }
                };
                for size in [1, 7, 100] {
                    let batched = pool.with_chunksize(size);
                    let each = (0..40).map(|n| (n,));
                    check(batched.map_results(fail_if_odd, 0..40)?);
                    check(batched.starmap_results(fail_if_odd, each.clone())?);
                    let later = batched.map_results_async(fail_if_odd, 0..40);
                    later.wait();
                    assert!(!later.successful()?, "some have failed");
                    check(later.get()?);
                    check(batched.starmap_results_async(fail_if_odd, each).get()?);
                }
                assert!(pool.map_results(square, 0..0)?.is_empty());
                is_config(pool.map_results(square, 0u64..), "imap");
                is_config(pool.map_results_async(square, 0u64..).get(), "imap");
                pool.close();
                let refused = pool.map_results(square, 0..3)?;
                assert!(refused.iter().all(|result| matches!(result, Err(Error::Closed))), "{refused:?}");
                Ok(())
            }

            fn future_reports_its_state() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let first = pool.submit(pass, (gate.path(),));
                gate.await_arrivals(1);
                let second = pool.submit(square, (2,));
                let third = pool.submit(square, (3,));
                assert_eq!((first.state(), second.state()), (FutureState::Running, FutureState::Pending));
                assert!(third.cancel());
                eventually("it is cancelled", || third.state() == FutureState::Cancelled);
                gate.open();
                first.wait();
                second.wait();
                assert_eq!((first.state(), second.state()), (FutureState::Done, FutureState::Done));
                assert!(!second.cancel(), "there is nothing left to cancel");
                assert_eq!(second.get()?, 4);
                assert!(matches!(third.get(), Err(Error::Cancelled)));
                Ok(())
            }

            fn callbacks_see_the_result_and_panics_replace_it() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                let (sender, seen) = channel();
                let (on_error, always) = (sender.clone(), sender.clone());
                let later = pool.submit(square, (7,)).callback(move |value| sender.send(*value).unwrap());
                let later = later.error_callback(move |_| on_error.send(0).unwrap());
                let later = later.done_callback(move |result| always.send(u64::from(result.is_ok())).unwrap());
                assert_eq!(later.get()?, 49);
                assert_eq!(seen.iter().collect::<Vec<_>>(), [49, 1]);
                let bad = pool.submit(square, (7,)).callback(|_| panic!("no"));
                assert_eq!(message(bad.get()), "in a callback: no");
                let bad = pool.submit(square, (7,)).callback(|_| panic!("no"));
                assert_eq!(message(pollster::block_on(bad)), "in a callback: no");
                Ok(())
            }

            fn result_can_be_awaited_with_timeout_and_taken_once() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let mut late = pool.submit(numbered, (gate.path(), 5));
                let short = Duration::from_millis(2);
                assert!(matches!(late.get_timeout(short), Err(Error::TimedOut { pid: None, .. })));
                assert!(!late.wait_timeout(short) && !late.ready());
                is_invalid_state(late.successful(), "not ended yet");
                gate.open();
                late.wait();
                assert!(late.ready() && late.successful()?);
                assert_eq!(late.get_timeout(short)?, 5);
                is_invalid_state(late.get_timeout(short), "taken already");
                Ok(())
            }

            fn lazy_call_takes_a_window_of_an_endless_source() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                let mut taken = 0u64;
                let mut lazy = pool.with_chunksize(2).with_window(10).imap(square, numbers(&mut taken));
                let first: Vec<_> = lazy.by_ref().take(100).collect::<Result<_>>()?;
                drop(lazy);
                assert_eq!(first, squares(100));
                assert!((100..=112).contains(&taken), "{taken} were taken");
                Ok(())
            }

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

fn thread_gets_the_value_itself_not_a_copy() -> Result<()> {
    let pool = ThreadPool::with_processes(1)?;
    let text = "a".repeat(1000);
    let address = text.as_ptr() as usize;
    assert_eq!(pool.apply(|text: String| text.as_ptr() as usize, (text,))?, address);
    Ok(())
}

fn running_thread_task_cannot_be_cancelled() -> Result<()> {
    let (pool, gate) = (ThreadPool::with_processes(1)?, Gate::new());
    let running = pool.submit(numbered, (gate.path(), 3));
    gate.await_arrivals(1);
    assert!(!running.cancel());
    gate.open();
    assert_eq!(running.get()?, 3);
    Ok(())
}

fn last_thread_pool_handle_may_drop_in_its_callback() -> Result<()> {
    let (pool, gate) = (std::sync::Arc::new(ThreadPool::with_processes(2)?), Gate::new());
    let copy = pool.clone();
    let later = pool.submit(pass, (gate.path(),)).callback(move |_| drop(copy));
    drop(pool);
    gate.open();
    later.get().map(drop)
}

fn pool_grows_under_backlog_and_shrinks_when_idle() -> Result<()> {
    let gate = Gate::new();
    let pool = Pool::builder().processes_between(1, 3).shrink_after(Duration::from_millis(50)).build()?;
    assert_eq!((pool.processes(), pool.workers().len()), (1, 1));
    for round in 1..=2 {
        let waiting: Vec<_> = (0..5).map(|_| pool.submit(pass, (gate.path(),))).collect();
        gate.await_arrivals(if round == 1 { 3 } else { 8 });
        if round == 1 {
            assert_eq!(pool.processes(), 3);
            gate.open();
        }
        waiting.into_iter().try_for_each(|future| future.get().map(drop))?;
        // No call uses the pool but this one: it shrinks by itself.
        thread::sleep(Duration::from_millis(100));
        eventually("it is as small as at first", || pool.processes() == 1 && pool.workers().len() == 1);
    }
    assert_eq!(pool.statistics().workers_lost, 0);
    is_config(Pool::builder().processes_between(3, 1).build(), "smaller number first");
    pool.resize(2)?;
    assert_eq!(pool.with_chunksize(1).map(square, 0..20)?, squares(20));
    assert_eq!(pool.processes(), 2);
    Ok(())
}

fn pool_may_shrink_to_no_worker() -> Result<()> {
    for method in METHODS {
        let builder = Pool::builder().processes_between(0, 2).shrink_after(Duration::from_millis(20));
        let pool = builder.start_method(method).build()?;
        let is_empty = || pool.processes() == 0 && pool.workers().is_empty();
        assert!(is_empty(), "it starts with none");
        for round in 0..3 {
            assert_eq!(pool.apply(square, (round,))?, round * round);
            // Known to be short by now.
            assert_eq!(pool.map(square, 0..100)?, squares(100));
            assert_eq!(pollster::block_on(pool.submit(square, (round,)))?, round * round);
            eventually("no worker is left", is_empty);
            assert_eq!(pool.imap(square, 0..20).collect::<Result<Vec<_>>>()?, squares(20));
            let lost = pool.submit(|| -> u64 { std::process::abort() }, ()).get();
            assert!(matches!(lost, Err(Error::WorkerLost { .. })), "{lost:?}");
            eventually("no worker is left", is_empty);
        }
        let gate = Gate::new();
        let waiting: Vec<_> = (0..2).map(|n| pool.submit(numbered, (gate.path(), n))).collect();
        gate.await_arrivals(2);
        gate.open();
        wait_for_all(waiting.iter());
        let last = pool.submit(square, (4,));
        pool.close();
        pool.join()?;
        assert_eq!(last.get()?, 16);
    }
    // Closed, or dropped, without a worker.
    let pool = Pool::builder().processes_between(0, 2).build()?;
    pool.close();
    pool.join()?;
    drop(Pool::builder().processes_between(0, 2).build()?);
    let pool = Pool::builder().processes_between(0, 1).initializer(panic_without_database, ()).build()?;
    assert!(matches!(pool.apply(square, (1,)), Err(Error::Initializer(_))));
    is_config(Pool::builder().processes_between(0, 0).build(), "not 0");
    is_config(Pool::builder().processes(0).build(), "not 0");
    is_config(pool.resize(0), "not 0");
    Ok(())
}
