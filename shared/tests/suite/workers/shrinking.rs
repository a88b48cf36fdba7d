//! Pools whose number of workers follows the backlog.

use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, wait_for_all};

use crate::calls::{numbered, panic_without_database};
use crate::support::{Gate, METHODS, Named, eventually, is_config, named, pass, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    pool_grows_under_backlog_and_shrinks_when_idle
    pool_may_shrink_to_no_worker
};

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
