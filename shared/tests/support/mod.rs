//! What the tests share. A test is a body under [`promise`]: it has a deadline, and leaves nothing
//! behind.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test binary uses a part of it")]

mod cgroup;
mod death;
mod gate;
mod kill;
mod leftovers;
mod managers;
mod processes;
mod programs;
mod runner;

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Error, Pool, Result};

pub(crate) use cgroup::Cgroup;
pub(crate) use death::{Death, a_death_costs_one_task, assert_died};
pub(crate) use gate::{Gate, arrive, pass};
pub(crate) use kill::{Random, killed, poisoned_by};
pub(crate) use leftovers::{Holdings, descriptors};
pub(crate) use managers::{holdings, is_config, is_invalid_state};
pub(crate) use processes::{
    ProcessId, descendants, descendants_of, processor_ticks, resident_kib, zygote, zygote_while,
};
pub(crate) use programs::{Program, announce};
pub(crate) use runner::{named, note, run_each_in_a_process};

/// How long a test may take. Far more than any needs: it is there to end one that hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(180);

/// Tests count this process' children and descriptors, so they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test. It fails if it hangs, or leaves a process, a thread of the crate or a descriptor
/// behind.
pub(crate) fn promise(body: impl FnOnce() -> Result<()> + Send + 'static) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Holdings::now();
    within(DEADLINE, body);
    before.assert_kept();
}

/// Runs `body` in a thread of its own, and panics if it hangs.
pub(crate) fn within(limit: Duration, body: impl FnOnce() -> Result<()> + Send + 'static) {
    let (done, waiting) = channel();
    let thread = thread::spawn(move || {
        let outcome = body();
        let _ = done.send(());
        outcome
    });
    if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
        panic!("hangs: not done after {limit:?}; processes: {:?}", descendants());
    }
    match thread.join() {
        Ok(outcome) => outcome.unwrap(),
        Err(panic) => resume_unwind(panic),
    }
}

/// Waits until `condition` holds, and panics if it never does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "never happened: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The pids of the pool's workers, once it has all that it should.
pub(crate) fn pids(pool: &Pool) -> Vec<u32> {
    eventually("the pool has all its workers", || pool.workers().len() == pool.processes());
    pool.workers().iter().map(|worker| worker.pid).collect()
}

/// A task: its worker's pid.
pub(crate) fn own_pid() -> u32 {
    std::process::id()
}

/// A task: a number's square.
pub(crate) fn square(n: u64) -> u64 {
    n * n
}

/// A task that takes some time: sleeps for so many milliseconds and returns them.
pub(crate) fn nap(milliseconds: u64) -> u64 {
    thread::sleep(Duration::from_millis(milliseconds));
    milliseconds
}

/// The squares of the numbers below `len`: what maps of [`square`] should give.
pub(crate) fn squares(len: u64) -> Vec<u64> {
    (0..len).map(square).collect()
}

/// Checks that every call fails with an error that `check` accepts, and that the pool can be
/// joined.
pub(crate) fn can_run_nothing(pool: &Pool, check: impl Fn(&Error) -> bool) {
    let errors = [
        pool.apply(square, (1,)).unwrap_err(),
        pool.map(square, 0..100).unwrap_err(),
        pool.apply_async(square, (1,)).get().unwrap_err(),
        pool.map_async(square, 0..100).get().unwrap_err(),
        pollster::block_on(pool.apply_async(square, (1,))).unwrap_err(),
    ];
    let lazy = pool
        .imap(square, 0..100)
        .map(Result::unwrap_err)
        .chain(pool.imap_unordered(square, 0..100).map(Result::unwrap_err));
    errors.into_iter().chain(lazy).for_each(|error| assert!(check(&error), "{error:?}"));
    pool.close();
    pool.join().unwrap();
}

/// A task that panics for odd numbers.
pub(crate) fn fail_if_odd(n: u64) -> u64 {
    assert!(n.is_multiple_of(2), "task {n} failed");
    n
}

/// The message of a task's panic.
pub(crate) fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(Error::Panicked { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}
