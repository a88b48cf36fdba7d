//! Scarce resources are a clear error or success, never a hang and never the end of the program;
//! and nothing is left behind.

mod files;
mod leaks;
mod limits;
mod memory;
mod programs;
mod streams;

use multiproc::{Error, Executor, Pool, Result, StartMethod};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::{Named, square, squares};

pub(crate) const TESTS: &[&[Named]] = &[
    limits::TESTS,
    memory::TESTS,
    files::TESTS,
    streams::TESTS,
    leaks::memory::TESTS,
    leaks::descriptors::TESTS,
    programs::TESTS,
];

pub(crate) const PROGRAMS: &[&[Named]] =
    &[limits::PROGRAMS, memory::PROGRAMS, files::PROGRAMS, streams::PROGRAMS, programs::PROGRAMS];

fn limit(resource: Resource, max: u64) {
    let (_, hard) = getrlimit(resource).unwrap();
    setrlimit(resource, max.min(hard), hard).unwrap();
}

/// A small pool works in both ways of starting workers.
fn a_small_pool_works() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        assert_eq!(pool.map(square, 0..100)?, squares(100));
        assert_eq!(pool.apply_async(square, (7,)).get()?, 49);
    }
    Ok(())
}

fn is_refused_by_the_system<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Io { .. }))
}
