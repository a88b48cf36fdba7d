//! The results of every call: one suite for processes and threads, in which only the pool's name
//! differs.

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use multiproc::{Error, Executor, FutureState, Result, ThreadPool, partial};

use crate::calls::{numbered, numbers, scale};
use crate::support::{
    Gate, Named, eventually, fail_if_odd, is_config, is_invalid_state, message, named, pass, square, squares,
};

pub(crate) const TESTS: &[Named] = named! {
    thread_gets_the_value_itself_not_a_copy
    running_thread_task_cannot_be_cancelled
    last_thread_pool_handle_may_drop_in_its_callback
};

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
