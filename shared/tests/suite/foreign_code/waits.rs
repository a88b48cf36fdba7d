//! Waits that end: for processes, in callbacks, of closed pools, within limits.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, ExitStatus, Pool, Process, Result, StartMethod, ThreadPool, wait, wait_for_all};
use nix::sys::signal::Signal;

use super::{LONG, is_well};
use crate::support::{Cgroup, METHODS, Named, ProcessId, Program, announce, eventually, named, nap, note, square};

pub(crate) const TESTS: &[Named] = named! {
    wait_ends_although_started_processes_live
    wait_ends_with_a_process_whose_result_is_large
    wait_returns_how_a_killed_process_ended
    join_in_a_callback_returns
    two_threads_may_join_and_get
    lazy_call_of_a_closed_pool_ends_after_one_error
    time_limits_exclude_time_the_program_was_stopped
    time_limits_exclude_time_the_program_was_frozen
    time_limits_include_time_a_worker_was_stopped
};

pub(crate) const PROGRAMS: &[Named] = named! {
    works_within_limits
};

/// Forks a process that goes on for a while with all that this one has open.
#[allow(unsafe_code, reason = "what daemons do")]
fn leave_a_daemon(milliseconds: u64) {
    use nix::unistd::{ForkResult, fork};
    // SAFETY: the child sleeps and ends, and nothing else.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        thread::sleep(Duration::from_millis(milliseconds));
        // SAFETY: as above.
        unsafe { nix::libc::_exit(0) };
    }
}

pub(crate) fn wait_ends_although_started_processes_live() -> Result<()> {
    for method in METHODS {
        let daemon = || {
            leave_a_daemon(20_000);
            7u32
        };
        let process = Process::builder().start_method(method).target(daemon, ()).start()?;
        assert_eq!(wait(&[&process], Some(Duration::from_secs(15)))?, [0]);
        assert_eq!(process.exit_status(), Some(ExitStatus::Exited(0)));
        assert!(!process.is_alive());
        assert_eq!(process.join()?, 7);
    }
    // What is left behind is none of the crate's; it would count as left over.
    eventually("the daemons end", || {
        crate::support::descendants().into_iter().for_each(|process| {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid as i32), Signal::SIGKILL);
        });
        true
    });
    Ok(())
}

pub(crate) fn wait_ends_with_a_process_whose_result_is_large() -> Result<()> {
    for method in METHODS {
        for len in [0, 100_000, 20_000_000] {
            let large = |len: usize| vec![7u8; len];
            let process = Process::builder().start_method(method).target(large, (len,)).start()?;
            let other = Process::builder().start_method(method).target(nap, (20_000,)).daemon(true).start()?;
            assert_eq!(wait(&[&other, &process], Some(LONG))?, [1]);
            assert_eq!(process.exit_status(), Some(ExitStatus::Exited(0)));
            assert_eq!(process.join()?.len(), len);
        }
    }
    Ok(())
}

pub(crate) fn wait_returns_how_a_killed_process_ended() -> Result<()> {
    for _ in 0..20 {
        let process = Process::new(nap, (100_000,)).start()?;
        process.kill()?;
        assert_eq!(wait(&[&process], Some(LONG))?, [0]);
        assert_eq!(process.exit_status(), Some(ExitStatus::Signaled(9)));
        assert!(process.join().is_err());
    }
    Ok(())
}

pub(crate) fn join_in_a_callback_returns() -> Result<()> {
    for cancel in [false, true] {
        let pool = Arc::new(Pool::with_processes(2)?);
        let inner = pool.clone();
        let future = pool.submit(square, (2,)).done_callback(move |_| {
            inner.close();
            if cancel {
                inner.cancel_pending();
            }
            inner.shutdown();
        });
        assert_eq!(future.get()?, 4);
        assert!(matches!(pool.apply(square, (1,)), Err(Error::Closed)));
    }
    let pool = Arc::new(ThreadPool::with_processes(1)?);
    let inner = pool.clone();
    let future = pool.submit(square, (2,)).done_callback(move |_| inner.shutdown());
    assert_eq!(future.get()?, 4);
    // Several callbacks, of which each joins, and the others still run.
    let pool = Arc::new(Pool::with_processes(2)?);
    let futures: Vec<_> = (0..4)
        .map(|n| {
            let inner = pool.clone();
            let join = move |_: &Result<u64>| {
                inner.close();
                inner.join().unwrap();
            };
            pool.apply_async(nap, (50 + n,)).done_callback(join)
        })
        .collect();
    wait_for_all(&futures);
    assert!(futures.into_iter().enumerate().all(|(n, future)| future.get().unwrap() == 50 + n as u64));
    Ok(())
}

pub(crate) fn two_threads_may_join_and_get() -> Result<()> {
    for _ in 0..10 {
        let pool = Pool::with_processes(2)?;
        let future = pool.apply_async(nap, (30,));
        thread::scope(|scope| {
            pool.close();
            let joins: Vec<_> = (0..3).map(|_| scope.spawn(|| pool.join())).collect();
            assert_eq!(future.get().unwrap(), 30);
            joins.into_iter().for_each(|join| join.join().unwrap().unwrap());
        });
    }
    Ok(())
}

pub(crate) fn lazy_call_of_a_closed_pool_ends_after_one_error() -> Result<()> {
    fn one_error(mut results: impl Iterator<Item = Result<u64>>) {
        assert!(matches!(results.next(), Some(Err(Error::Closed))));
        assert!(results.next().is_none());
        assert!(results.next().is_none());
    }
    let pool = Pool::with_processes(2)?;
    let (mut ordered, mut unordered) = (pool.imap(square, 0..), pool.imap_unordered(square, 0..));
    assert_eq!(ordered.next().unwrap()?, 0);
    unordered.next().unwrap()?;
    pool.close();
    one_error(pool.imap(square, 0..));
    one_error(pool.imap_unordered(square, 0..));
    one_error(pool.with_chunksize(10).imap(square, 0..));
    // What was taken before is done; then the iteration ends.
    let errors = |results: Vec<Result<u64>>| results.into_iter().filter(Result::is_err).count();
    assert_eq!(errors(ordered.collect()), 1);
    assert_eq!(errors(unordered.collect()), 1);
    let threads = ThreadPool::with_processes(2)?;
    threads.close();
    one_error(threads.imap(square, 0..));
    one_error(threads.with_chunksize(7).imap_unordered(square, 0..));
    let gone = Pool::with_processes(1)?;
    gone.terminate();
    one_error(gone.imap(square, 0..));
    Ok(())
}

/// Runs tasks that take half of the limit, in several ways of waiting.
pub(crate) fn works_within_limits() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).task_timeout(Duration::from_secs(3)).build()?;
        let slow = |n: u64| {
            (0..15).for_each(|_| thread::sleep(Duration::from_millis(100)));
            n
        };
        let mut later = pool.apply_async(slow, (1,));
        let mut mapped = pool.map_async(slow, [2u64]);
        if method == StartMethod::ForkServer {
            announce();
        }
        println!("{method:?} {:?} {:?}", later.get_timeout(LONG).ok(), mapped.get_timeout(LONG).ok());
        if method == StartMethod::ForkServer {
            println!("lost {}", pool.statistics().workers_lost);
            let hung = pool.apply(nap, (100_000,));
            println!("{}", matches!(hung, Err(Error::TimedOut { .. })));
        }
    }
    Ok(())
}

/// The program, which [worked within limits](works_within_limits), has ended none of its tasks but
/// the one that hung.
fn has_kept_its_limits(program: Program) {
    let (status, printed) = program.end();
    assert!(status.success(), "{printed}");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..3], ["ForkServer Some(1) Some([2])", "lost 0", "true"], "{printed}");
}

pub(crate) fn time_limits_exclude_time_the_program_was_stopped() -> Result<()> {
    let program = Program::start("works_within_limits");
    // The second is what a terminal sends at Ctrl-Z.
    for stop in [Signal::SIGSTOP, Signal::SIGTSTP] {
        thread::sleep(Duration::from_millis(200));
        program.signal_group(stop);
        eventually("all are stopped", || program.processes.iter().all(ProcessId::is_stopped));
        thread::sleep(Duration::from_secs(2));
        program.signal_group(Signal::SIGCONT);
    }
    has_kept_its_limits(program);
    Ok(())
}

/// The program is frozen, as in a paused container.
pub(crate) fn time_limits_exclude_time_the_program_was_frozen() -> Result<()> {
    let Some(group) = Cgroup::with_freezer() else {
        note("no cgroup can be made here that can be frozen");
        return Ok(());
    };
    let program = Program::start_with(group.of(&Program::command("works_within_limits")));
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(200));
        group.freeze();
        thread::sleep(Duration::from_secs(2));
        group.thaw();
    }
    has_kept_its_limits(program);
    Ok(())
}

pub(crate) fn time_limits_include_time_a_worker_was_stopped() -> Result<()> {
    let pool = Pool::builder().processes(1).task_timeout(Duration::from_secs(1)).build()?;
    let mut later = pool.apply_async(nap, (200,));
    eventually("the task runs", || later.state() == multiproc::FutureState::Running);
    let pid = nix::unistd::Pid::from_raw(pool.workers()[0].pid as i32);
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
    let outcome = later.get_timeout(LONG);
    assert!(matches!(outcome, Err(Error::TimedOut { pid: Some(_), .. })), "{outcome:?}");
    is_well(&pool)
}
