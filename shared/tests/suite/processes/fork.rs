//! `StartMethod::Fork`: what the other start methods promise, and what is its own.
//!
//! It is for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

use multiproc::{Error, Executor, Lock, Pool, PoolBuilder, Process, Result, SharedSlice, StartMethod};
use nix::sys::signal::Signal;

use crate::support::{
    Death, Gate, Named, Program, a_death_costs_one_task, announce, descendants, descriptors, eventually, named, nap,
    own_pid, pass, pids, square, squares,
};

pub(crate) const TESTS: &[Named] = named! {
    panic_fails_only_its_task
    successful_exit_fails_only_its_task
    exit_with_a_code_fails_only_its_task
    abort_fails_only_its_task
    killed_worker_fails_only_its_task
    memory_fault_fails_only_its_task
    stack_overflow_fails_only_its_task
    failing_allocation_fails_only_its_task
    calls_of_every_kind_are_right
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
    no_process_outlives_a_killed_program
    no_worker_outlives_a_program_whose_sockets_are_held
    ctrl_c_ends_everything_silently
    lost_zygote_is_distinguished_from_a_hang
    pools_nest
    lock_stays_with_its_holder_across_a_fork
    initializer_runs_in_each_worker
    limits_are_kept
    pools_in_sequence_leave_nothing
};

pub(crate) const PROGRAMS: &[Named] = named! {
    prints_and_forks
    works_for_ever
    works_beside_a_fork_of_its_own
};

fn forking() -> PoolBuilder {
    Pool::builder().processes(2).start_method(StartMethod::Fork)
}

macro_rules! each_costs_one_task {
    ($($name:ident: $death:ident,)*) => {
        $(fn $name() -> Result<()> {
            a_death_costs_one_task(Death::$death, StartMethod::Fork)
        })*
    };
}

each_costs_one_task! {
    panic_fails_only_its_task: Panic,
    successful_exit_fails_only_its_task: ExitZero,
    exit_with_a_code_fails_only_its_task: ExitThree,
    abort_fails_only_its_task: Abort,
    killed_worker_fails_only_its_task: Kill,
    memory_fault_fails_only_its_task: Segfault,
    stack_overflow_fails_only_its_task: StackOverflow,
    failing_allocation_fails_only_its_task: OutOfMemory,
}

fn calls_of_every_kind_are_right() -> Result<()> {
    let pool = forking().build()?;
    assert_eq!(pool.apply(square, (3,))?, 9);
    assert_eq!(pool.map(square, 0..1000)?, squares(1000));
    assert_eq!(pool.starmap(|a: u64, b: u64| a + b, [(1, 2), (3, 4)])?, [3, 7]);
    assert_eq!(pool.imap(square, 0..1000).collect::<Result<Vec<_>>>()?, squares(1000));
    assert_eq!(pool.map_async(square, 0..1000).get()?, squares(1000));
    assert_eq!(pollster::block_on(pool.apply_async(square, (4,)))?, 16);
    assert_eq!(pool.apply(multiproc::partial(|a: u64, b: u64| a * b, 6), (7,))?, 42);
    let large = vec![1u8; 5 << 20];
    assert!(pool.apply(|bytes: Vec<u8>| bytes, (large.clone(),))? == large);
    Ok(())
}

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

fn works_for_ever() -> Result<()> {
    let pool = forking().build()?;
    drop(pool.map_async(nap, [3_600_000; 4]));
    eventually("tasks run", || pool.statistics().running == 2);
    announce();
    loop {
        thread::park();
    }
}

fn no_process_outlives_a_killed_program() -> Result<()> {
    let program = Program::start("works_for_ever");
    assert_eq!(program.processes.len(), 4, "{:?}", program.processes);
    program.signal(Signal::SIGKILL);
    let (status, printed) = program.end();
    assert_eq!((status.signal(), &*printed), (Some(9), ""));
    Ok(())
}

#[allow(unsafe_code, reason = "the program forks by itself, without this crate")]
fn works_beside_a_fork_of_its_own() -> Result<()> {
    let pool = forking().build()?;
    // SAFETY: this process has one thread, so far.
    if unsafe { nix::unistd::fork() }.unwrap().is_child() {
        nix::sys::prctl::set_name(c"bystander").unwrap();
        loop {
            thread::park();
        }
    }
    let wait = || descendants().iter().any(|process| process.name == "bystander");
    eventually("the bystander has its name", wait);
    announce();
    pool.apply(nap, (3_600_000,)).map(drop)
}

fn no_worker_outlives_a_program_whose_sockets_are_held() -> Result<()> {
    let mut program = Program::start("works_beside_a_fork_of_its_own");
    let bystander = program.processes.extract_if(.., |process| process.name == "bystander").next().unwrap();
    program.signal(Signal::SIGKILL);
    let ended = || program.processes.iter().all(|process| process.is_gone());
    eventually("zygote and workers have ended", ended);
    assert!(!bystander.is_gone());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(bystander.pid as i32), Signal::SIGKILL).unwrap();
    program.end();
    Ok(())
}

fn ctrl_c_ends_everything_silently() -> Result<()> {
    let program = Program::start("works_for_ever");
    program.signal_group(Signal::SIGINT);
    let (status, printed) = program.end();
    assert_eq!((status.signal(), &*printed), (Some(2), ""));
    Ok(())
}

fn lost_zygote_is_distinguished_from_a_hang() -> Result<()> {
    let (pool, gate) = (forking().build()?, Gate::new());
    let task = pool.apply_async(pass, (gate.path(),));
    gate.await_arrivals(1);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(crate::support::zygote().pid as i32), Signal::SIGKILL).unwrap();
    assert!(matches!(task.get(), Err(Error::WorkerLost { .. })));
    // By now this program has threads, so it cannot be forked again.
    let refused = pool.apply(square, (2,));
    assert!(matches!(refused, Ok(4) | Err(Error::ForkWithThreads { .. })), "{refused:?}");
    Ok(())
}

fn pools_nest() -> Result<()> {
    let inner = |n: u64| forking().build().and_then(|pool| pool.map(square, 0..n)).map_err(|error| error.to_string());
    assert_eq!(forking().build()?.apply(inner, (10,))?, Ok(squares(10)));
    let server = |n: u64| Pool::with_processes(2).and_then(|pool| pool.map(square, 0..n)).map_err(|e| e.to_string());
    assert_eq!(forking().build()?.apply(server, (10,))?, Ok(squares(10)), "one that is not forked in one that is");
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

fn initializer_runs_in_each_worker() -> Result<()> {
    let pool = forking().initializer(|n: u32| COUNT.fetch_add(n, SeqCst), (5,)).max_tasks_per_child(2).build()?;
    assert_eq!(pool.map(|_: u32| COUNT.load(SeqCst), 0..20u32)?, [5; 20]);
    Ok(())
}

fn limits_are_kept() -> Result<()> {
    let limit = std::time::Duration::from_millis(300);
    let pool = forking().task_timeout(limit).max_tasks_per_child(3).memory_limit(256 << 20).build()?;
    assert!(matches!(pool.apply(nap, (3_600_000,)), Err(Error::TimedOut { pid: Some(_), .. })));
    assert!(!pool.apply(|| Vec::<u8>::new().try_reserve(512 << 20).is_ok(), ())?);
    let pids = pool.with_chunksize(4).map(|_: u32| own_pid(), 0..12u32)?;
    assert!(pids.iter().all(|pid| pids.iter().filter(|other| *other == pid).count() <= 3), "{pids:?}");
    Ok(())
}

fn pools_in_sequence_leave_nothing() -> Result<()> {
    let before = descriptors();
    for _ in 0..50 {
        assert_eq!(forking().build()?.map(square, 0..10)?, squares(10));
    }
    assert_eq!((descriptors().len(), descendants()), (before.len(), vec![]));
    Ok(())
}
