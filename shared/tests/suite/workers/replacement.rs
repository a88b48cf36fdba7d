//! The replacement of workers that have done their share, or use too much memory.

use std::collections::BTreeMap;

use multiproc::{Executor, Pool, Result, StartMethod};

use crate::support::{Named, eventually, named, own_pid, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    grown_worker_is_replaced_between_tasks
    worker_is_replaced_after_max_tasks
    worker_is_replaced_in_the_middle_of_a_chunk
    worker_may_run_one_task_only
};

const MIB: u64 = 1 << 20;

fn leak(mebibytes: u64) -> u32 {
    std::mem::forget(vec![1u8; (mebibytes * MIB) as usize]);
    own_pid()
}

fn grown_worker_is_replaced_between_tasks() -> Result<()> {
    let pool = Pool::builder().processes(1).max_memory_per_child(64 * MIB).build()?;
    let first = pool.apply(leak, (1,))?;
    assert_eq!(pool.apply(leak, (1,))?, first, "it is small");
    assert!(pool.workers()[0].memory < 64 * MIB);
    assert_eq!(pool.apply(leak, (100,))?, first, "it grows in this task");
    let second = pool.apply(leak, (1,))?;
    assert_ne!(second, first);
    let pids = pool.with_chunksize(1).map(leak, [100; 4])?;
    assert!(pids.windows(2).all(|pair| pair[0] != pair[1]), "{pids:?}");
    assert_eq!((pids[0], pool.statistics().workers_lost), (second, 0));
    Ok(())
}

/// How many tasks each worker has run.
fn shares(pids: &[u32]) -> BTreeMap<u32, u64> {
    let mut shares = BTreeMap::new();
    pids.iter().for_each(|pid| *shares.entry(*pid).or_insert(0) += 1);
    shares
}

fn worker_is_replaced_after_max_tasks() -> Result<()> {
    let pool = Pool::builder().processes(1).max_tasks_per_child(3).build()?;
    let pids: Vec<u32> = (0..10).map(|_| pool.apply(own_pid, ())).collect::<Result<_>>()?;
    let runs: Vec<usize> = pids.chunk_by(|a, b| a == b).map(<[u32]>::len).collect();
    assert_eq!(runs, [3, 3, 3, 1]);
    eventually("the tenth task's worker is there alone", || pool.workers().len() == 1);
    let stats = pool.statistics();
    assert_eq!((stats.workers_started, stats.workers_lost), (4, 0));
    Ok(())
}

fn worker_is_replaced_in_the_middle_of_a_chunk() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).max_tasks_per_child(3).start_method(method).build()?;
        let pid = |_: u64| own_pid();
        for chunksize in [1, 2, 3, 4, 5, 7, 60] {
            let batched = pool.with_chunksize(chunksize);
            assert_eq!(batched.map(square, 0..30)?, squares(30));
            let pids = batched.imap(pid, 0..30).collect::<Result<Vec<_>>>()?;
            assert!(shares(&pids).values().all(|share| *share <= 3), "{chunksize}: {pids:?}");
        }
        assert_eq!(pool.statistics().workers_lost, 0);
    }
    Ok(())
}

fn worker_may_run_one_task_only() -> Result<()> {
    let pool = Pool::builder().processes(2).max_tasks_per_child(1).build()?;
    let pids = pool.map(|_: u32| own_pid(), 0..20u32)?;
    assert_eq!(shares(&pids).len(), 20);
    let later: Vec<_> = (0..20).map(|n| pool.apply_async(square, (n,))).collect();
    assert!(later.into_iter().zip(0..).all(|(result, n)| result.get().unwrap() == square(n)));
    Ok(())
}
