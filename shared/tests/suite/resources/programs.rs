//! Programs and what they leave: no process outlives a program however it ends, Ctrl-C is quiet,
//! and long use costs nothing.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result, StartMethod, active_children};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Gate, Named, ProcessId, Program, announce, descendants, descriptors, eventually, named, nap, pass, pids,
    resident_kib, square, squares, zygote,
};

pub(crate) const TESTS: &[Named] = named! {
    no_process_outlives_a_killed_program
    no_process_outlives_a_program_that_exits
    nested_pools_end_with_a_killed_worker
    ctrl_c_ends_everything_silently
    ctrl_c_can_be_handled_by_the_program
    program_leaves_no_files
    pools_in_sequence_leave_nothing
    tasks_leave_nothing_in_memory
    program_may_reap_every_child_itself
};

pub(crate) const PROGRAMS: &[Named] = named! {
    runs_tasks_with_the_fork_server
    runs_tasks_with_spawn
    runs_nested_pools
    exits
    panics
    forgets_its_pool
    returns_early
    handles_ctrl_c
    works_and_ends
};

// The programs.

/// Workers that sleep, that compute, and that do nothing; then waits to be killed.
fn runs_tasks(method: StartMethod) -> Result<()> {
    let pool = Pool::builder().processes(3).start_method(method).build()?;
    let gate = Gate::new();
    let _asleep = pool.apply_async(pass, (gate.path(),));
    let _busy = pool.apply_async(|gate: PathBuf| crate::support::arrive(&gate) + endless(), (gate.path(),));
    gate.await_arrivals(2);
    // Nothing will clean up here.
    gate.remove();
    announce();
    loop {
        thread::park();
    }
}

fn endless() -> u32 {
    (0u64..).find(|n| std::hint::black_box(*n) == u64::MAX).map_or(0, |_| 1)
}

fn runs_tasks_with_the_fork_server() -> Result<()> {
    runs_tasks(StartMethod::ForkServer)
}

fn runs_tasks_with_spawn() -> Result<()> {
    runs_tasks(StartMethod::Spawn)
}

/// A task that has a pool in which a task has a pool, and waits at the gate with all of them alive.
fn nest(levels: u32, gate: PathBuf) -> u32 {
    if levels == 0 {
        return pass(gate);
    }
    let pool = Pool::with_processes(2).unwrap();
    pool.apply(nest, (levels - 1, gate)).unwrap_or(0)
}

fn runs_nested_pools() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let _task = pool.apply_async(nest, (2, gate.path()));
    gate.await_arrivals(1);
    gate.remove();
    announce();
    loop {
        thread::park();
    }
}

/// A pool with work to do for a long time.
fn busy_pool() -> Result<Pool> {
    let pool = Pool::with_processes(2)?;
    drop(pool.with_chunksize(1).map_async(nap, [3_600_000; 10]));
    eventually("tasks run", || pool.statistics().running == 2);
    announce();
    Ok(pool)
}

fn exits() -> Result<()> {
    let _pool = busy_pool()?;
    std::process::exit(0);
}

fn panics() -> Result<()> {
    let _pool = busy_pool()?;
    std::panic::set_hook(Box::new(|_| {}));
    panic!("at the end");
}

fn forgets_its_pool() -> Result<()> {
    std::mem::forget(busy_pool()?);
    Ok(())
}

fn returns_early() -> Result<()> {
    busy_pool().map(drop)
}

fn handles_ctrl_c() -> Result<()> {
    let mut mask = nix::sys::signal::SigSet::empty();
    mask.add(Signal::SIGINT);
    mask.thread_block().unwrap();
    let pool = busy_pool()?;
    let children = descendants();
    mask.wait().unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(children.len() == 3 && !children.iter().any(ProcessId::is_gone), "the children ignore Ctrl-C");
    pool.terminate();
    println!("good bye");
    Ok(())
}

fn works_and_ends() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        assert_eq!(pool.map(square, 0..1000)?, squares(1000));
        assert!(pool.apply(|| -> u32 { std::process::abort() }, ()).is_err());
        announce();
        std::mem::forget(pool);
    }
    Ok(())
}

// The tests.

const BUSY: [&str; 3] = ["runs_tasks_with_the_fork_server", "runs_tasks_with_spawn", "runs_nested_pools"];

fn no_process_outlives_a_killed_program() -> Result<()> {
    for name in BUSY {
        for signal in [Signal::SIGKILL, Signal::SIGTERM] {
            let program = Program::start(name);
            assert!(program.processes.len() >= 5, "{:?}", program.processes);
            program.signal(signal);
            let (status, printed) = program.end();
            assert_eq!((status.signal(), &*printed), (Some(signal as i32), ""));
        }
    }
    Ok(())
}

fn no_process_outlives_a_program_that_exits() -> Result<()> {
    for (name, code) in [("exits", 0), ("panics", 101), ("forgets_its_pool", 0), ("returns_early", 0)] {
        let (status, printed) = Program::start(name).end();
        assert_eq!((status.code(), &*printed), (Some(code), ""), "{name}");
    }
    Ok(())
}

fn nested_pools_end_with_a_killed_worker() -> Result<()> {
    let (pool, gate) = (Pool::with_processes(1)?, Gate::new());
    let task = pool.apply_async(nest, (2, gate.path()));
    gate.await_arrivals(1);
    let worker = pids(&pool)[0];
    let below = crate::support::descendants_of(worker);
    assert!(below.len() >= 6, "{below:?}");
    kill(Pid::from_raw(worker as i32), Signal::SIGKILL).unwrap();
    assert!(matches!(task.get(), Err(Error::WorkerLost { pid, .. }) if pid == worker));
    eventually("the nested pools are gone", || below.iter().all(ProcessId::is_gone));
    assert_eq!(pool.apply(square, (2,))?, 4);
    Ok(())
}

fn ctrl_c_ends_everything_silently() -> Result<()> {
    for name in BUSY {
        let program = Program::start(name);
        program.signal_group(Signal::SIGINT);
        let (status, printed) = program.end();
        assert_eq!((status.signal(), &*printed), (Some(2), ""), "{name}");
    }
    Ok(())
}

fn ctrl_c_can_be_handled_by_the_program() -> Result<()> {
    let program = Program::start("handles_ctrl_c");
    program.signal_group(Signal::SIGINT);
    let (status, printed) = program.end();
    assert_eq!((status.code(), &*printed), (Some(0), "good bye\n"));
    Ok(())
}

fn program_leaves_no_files() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Program::command("works_and_ends");
    let output = command.current_dir(folder.path()).env("TMPDIR", folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    Ok(())
}

fn pools_in_sequence_leave_nothing() -> Result<()> {
    let use_one = |n: usize| -> Result<()> {
        let method = if n.is_multiple_of(4) { StartMethod::Spawn } else { StartMethod::ForkServer };
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        assert_eq!(pool.map(square, 0..10)?, squares(10));
        if n.is_multiple_of(2) {
            pool.close();
            pool.join()?;
        }
        Ok(())
    };
    (0..20).try_for_each(use_one)?;
    let (open, memory) = (descriptors(), resident_kib());
    (0..200).try_for_each(use_one)?;
    assert_eq!((descriptors().len(), descendants().len(), active_children().len()), (open.len(), 0, 0));
    let growth = resident_kib().saturating_sub(memory);
    assert!(growth < 8 * 1024, "200 pools have left {growth} KiB");
    Ok(())
}

fn tasks_leave_nothing_in_memory() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let work = |rounds: usize| -> Result<()> {
        for n in 0..rounds as u64 {
            assert_eq!(pool.with_chunksize(10).map(square, 0..1000)?.len(), 1000);
            assert_eq!(pool.apply(multiproc::partial(|state: &Vec<u8>| state.len(), vec![0; 100_000]), ())?, 100_000);
            assert_eq!(pool.imap(square, 0..).nth(9).unwrap()?, 81);
            drop(pool.apply_async(square, (n,)));
        }
        Ok(())
    };
    work(50)?;
    let memory = || resident_kib() + pool.workers().iter().map(|worker| worker.memory / 1024).sum::<u64>();
    let before = memory();
    work(250)?;
    let growth = memory().saturating_sub(before);
    assert!(growth < 8 * 1024, "work has left {growth} KiB");
    Ok(())
}

fn program_may_reap_every_child_itself() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    let zygote = zygote().pid;
    kill(Pid::from_raw(zygote as i32), Signal::SIGKILL).unwrap();
    assert_eq!(nix::sys::wait::waitpid(None, None).unwrap().pid(), Some(Pid::from_raw(zygote as i32)));
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    let reaper = thread::spawn(|| while nix::sys::wait::waitpid(None, None).is_ok() {});
    drop(pool);
    reaper.join().unwrap();
    assert_eq!(Pool::with_processes(1)?.apply(square, (2,))?, 4);
    Ok(())
}
