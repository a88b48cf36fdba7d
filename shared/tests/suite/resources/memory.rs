//! Too little memory.

use multiproc::{Error, Executor, Pool, Result, SharedSlice, partial};
use nix::sys::resource::Resource;
use serde::{Deserialize, Deserializer, Serialize};

use super::{a_small_pool_works, is_refused_by_the_system, limit};
use crate::support::{Cgroup, METHODS, Named, Program, eventually, named, nap, note, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    more_workers_than_memory_are_an_error
    result_without_memory_is_an_error
    worker_killed_for_memory_fails_only_its_task
    large_state_is_one_copy_for_all_workers
    large_state_arrives_although_it_cannot_be_shared
    large_values_come_back_and_leave_no_memory_in_workers
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

/// Bytes of a state that is worth sharing.
const STATE: usize = 8 << 20;

/// A state, and the shared memory (device and number, as in `/proc/self/maps`) that it was in when
/// it was decoded.
#[derive(Serialize)]
struct Located(Vec<u8>, #[serde(skip)] Option<String>);

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps.lines().find(|line| line.contains("memfd:multiproc-state"));
        let file = line.map(|line| line.split_whitespace().skip(3).take(2).collect::<Vec<_>>().join(" "));
        let (bytes,) = <(Vec<u8>,)>::deserialize(deserializer)?;
        Ok(Self(bytes, file))
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| at as u8).collect()
}

/// Returns whether the state is right, and where it was.
fn locate(Located(state, file): &Located, _: u32) -> (bool, Option<String>) {
    nap(20);
    (*state == bytes(state.len()), file.clone())
}

fn large_state_is_one_copy_for_all_workers() -> Result<()> {
    let pool = Pool::with_processes(4)?;
    let located = pool.with_chunksize(1).map(partial(locate, Located(bytes(STATE), None)), 0..16)?;
    let (_, file) = &located[0];
    assert!(file.is_some(), "the state is in shared memory");
    assert!(located.iter().all(|(right, other)| *right && other == file), "{located:?}");
    // A small one needs none.
    let located = pool.map(partial(locate, Located(bytes(1000), None)), 0..4)?;
    assert!(located.iter().all(|(right, file)| *right && file.is_none()), "{located:?}");
    Ok(())
}

fn large_state_arrives_although_it_cannot_be_shared() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    limit(Resource::RLIMIT_FSIZE, STATE as u64 / 2);
    let located = pool.with_chunksize(1).map(partial(locate, Located(bytes(STATE), None)), 0..8)?;
    assert!(located.iter().all(|(right, file)| *right && file.is_none()));
    Ok(())
}

fn large_values_come_back_and_leave_no_memory_in_workers() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let memory = || pool.workers()[0].memory;
    assert_eq!(pool.apply(square, (2,))?, 4);
    let before = memory();
    let same = |bytes: Vec<u8>| bytes;
    let lengths = [48 << 20, 48 << 20, 40 << 20, 3 << 20, 44 << 20, 1, 48 << 20];
    for (n, len) in lengths.into_iter().enumerate() {
        let value = vec![n as u8; len];
        assert!(pool.apply(same, (value.clone(),))? == value, "{len} bytes");
        let numbers = vec![n as u64; len / 8];
        assert!(pool.apply(|numbers: Vec<u64>| numbers, (numbers.clone(),))? == numbers, "{len} bytes of numbers");
    }
    eventually("memory that is not used is freed", || memory() < before + (16 << 20));
    Ok(())
}
