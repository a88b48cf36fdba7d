//! What the other start methods promise, with `StartMethod::Fork`: deaths, calls, limits and ends.
//!
//! It is for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::thread;

use multiproc::{Error, Executor, Pool, Result, StartMethod};
use nix::sys::signal::Signal;

use super::forking;
use crate::support::{
    Death, Gate, Named, Program, a_death_costs_one_task, announce, descendants, descriptors, eventually, named, nap,
    own_pid, pass, square, squares,
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
    no_process_outlives_a_killed_program
    no_worker_outlives_a_program_whose_sockets_are_held
    ctrl_c_ends_everything_silently
    lost_zygote_is_distinguished_from_a_hang
    pools_nest
    initializer_runs_in_each_worker
    limits_are_kept
    pools_in_sequence_leave_nothing
};

pub(crate) const PROGRAMS: &[Named] = named! {
    works_for_ever
    works_beside_a_fork_of_its_own
};

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

static COUNT: AtomicU32 = AtomicU32::new(0);

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
