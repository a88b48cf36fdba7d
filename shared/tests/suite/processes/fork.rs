//! What is `StartMethod::Fork`'s own: workers have the program's memory, and may not have its
//! threads, buffered output, handlers and locks.
//!
//! It is for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

use multiproc::{Error, Executor, Lock, Pool, Process, Result, SharedSlice, StartMethod};
use nix::sys::signal::Signal;

use super::forking;
use crate::support::{
    Death, Gate, Named, Program, descendants, eventually, named, own_pid, pass, pids, square, squares,
};

pub(crate) const TESTS: &[Named] = named! {
    workers_inherit_memory_of_the_build
    workers_do_not_share_memory_with_the_program
    process_inherits_memory_too
    fork_with_threads_is_rejected
    ended_thread_does_not_count
    unchecked_fork_with_threads_is_possible
    pool_may_have_threads_and_still_replace_its_workers
    buffered_output_is_printed_once
    exit_handlers_of_the_program_do_not_run_in_workers
    worker_drops_signal_handlers_of_the_program
    lock_stays_with_its_holder_across_a_fork
};

pub(crate) const PROGRAMS: &[Named] = named! {
    prints_and_forks
};

static TABLE: OnceLock<Vec<u64>> = OnceLock::new();
static COUNT: AtomicU32 = AtomicU32::new(0);

fn workers_inherit_memory_of_the_build() -> Result<()> {
    TABLE.get_or_init(|| squares(100_000));
    COUNT.store(1, SeqCst);
    let pool = forking().max_tasks_per_child(5).build()?;
    COUNT.store(2, SeqCst);
    let look = |n: usize| (TABLE.get().map(|table| table[n]), COUNT.load(SeqCst));
    // Workers that replace others are as old in this as the first.
    assert!(pool.map(look, 0..30)?.into_iter().zip(0..).all(|(seen, n)| seen == (Some(square(n)), 1)));
    Ok(())
}

fn workers_do_not_share_memory_with_the_program() -> Result<()> {
    let pool = forking().processes(1).build()?;
    assert_eq!(pool.map(|_: u32| COUNT.fetch_add(1, SeqCst), 0..3u32)?, [0, 1, 2]);
    assert_eq!(COUNT.load(SeqCst), 0);
    Ok(())
}

fn process_inherits_memory_too() -> Result<()> {
    COUNT.store(7, SeqCst);
    let process = Process::builder().start_method(StartMethod::Fork).target(|| COUNT.load(SeqCst), ()).start()?;
    assert_eq!(process.join()?, 7);
    Ok(())
}

/// Runs `act` while this process has one thread more.
fn beside_a_thread<R>(act: impl FnOnce() -> R) -> R {
    let gate = Gate::new();
    let path = gate.path();
    let thread = thread::spawn(move || pass(path));
    gate.await_arrivals(1);
    let result = act();
    gate.open();
    thread.join().unwrap();
    result
}

fn fork_with_threads_is_rejected() -> Result<()> {
    let refused = beside_a_thread(|| forking().build().unwrap_err());
    assert!(matches!(refused, Error::ForkWithThreads { threads: 2 }), "{refused:?}");
    assert!(refused.to_string().contains("StartMethod::ForkServer"), "it says what to do: {refused}");
    let process = || Process::builder().start_method(StartMethod::Fork).target(own_pid, ()).start();
    assert!(matches!(beside_a_thread(process), Err(Error::ForkWithThreads { .. })));
    assert_eq!(descendants(), []);
    Ok(())
}

fn ended_thread_does_not_count() -> Result<()> {
    for _ in 0..20 {
        thread::spawn(|| {}).join().unwrap();
        assert_eq!(forking().build()?.apply(square, (2,))?, 4);
    }
    Ok(())
}

#[allow(unsafe_code, reason = "it is what is tested")]
fn unchecked_fork_with_threads_is_possible() -> Result<()> {
    COUNT.store(3, SeqCst);
    // SAFETY: the other thread sleeps and looks at files; it holds no lock that a task takes.
    let build = || unsafe { Pool::builder().processes(2).fork_despite_threads() }.build();
    assert_eq!(beside_a_thread(build)?.apply(|| COUNT.load(SeqCst), ())?, 3);
    Ok(())
}

fn pool_may_have_threads_and_still_replace_its_workers() -> Result<()> {
    let pool = forking().build()?;
    beside_a_thread(|| {
        assert!(pool.apply(|| -> u32 { Death::Kill.die() }, ()).is_err());
        pids(&pool);
        pool.resize(4)?;
        eventually("there are more workers", || pool.workers().len() == 4);
        assert_eq!(pool.map(square, 0..100)?, squares(100));
        Ok(())
    })
}

fn prints_and_forks() -> Result<()> {
    // Rust's standard output keeps a line until its end, so this is still in memory when the pool
    // is built.
    print!("buffered in Rust");
    let pool = forking().build()?;
    assert!(pool.apply(|| -> u32 { std::process::exit(0) }, ()).is_err());
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    print!(" and some more");
    drop(pool);
    let process = Process::builder().start_method(StartMethod::Fork).target(|| print!(", the child,"), ()).start()?;
    process.join()?;
    println!(" and the end");
    Ok(())
}

fn buffered_output_is_printed_once() -> Result<()> {
    let output = Program::command("prints_and_forks").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "buffered in Rust and some more, the child, and the end\n");
    Ok(())
}

fn exit_handlers_of_the_program_do_not_run_in_workers() -> Result<()> {
    struct Loud(std::path::PathBuf);
    impl Drop for Loud {
        fn drop(&mut self) {
            std::fs::File::options().append(true).create(true).open(&self.0).unwrap().write_all(b"x").unwrap();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drops");
    let loud = Loud(file.clone());
    let pool = forking().build()?;
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    pool.close();
    pool.join()?;
    drop(loud);
    assert_eq!(std::fs::read(file).unwrap(), b"x", "what the program owns is dropped by the program, once");
    Ok(())
}

fn worker_drops_signal_handlers_of_the_program() -> Result<()> {
    let mut mask = nix::sys::signal::SigSet::empty();
    mask.add(Signal::SIGUSR1);
    mask.thread_block().unwrap();
    let pool = forking().build()?;
    let raise = || nix::sys::signal::raise(Signal::SIGUSR1).is_ok();
    match pool.apply(raise, ()) {
        Err(Error::WorkerLost { exit, .. }) => assert_eq!(exit.signal_name(), Some("SIGUSR1")),
        other => panic!("the mask was inherited: {other:?}"),
    }
    Ok(())
}

fn lock_stays_with_its_holder_across_a_fork() -> Result<()> {
    let (ours, theirs, data) = (Lock::new(1u64)?, Lock::new(2u64)?, SharedSlice::from_slice(&[3u64; 10])?);
    let guards = (ours.lock()?, data.write(..5)?);
    let die_with_it = |theirs: Lock<u64>, ours: Lock<u64>, data: SharedSlice<u64>| -> u64 {
        let _guards = (theirs.lock().unwrap(), data.write(5..).unwrap());
        assert!(ours.try_lock().unwrap().is_none());
        Death::Kill.die()
    };
    let args = (theirs.clone(), ours.clone(), data.clone());
    let process = Process::builder().start_method(StartMethod::Fork).target(die_with_it, args).start()?;
    let child = process.pid();
    assert!(matches!(process.join(), Err(Error::WorkerLost { .. })));
    assert!(matches!(theirs.lock(), Err(Error::Poisoned { pid }) if pid == child));
    assert!(matches!(data.read(5..), Err(Error::Poisoned { pid }) if pid == child));
    // The copies of the guards that the child had are of no consequence.
    assert!(ours.lock().is_err(), "this thread has it still");
    drop(guards);
    assert_eq!((*ours.lock()?, data.get(0)?), (1, 3));
    Ok(())
}
