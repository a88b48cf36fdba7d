//! Limits on descriptors, processes, CPU time and all that `setrlimit` knows, and large numbers of
//! workers.

use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use super::{a_small_pool_works, is_refused_by_the_system, limit};
use crate::support::{METHODS, Named, Program, named, pids, square, squares};

pub(crate) const TESTS: &[Named] = named! {
    more_workers_than_descriptors_are_an_error
    worker_without_a_free_descriptor_is_an_error_or_waits
    more_workers_than_processes_are_an_error
    limits_of_every_kind_are_an_error_or_harmless
    pool_can_be_built_once_descriptors_are_free_again
    worker_without_cpu_time_fails_only_its_task
    thousands_of_pools_in_sequence_work
    three_hundred_workers_run
};

pub(crate) const PROGRAMS: &[Named] = named! {
    uses_few_processes
    uses_a_pool_under_a_limit
};

fn worker_without_cpu_time_fails_only_its_task() -> Result<()> {
    fn spend(n: u64) -> u64 {
        if n == 1 {
            limit(Resource::RLIMIT_CPU, 1);
            return (0u64..).find(|n| std::hint::black_box(*n) == u64::MAX).unwrap_or(0);
        }
        square(n)
    }
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let results: Vec<_> = (0..3).map(|n| pool.apply_async(spend, (n,))).collect();
        let results: Vec<Result<u64>> = results.into_iter().map(|result| result.get()).collect();
        let lost =
            |error: &Error| matches!(error, Error::WorkerLost { exit, .. } if exit.signal_name() == Some("SIGXCPU"));
        assert!(matches!(&results[..], [Ok(0), Err(error), Ok(4)] if lost(error)), "{results:?}");
    }
    Ok(())
}

fn more_workers_than_descriptors_are_an_error() -> Result<()> {
    limit(Resource::RLIMIT_NOFILE, 64);
    a_small_pool_works()?;
    for processes in [65, 100, 300] {
        let refused = Pool::with_processes(processes);
        assert!(is_refused_by_the_system(&refused), "{refused:?}");
    }
    a_small_pool_works()
}

fn worker_without_a_free_descriptor_is_an_error_or_waits() -> Result<()> {
    limit(Resource::RLIMIT_NOFILE, 64);
    for released_after in [Duration::from_millis(300), Duration::from_secs(5)] {
        let pool = Pool::with_processes(2)?;
        let workers = pids(&pool);
        let taken: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        workers.iter().for_each(|pid| kill(Pid::from_raw(*pid as i32), Signal::SIGKILL).unwrap());
        let result = std::thread::scope(|scope| {
            let task = scope.spawn(|| pool.apply(square, (3,)));
            std::thread::sleep(released_after);
            drop(taken);
            task.join().unwrap()
        });
        assert!(matches!(result, Ok(9)) || is_refused_by_the_system(&result), "{result:?}");
    }
    a_small_pool_works()
}

/// Of the processes of a user who has no others.
const FEW: u64 = 3;

fn uses_few_processes() -> Result<()> {
    limit(Resource::RLIMIT_NPROC, FEW);
    // Itself, the zygote, and one more.
    let pool = Pool::with_processes(1)?;
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    assert_eq!(pool.apply_async(square, (7,)).get()?, 49, "although there can be no thread to attend to it");
    assert!(pool.apply(|| -> u64 { std::process::abort() }, ()).is_err());
    assert_eq!(pool.apply(square, (3,))?, 9);
    drop(pool);
    for processes in [2, 10] {
        let refused = Pool::with_processes(processes);
        assert!(is_refused_by_the_system(&refused), "{refused:?}");
    }
    println!("well");
    Ok(())
}

fn more_workers_than_processes_are_an_error() -> Result<()> {
    if !Uid::effective().is_root() {
        // This user has other processes, and they count. None more can be had, then.
        limit(Resource::RLIMIT_NPROC, 1);
        assert!(is_refused_by_the_system(&Pool::with_processes(2)));
        return Ok(());
    }
    // Limits do not concern root. The link is that of the forked child, so that the path need not
    // be open to the other user, who has no other process: the tests may run several times at once,
    // also where each sees only its own processes.
    let user = 100_000 + fastrand::u32(..1_000_000_000);
    let mut command = Command::new("/proc/self/exe");
    command.args(Program::command("uses_few_processes").get_args()).uid(user).gid(user);
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stdout == b"well\n", "{output:?}");
    Ok(())
}

/// A program under one limit: `uses_a_pool_under_a_limit METHOD LIMIT`.
fn uses_a_pool_under_a_limit() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(3).map(|number| number.parse().unwrap()).collect();
    let (method, (resource, max)) = (METHODS[numbers[0]], LIMITS[numbers[1]]);
    limit(resource, max);
    let uses_a_pool = || {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        assert_eq!(pool.map(square, 0..100)?, squares(100));
        match pool.apply(|| -> u64 { std::process::exit(3) }, ()) {
            Err(Error::WorkerLost { exit, .. }) if exit.code() == Some(3) => pool.map(square, 0..100),
            Err(error) => Err(error),
            Ok(n) => panic!("a task that exits returned {n}"),
        }
    };
    match uses_a_pool() {
        Ok(results) => assert_eq!(results, squares(100)),
        // What the system refused, that it has killed a new process, or that a worker found no
        // memory.
        Err(Error::Io { .. } | Error::NoWorkers { .. } | Error::WorkerLost { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    Ok(())
}

/// Limits that are too small for a pool, or just so.
const LIMITS: [(Resource, u64); 20] = [
    (Resource::RLIMIT_AS, 0),
    (Resource::RLIMIT_AS, 5 << 20),
    (Resource::RLIMIT_AS, 8 << 20),
    (Resource::RLIMIT_AS, 10 << 20),
    (Resource::RLIMIT_AS, 14 << 20),
    (Resource::RLIMIT_AS, 20 << 20),
    (Resource::RLIMIT_DATA, 0),
    (Resource::RLIMIT_DATA, 300 << 10),
    (Resource::RLIMIT_DATA, 600 << 10),
    (Resource::RLIMIT_DATA, 3 << 20),
    (Resource::RLIMIT_STACK, 64 << 10),
    (Resource::RLIMIT_STACK, 200 << 10),
    (Resource::RLIMIT_NOFILE, 3),
    (Resource::RLIMIT_NOFILE, 8),
    (Resource::RLIMIT_NOFILE, 12),
    (Resource::RLIMIT_NOFILE, 16),
    (Resource::RLIMIT_SIGPENDING, 0),
    (Resource::RLIMIT_MEMLOCK, 0),
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_MSGQUEUE, 0),
];

fn pool_can_be_built_once_descriptors_are_free_again() -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    for method in METHODS {
        setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
        let refused = Pool::builder().processes(1).start_method(method).build();
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        assert!(matches!(refused, Err(Error::Io { .. })), "{refused:?}");
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        assert_eq!(pool.apply(square, (3,))?, 9);
    }
    Ok(())
}

fn limits_of_every_kind_are_an_error_or_harmless() -> Result<()> {
    for (at, (resource, max)) in LIMITS.iter().enumerate() {
        for method in ["0", "1", "2"] {
            let program = Program::command("uses_a_pool_under_a_limit");
            let mut command = Command::new("timeout");
            command.args(["--signal=KILL", "60"]).arg(program.get_program()).args(program.get_args());
            let output = command.args([method, &at.to_string()]).output().unwrap();
            // Where the program itself finds no memory, Rust ends it, in words.
            let no_memory = output.status.signal() == Some(Signal::SIGABRT as i32)
                && String::from_utf8_lossy(&output.stderr).starts_with("memory allocation of ");
            assert!(output.status.success() || no_memory, "{method}, {resource:?}, {max}: {output:?}");
        }
    }
    Ok(())
}

fn thousands_of_pools_in_sequence_work() -> Result<()> {
    // One takes some 2 ms optimized, and several times that otherwise.
    let pools = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    for n in 0..pools {
        let pool = Pool::with_processes(1)?;
        assert_eq!(pool.apply(square, (n,))?, square(n));
    }
    Ok(())
}

fn three_hundred_workers_run() -> Result<()> {
    let pool = Pool::with_processes(300)?;
    assert_eq!(pids(&pool).len(), 300);
    assert_eq!(pool.with_chunksize(1).map(square, 0..3000)?, squares(3000));
    Ok(())
}
