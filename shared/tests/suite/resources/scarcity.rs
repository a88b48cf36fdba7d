//! What happens when there is too little of something: a clear error or success, never a hang, and
//! never the end of the program.
//!
//! Each test runs in a process of its own, which it can limit as it likes; see `support/runner.rs`.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::support::{Cgroup, METHODS, Named, Program, named, note, pids, square, squares};
use multiproc::{Error, Manager, Pool, PriorityQueue, Process, Queue, Result, SharedSlice, StartMethod};
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::{Pid, Uid};

pub(crate) const TESTS: &[Named] = named! {
    more_workers_than_descriptors_are_an_error
    a_worker_that_no_descriptor_is_left_for_is_an_error_or_waits
    more_workers_than_processes_are_an_error
    more_workers_than_memory_are_an_error
    a_result_that_there_is_no_memory_for_is_an_error
    a_worker_that_is_killed_for_memory_fails_only_its_task
    limits_of_every_kind_are_an_error_or_no_matter
    a_full_shared_memory_file_system_does_not_matter
    shared_memory_over_the_limit_on_files_is_an_error
    a_queue_that_grows_over_the_limit_on_files_is_an_error
    a_limit_on_files_that_a_handler_minds_is_an_error_and_no_signal
    a_worker_without_processor_time_left_fails_only_its_task
    a_broken_pipe_is_an_error_where_its_signal_is_not_ignored
    closed_standard_streams_do_not_matter
    a_storm_of_signals_does_not_matter
    thousands_of_pools_one_after_the_other
    three_hundred_workers
};

pub(crate) const PROGRAMS: &[Named] = named! {
    uses_few_processes
    uses_a_small_pool
    uses_a_pool_with_closed_streams
    uses_much_memory
    uses_a_pool_under_a_limit
};

fn limit(resource: Resource, most: u64) {
    let (_, hard) = getrlimit(resource).unwrap();
    setrlimit(resource, most.min(hard), hard).unwrap();
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

fn is_too_large<T>(result: Result<T>) -> bool {
    matches!(&result, Err(Error::Io { source, .. }) if source.raw_os_error() == Some(Errno::EFBIG as i32))
        && result.err().is_some_and(|error| error.to_string().contains("RLIMIT_FSIZE"))
}

fn shared_memory_over_the_limit_on_files_is_an_error() -> Result<()> {
    for most in [100 << 10, 4096, 1, 0] {
        limit(Resource::RLIMIT_FSIZE, most);
        for method in METHODS {
            assert!(is_too_large(Pool::builder().processes(2).start_method(method).build()));
            assert!(is_too_large(Process::builder().start_method(method).target(square, (1,)).start()));
        }
        assert!(is_too_large(SharedSlice::<u64>::new(1 << 20)));
        assert!(is_too_large(Queue::<u64>::bounded(1 << 20)));
        let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
        setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
        METHODS.iter().try_for_each(|method| {
            assert_eq!(Pool::builder().processes(1).start_method(*method).build()?.apply(square, (3,))?, 9);
            Ok::<_, Error>(())
        })?;
    }
    Ok(())
}

fn a_queue_that_grows_over_the_limit_on_files_is_an_error() -> Result<()> {
    let (queue, large) = (Queue::<Vec<u8>>::new()?, PriorityQueue::<Vec<u8>>::new()?);
    limit(Resource::RLIMIT_FSIZE, 4 << 20);
    let refused = (0..1000).find_map(|_| queue.put(vec![1; 1 << 16]).err());
    assert!(refused.is_some_and(|error| error.to_string().contains("RLIMIT_FSIZE")));
    let refused = (0..1000).find_map(|_| large.put(vec![1; 1 << 16]).err());
    assert!(refused.is_some_and(|error| error.to_string().contains("RLIMIT_FSIZE")));
    assert_eq!(queue.get()?, vec![1; 1 << 16]);
    assert_eq!(large.get()?, vec![1; 1 << 16]);
    Ok(())
}

/// A program that watches its own files for the limit must not see ours.
fn a_limit_on_files_that_a_handler_minds_is_an_error_and_no_signal() -> Result<()> {
    static SEEN: AtomicU32 = AtomicU32::new(0);
    extern "C" fn note(_: i32) {
        SEEN.fetch_add(1, Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(note), SaFlags::empty(), SigSet::empty());
    #[allow(unsafe_code, reason = "the handler only adds to an atomic")]
    // SAFETY: the handler does what is safe in a handler.
    unsafe { sigaction(Signal::SIGXFSZ, &action) }.unwrap();
    limit(Resource::RLIMIT_FSIZE, 4096);
    assert!(is_too_large(Pool::with_processes(1)));
    assert_eq!(SEEN.load(Relaxed), 0);
    let mut file = tempfile::tempfile()?;
    assert!(file.write_all(&[0; 5000]).is_err());
    assert_eq!(SEEN.load(Relaxed), 1);
    Ok(())
}

fn a_worker_without_processor_time_left_fails_only_its_task() -> Result<()> {
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

fn a_broken_pipe_is_an_error_where_its_signal_is_not_ignored() -> Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    #[allow(unsafe_code, reason = "as below")]
    // SAFETY: the default action runs no code of ours.
    unsafe { sigaction(Signal::SIGPIPE, &default) }.unwrap();
    for method in METHODS {
        let (ours, theirs) = multiproc::pipe::<u64, u64>()?;
        drop(theirs);
        assert!((0..100_000).any(|n| ours.send(n).is_err()));
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let workers = pids(&pool);
        workers.iter().for_each(|pid| kill(Pid::from_raw(*pid as i32), Signal::SIGKILL).unwrap());
        let outcomes: Vec<_> = (0..50).map(|n| pool.apply(square, (n,))).collect();
        assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
        if method != StartMethod::Fork {
            let server = Manager::new()?;
            let list = server.list::<u64>()?;
            drop(server);
            assert!(list.push(1).is_err());
        }
    }
    Ok(())
}

fn is_refused_by_the_system<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Io { .. }))
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

fn a_worker_that_no_descriptor_is_left_for_is_an_error_or_waits() -> Result<()> {
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
    // Limits do not concern root. The link is that of the forked child, so that the path need not be
    // open to the other user.
    let mut command = Command::new("/proc/self/exe");
    command.args(Program::command("uses_few_processes").get_args()).uid(64_321).gid(64_321);
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stdout == b"well\n", "{output:?}");
    Ok(())
}

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

fn a_result_that_there_is_no_memory_for_is_an_error() -> Result<()> {
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

fn a_worker_that_is_killed_for_memory_fails_only_its_task() -> Result<()> {
    let Some(group) = Cgroup::with_memory(GROUP) else {
        note("no cgroup with little memory can be made here");
        return a_result_that_there_is_no_memory_for_is_an_error();
    };
    let output = group.of(&Program::command("uses_much_memory")).output().unwrap();
    assert!(output.status.success() && output.stdout == b"well\n", "{output:?}");
    Ok(())
}

/// A program under one limit: `uses_a_pool_under_a_limit METHOD LIMIT`.
fn uses_a_pool_under_a_limit() -> Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(3).map(|number| number.parse().unwrap()).collect();
    let (method, (resource, most)) = (METHODS[numbers[0]], LIMITS[numbers[1]]);
    limit(resource, most);
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
        // What the system refused, that it has killed a new process, or that a worker found no memory.
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

fn limits_of_every_kind_are_an_error_or_no_matter() -> Result<()> {
    for (at, (resource, most)) in LIMITS.iter().enumerate() {
        for method in ["0", "1", "2"] {
            let program = Program::command("uses_a_pool_under_a_limit");
            let mut command = Command::new("timeout");
            command.args(["--signal=KILL", "60"]).arg(program.get_program()).args(program.get_args());
            let output = command.args([method, &at.to_string()]).output().unwrap();
            // Where the program itself finds no memory, Rust ends it, in words.
            let no_memory = output.status.signal() == Some(Signal::SIGABRT as i32)
                && String::from_utf8_lossy(&output.stderr).starts_with("memory allocation of ");
            assert!(output.status.success() || no_memory, "{method}, {resource:?}, {most}: {output:?}");
        }
    }
    Ok(())
}

fn uses_a_small_pool() -> Result<()> {
    a_small_pool_works()?;
    println!("well");
    Ok(())
}

/// In a mount namespace of its own: a `/dev/shm` of one page, which is in use.
const FULL: &str = "mount -t tmpfs -o size=4k none /dev/shm && head -c 4096 /dev/zero >/dev/shm/all \
                    && ! echo more 2>/dev/null >/dev/shm/more && echo full && exec \"$0\" \"$@\"";

/// Shared memory has no name, and is in no file system that can be seen. So one in which nothing
/// can be written is as good as any.
fn a_full_shared_memory_file_system_does_not_matter() -> Result<()> {
    let program = Program::command("uses_a_small_pool");
    let mut command = Command::new("unshare");
    command.args(if Uid::effective().is_root() { &["--mount"][..] } else { &["--mount", "--map-root-user"] });
    let output = command.args(["sh", "-c", FULL]).arg(program.get_program()).args(program.get_args()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    if printed.starts_with("full") {
        assert!(output.status.success() && printed == "full\nwell\n", "{output:?}");
    } else {
        // Where that is forbidden, there is less to see: that nothing is ever made there, which every test
        // looks after.
        a_small_pool_works()?;
    }
    Ok(())
}

fn uses_a_pool_with_closed_streams() -> Result<()> {
    a_small_pool_works()?;
    let pool = Pool::with_processes(2)?;
    assert!(pool.apply(|| println!("to nobody"), ()).is_ok());
    assert!(matches!(pool.apply(|| -> u64 { panic!("unheard") }, ()), Err(Error::Panicked { .. })));
    std::process::exit(17);
}

fn closed_standard_streams_do_not_matter() -> Result<()> {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let program = Program::command("uses_a_pool_with_closed_streams");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec \"$0\" \"$@\" {closed}")).arg(program.get_program()).args(program.get_args());
        let status = shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(17), "{closed}");
    }
    Ok(())
}

extern "C" fn count_nothing(_: i32) {}

/// Has a handled signal interrupt this process every millisecond.
#[allow(unsafe_code, reason = "signal handlers and timers are the C library's")]
fn interrupt_every_millisecond() {
    let action = SigAction::new(SigHandler::Handler(count_nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }.unwrap();
    let millisecond = nix::libc::timeval { tv_sec: 0, tv_usec: 1000 };
    let timer = nix::libc::itimerval { it_interval: millisecond, it_value: millisecond };
    // SAFETY: the timer is only read, and the old one is not asked for.
    assert_eq!(unsafe { nix::libc::setitimer(nix::libc::ITIMER_REAL, &timer, std::ptr::null_mut()) }, 0);
}

fn a_storm_of_signals_does_not_matter() -> Result<()> {
    interrupt_every_millisecond();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        a_small_pool_works()?;
        let pool = Pool::with_processes(2)?;
        assert_eq!(pool.with_chunksize(1).map(crate::support::nap, [3; 20])?, [3; 20]);
        let large = vec![5u8; 3 << 20];
        assert!(pool.apply(|bytes: Vec<u8>| bytes, (large.clone(),))? == large);
        assert_eq!(pool.imap(square, 0..1000).collect::<Result<Vec<_>>>()?, squares(1000));
        let (ours, theirs) = multiproc::pipe::<u64, u64>()?;
        let echo =
            multiproc::Process::new(|end: multiproc::Connection<u64, u64>| end.recv().unwrap(), (theirs,)).start()?;
        ours.send(5)?;
        assert_eq!(echo.join()?, 5);
    }
    Ok(())
}

fn thousands_of_pools_one_after_the_other() -> Result<()> {
    // One takes some 2 ms optimized, and several times that otherwise.
    let pools = if cfg!(debug_assertions) { 1000 } else { 10_000 };
    for n in 0..pools {
        let pool = Pool::with_processes(1)?;
        assert_eq!(pool.apply(square, (n,))?, square(n));
    }
    Ok(())
}

fn three_hundred_workers() -> Result<()> {
    let pool = Pool::with_processes(300)?;
    assert_eq!(pids(&pool).len(), 300);
    assert_eq!(pool.with_chunksize(1).map(square, 0..3000)?, squares(3000));
    Ok(())
}
