//! Results that are given up, and cancel their tasks.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use multiproc::{Executor, Result};
use pollster::block_on;

use crate::support::{Gate, Named, eventually, is_invalid_state, named, pass, square};

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn numbered(gate: PathBuf, n: u64) -> u64 {
    pass(gate);
    n
}

macro_rules! given_up_suite {
    ($backend:ident, $name:ident) => {
        pub(crate) mod $backend {
            use super::*;
            use multiproc::$name as Pool;

            pub(crate) const TESTS: &[Named] = named! {
                result_that_is_given_up_cancels_its_task
                result_that_is_kept_does_not
            };

            fn result_that_is_given_up_cancels_its_task() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let first = pool.submit(numbered, (gate.path(), 1));
                gate.await_arrivals(1);
                let mut second = pool.submit(numbered, (gate.path(), 2)).cancel_on_drop();
                assert!(poll_once(&mut second).is_pending());
                drop(second);
                eventually("it is cancelled", || pool.statistics().cancelled == 1);
                let mut done = pool.submit(square, (3,)).cancel_on_drop();
                gate.open();
                assert_eq!(first.get()?, 1);
                assert_eq!(block_on(&mut done)?, 9);
                is_invalid_state(block_on(done), "taken already");
                assert_eq!(pool.statistics().cancelled, 1);
                Ok(())
            }

            fn result_that_is_kept_does_not() -> Result<()> {
                let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
                let kept = pool.submit(numbered, (gate.path(), 1)).cancel_on_drop().into_inner()?;
                drop(kept);
                let last = pool.submit(square, (2,));
                gate.open();
                assert_eq!(last.get()?, 4);
                assert_eq!((pool.statistics().completed, pool.statistics().cancelled), (2, 0));
                Ok(())
            }
        }
    };
}

given_up_suite!(processes, Pool);
given_up_suite!(threads, ThreadPool);
