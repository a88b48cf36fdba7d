//! Too little memory.

use multiproc::{Error, Executor, Pool, Result, SharedSlice};
use nix::sys::resource::Resource;

use super::{a_small_pool_works, is_refused_by_the_system, limit};
use crate::support::{Cgroup, METHODS, Named, Program, named, note, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    more_workers_than_memory_are_an_error
    result_without_memory_is_an_error
    worker_killed_for_memory_fails_only_its_task
};

pub(crate) const PROGRAMS: &[Named] = named! {
    uses_much_memory
};

/// Leaves this process and all to come so many bytes of address space more than it has.
fn leave_memory(bytes: u64) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    limit(Resource::RLIMIT_AS, pages * 4096 + bytes);
}

fn more_workers_than_memory_are_an_error() -> Result<()> {
    leave_memory(48 << 20);
    let refused = Pool::with_processes(300);
    assert!(is_refused_by_the_system(&refused), "{refused:?}");
    drop(refused);
    a_small_pool_works()
}

fn result_without_memory_is_an_error() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    leave_memory(128 << 20);
    for _ in 0..3 {
        let result = pool.apply(|| vec![1u8; 1 << 30], ());
        assert!(matches!(result, Err(Error::Decode(_))), "{:?}", result.map(|bytes| bytes.len()));
        assert_eq!(pool.map(square, 0..100)?, squares(100));
    }
    Ok(())
}

/// Bytes that a group of [`uses_much_memory`] may have, and that it writes.
const GROUP: u64 = 64 << 20;

const MUCH: usize = 192 << 20;

/// A program in a group with little memory, whose tasks write much.
fn uses_much_memory() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let fill_private = || vec![7u8; MUCH].len();
        let fill_shared = |slice: SharedSlice<u8>| {
            let mut bytes = slice.write(..).unwrap();
            bytes.fill(7);
            bytes.len()
        };
        let killed = |result: Result<usize>| match result {
            Err(Error::WorkerLost { exit, .. }) => assert_eq!(exit.signal_name(), Some("SIGKILL")),
            other => panic!("{method:?}: {other:?}"),
        };
        killed(pool.apply(fill_private, ()));
        killed(pool.apply(fill_shared, (SharedSlice::new(MUCH)?,)));
        assert_eq!(pool.map(square, 0..100)?, squares(100));
        pool.close();
        pool.join()?;
    }
    println!("well");
    Ok(())
}

fn worker_killed_for_memory_fails_only_its_task() -> Result<()> {
    let Some(group) = Cgroup::with_memory(GROUP) else {
        note("no cgroup with little memory can be made here");
        return result_without_memory_is_an_error();
    };
    let output = group.of(&Program::command("uses_much_memory")).output().unwrap();
    assert!(output.status.success() && output.stdout == b"well\n", "{output:?}");
    Ok(())
}
