//! Limits on memory and messages, and settings that make no sense.

use std::hint::black_box;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, StartMethod};

use crate::support::{Gate, Named, named, pass, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    memory_beyond_the_hard_limit_is_denied
    oversized_message_fails_only_its_task
    message_limit_applies_to_tasks_not_chunks
    invalid_settings_are_rejected
    extreme_settings_are_no_limits
};

const MIB: u64 = 1 << 20;

fn fill(mebibytes: u64) -> u64 {
    black_box(vec![1u8; (mebibytes * MIB) as usize]).len() as u64
}

fn memory_beyond_the_hard_limit_is_denied() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(1).memory_limit(256 * MIB).start_method(method).build()?;
        assert_eq!(pool.apply(fill, (64,))?, 64 * MIB);
        let refused = pool.apply(|| Vec::<u8>::new().try_reserve(512 << 20).is_err(), ())?;
        assert!(refused, "who asks whether there is memory is told no");
        assert_eq!(pool.apply(fill, (64,))?, 64 * MIB);
    }
    Ok(())
}

fn oversized_message_fails_only_its_task() -> Result<()> {
    let pool = Pool::builder().processes(2).max_message(1000).build()?;
    let too_large = |result: Result<Vec<u8>>| match result {
        Err(Error::TooLarge { bytes, max: 1000, .. }) => bytes > 1000,
        Ok(_) => false,
        Err(other) => panic!("{other}"),
    };
    let (echo, make) = (|bytes: Vec<u8>| bytes, |len: usize| vec![0u8; len]);
    assert!(!too_large(pool.apply(echo, (vec![0; 900],))));
    assert!(too_large(pool.apply(echo, (vec![0; 2000],))));
    assert!(too_large(pool.apply_async(echo, (vec![0; 2000],)).get()));
    assert!(!too_large(pool.apply(make, (900,))));
    assert!(too_large(pool.apply(make, (2000,))));
    for chunksize in [1, 3, 10] {
        let sizes = (0..10).map(|n| if n == 4 { 1_000_000 } else { n });
        let out = pool.with_chunksize(chunksize).imap(make, sizes.clone()).map(too_large);
        assert_eq!(out.collect::<Vec<_>>(), (0..10).map(|n| n == 4).collect::<Vec<_>>());
        let inn = pool.with_chunksize(chunksize).imap(echo, sizes.map(make)).map(too_large);
        assert_eq!(inn.collect::<Vec<_>>(), (0..10).map(|n| n == 4).collect::<Vec<_>>());
    }
    assert_eq!(pool.statistics().workers_lost, 0);
    Ok(())
}

fn message_limit_applies_to_tasks_not_chunks() -> Result<()> {
    let pool = Pool::builder().processes(1).max_message(1000).build()?;
    let sizes = pool.with_chunksize(50).map(|bytes: Vec<u8>| bytes, vec![vec![1; 900]; 50])?;
    assert_eq!(sizes, vec![vec![1; 900]; 50]);
    Ok(())
}

fn invalid_settings_are_rejected() -> Result<()> {
    let refused = |builder: multiproc::PoolBuilder, word: &str| match builder.build() {
        Err(Error::Config(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    };
    refused(Pool::builder().processes(0), "processes");
    refused(Pool::builder().processes(usize::MAX), "processes");
    refused(Pool::builder().max_tasks_per_child(0), "max_tasks_per_child");
    refused(Pool::builder().task_timeout(Duration::ZERO), "task_timeout");
    refused(Pool::builder().memory_limit(1000), "memory_limit");
    refused(Pool::builder().max_memory_per_child(1000), "max_memory_per_child");
    refused(Pool::builder().max_message(0), "max_message");
    Ok(())
}

fn extreme_settings_are_no_limits() -> Result<()> {
    let builder = Pool::builder().processes(2).max_tasks_per_child(u64::MAX).task_timeout(Duration::MAX);
    let builder = builder.memory_limit(u64::MAX).max_memory_per_child(u64::MAX).max_message(u64::MAX);
    let (pool, gate) = (builder.build()?, Gate::new());
    let blocked = pool.apply_async(pass, (gate.path(),));
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    gate.open();
    blocked.get().map(drop)
}
