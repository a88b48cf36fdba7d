//! The lazy calls as streams.

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use multiproc::{Error, Executor, Imap, Result};
use pollster::block_on;

use crate::calls::numbers;
use crate::support::{Gate, Named, fail_if_odd, message, named, nap, pass, square, squares};

const SHORT: Duration = Duration::from_millis(20);

fn next<I: Iterator, R>(lazy: &mut Imap<I, R>) -> impl Future<Output = Option<Result<R>>> {
    poll_fn(|context| Pin::new(&mut *lazy).poll_next(context))
}

/// A task: waits at the gate, then for a moment.
fn nap_behind((gate, n): (PathBuf, u64)) -> u64 {
    pass(gate);
    nap(n);
    n
}

macro_rules! stream_suite {
    ($backend:ident, $name:ident) => {
        pub(crate) mod $backend {
            use super::*;
            use multiproc::$name as Pool;

            pub(crate) const TESTS: &[Named] = named! {
                stream_has_the_results_of_the_iterator
                stream_keeps_to_its_window
                stream_waits_without_a_thread
            };

            fn stream_has_the_results_of_the_iterator() -> Result<()> {
                let pool = Pool::with_processes(3)?;
                for size in [1, 7, 1000] {
                    let batched = pool.with_chunksize(size);
                    let mut lazy = batched.imap(square, 0..500);
                    block_on(async {
                        for n in 0..500 {
                            assert_eq!(next(&mut lazy).await.unwrap()?, square(n));
                        }
                        assert!(next(&mut lazy).await.is_none() && next(&mut lazy).await.is_none());
                        Ok::<_, Error>(())
                    })?;
                }
                let mut lazy = pool.imap(fail_if_odd, 0..20);
                for n in 0..20 {
                    let result = block_on(next(&mut lazy)).unwrap();
                    if n % 2 == 0 {
                        assert_eq!(result?, n)
                    } else {
                        assert_eq!(message(result), format!("task {n} failed"))
                    }
                }
                let mut lazy = pool.imap_unordered(square, 0..300);
                let mut all: Vec<_> = (0..300).map(|_| block_on(next(&mut lazy)).unwrap().unwrap()).collect();
                all.sort_unstable();
                assert_eq!(all, squares(300));
                assert!(block_on(next(&mut lazy)).is_none());
                pool.close();
                assert!(matches!(block_on(next(&mut pool.imap(square, 0..10))), Some(Err(Error::Closed))));
                Ok(())
            }

            fn stream_keeps_to_its_window() -> Result<()> {
                let pool = Pool::with_processes(2)?;
                let mut taken = 0u64;
                let mut lazy = pool.with_chunksize(2).with_window(10).imap(square, numbers(&mut taken));
                for n in 0..100 {
                    assert_eq!(block_on(next(&mut lazy)).unwrap()?, square(n));
                }
                drop(lazy);
                assert!((100..=112).contains(&taken), "{taken} were taken");
                Ok(())
            }

            fn stream_waits_without_a_thread() -> Result<()> {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
                let path = gate.path();
                runtime.block_on(async {
                    let mut lazy = pool.imap(nap_behind, (0..4).map(|n| (path.clone(), n)));
                    for _ in 0..3 {
                        let early = tokio::time::timeout(SHORT / 10, next(&mut lazy)).await;
                        assert!(early.is_err(), "the runtime goes on, and nothing is lost");
                    }
                    gate.open();
                    for n in 0..4 {
                        assert_eq!(next(&mut lazy).await.unwrap()?, n);
                    }
                    Ok(())
                })
            }
        }
    };
}

stream_suite!(processes, Pool);
stream_suite!(threads, ThreadPool);
