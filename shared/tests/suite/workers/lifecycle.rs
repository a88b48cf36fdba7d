//! A pool's life: starting, changing size, telling about itself, closing, ending.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Process, Recording, StartMethod, ThreadPool, partial};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use crate::support::{
    Death, Gate, Named, ProcessId, can_run_nothing, descendants, eventually, named, nap, pass, pids, square, squares,
    zygote,
};

pub(crate) const TESTS: &[Named] = named! {
    pool_grows_and_shrinks
    shrinking_pool_lets_its_tasks_finish
    workers_match_what_the_pool_reports
    counters_match_the_calls
    trace_records_which_worker_ran_what_when
    recording_covers_every_pool_and_process
    closed_pool_finishes_its_tasks_and_rejects_more
    closed_pool_ends_its_workers_without_join
    terminate_cancels_unfinished_tasks
    drop_ends_a_busy_pool
    pool_outlives_the_thread_that_built_it
    pools_share_one_zygote_and_end_it
    worker_holds_no_descriptors_of_others
    worker_does_not_read_the_input_of_the_program
    pool_of_a_thread_ends_with_the_thread
};

fn pool_grows_and_shrinks() -> multiproc::Result<()> {
    let pool = Pool::with_processes(1)?;
    for size in [4, 2, 8, 1, 3] {
        pool.resize(size)?;
        assert_eq!((pool.processes(), pool.map(square, 0..50)?), (size, squares(50)));
        eventually("there are so many workers", || pool.workers().len() == size);
        eventually("and so many processes", || descendants().len() == size + 1);
    }
    assert!(matches!(pool.resize(0), Err(Error::Config(_))));
    pool.close();
    assert!(matches!(pool.resize(2), Err(Error::Closed)));
    assert_eq!(pool.statistics().workers_lost, 0);
    Ok(())
}

fn shrinking_pool_lets_its_tasks_finish() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(4)?, Gate::new());
    let tasks: Vec<_> = (0..4).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    let more = pool.map_async(square, 0..100);
    gate.await_arrivals(4);
    pool.resize(1)?;
    gate.open();
    let ran: BTreeSet<u32> = tasks.into_iter().map(|task| task.get().unwrap()).collect();
    assert_eq!((ran.len(), more.get()?), (4, squares(100)));
    eventually("one is left", || pool.workers().len() == 1);
    assert_eq!(pool.statistics().workers_lost, 0);
    Ok(())
}

fn workers_match_what_the_pool_reports() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::builder().processes(2).name("mill").build()?, Gate::new());
    assert_eq!(pool.map(square, 0..10)?, squares(10));
    let task = pool.apply_async(pass, (gate.path(),));
    gate.await_arrivals(1);
    pids(&pool);
    let workers = pool.workers();
    assert_eq!(workers.iter().map(|worker| worker.tasks_done).sum::<u64>(), 10);
    for (number, worker) in (1..).zip(&workers) {
        assert_eq!((worker.id, worker.name.clone()), (number, format!("mill-{number}")));
        assert_eq!(worker.busy, gate.arrived() == [worker.pid]);
        assert!((100_000..1 << 30).contains(&worker.memory), "{worker:?}");
        assert_eq!(ProcessId::of(worker.pid).unwrap().name, worker.name);
    }
    let of_pool = multiproc::active_children();
    assert_eq!(of_pool.iter().map(|child| child.pid).collect::<BTreeSet<_>>(), workers.iter().map(|w| w.pid).collect());
    let text = format!("{pool:?}");
    assert!(
        text.contains("mill") && text.contains("open") && text.contains("processes: 2") && text.contains("ForkServer")
    );
    gate.open();
    task.get().map(drop)
}

fn counters_match_the_calls() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let blocked: Vec<_> = (0..2).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    gate.await_arrivals(2);
    let waiting: Vec<_> = (0..5).map(|n| pool.apply_async(square, (n,))).collect();
    let stats = pool.statistics();
    assert_eq!((stats.submitted, stats.completed, stats.failed, stats.running, stats.queued), (7, 0, 0, 2, 5));
    gate.open();
    blocked.into_iter().for_each(|task| assert!(task.get().is_ok()));
    waiting.into_iter().for_each(|task| assert!(task.get().is_ok()));
    assert!(pool.map(|n: u32| if n == 1 { Death::Panic.die() } else { n }, 0..3).is_err());
    assert!(pool.apply(|| Death::Kill.die(), ()).map(|()| 0).is_err());
    pids(&pool);
    let stats = pool.statistics();
    assert_eq!((stats.submitted, stats.completed, stats.failed, stats.running, stats.queued), (11, 9, 2, 0, 0));
    assert_eq!((stats.workers_started, stats.workers_lost), (3, 1));
    assert_eq!((stats.lost, stats.refused, stats.timed_out, stats.cancelled), (1, 0, 0, 0));
    Ok(())
}

fn trace_records_which_worker_ran_what_when() -> multiproc::Result<()> {
    let pool = Pool::builder().processes(2).trace(true).build()?;
    assert_eq!(pool.map(nap, vec![2; 10])?, [2; 10]);
    assert_eq!(pool.with_chunksize(100).map(square, 0..1000)?, squares(1000));
    assert!(pool.apply(|| Death::Kill.die(), ()).map(|()| 0).is_err());
    let trace = pool.trace();
    let tasks: BTreeSet<u64> = trace.events().iter().map(|event| event.task).collect();
    assert_eq!((trace.events().len(), tasks), (1011, (0..1011).collect()));
    assert!(trace.events().iter().all(|event| event.start <= event.end && event.failed == (event.task == 1010)));
    let naps = trace.events().iter().filter(|event| event.task < 10);
    assert!(naps.clone().all(|event| event.end - event.start >= 2_000_000), "a nap takes 2 ms");
    for worker in 1..=2 {
        let mut own: Vec<_> = trace.events().iter().filter(|event| event.worker == worker).collect();
        own.sort_by_key(|event| event.start);
        assert!(own.windows(2).all(|pair| pair[0].end <= pair[1].start && pair[0].pid == pair[1].pid));
    }
    let json: serde_json::Value = serde_json::from_str(&trace.to_chrome_json()).unwrap();
    let bars = json["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X");
    assert_eq!(bars.clone().count(), 1011);
    assert!(bars.clone().all(|bar| bar["dur"].as_f64() >= Some(0.0) && bar["ts"].as_f64() >= Some(0.0)));
    assert!(Pool::with_processes(1)?.trace().events().is_empty(), "nothing is recorded unasked");
    Ok(())
}

fn recording_covers_every_pool_and_process() -> multiproc::Result<()> {
    let recording = Recording::start();
    let also = Recording::start();
    assert_eq!(Pool::with_processes(2)?.map(partial(|by: u64, n: u64| n * by, 2u64), 0..10u64)?.len(), 10);
    let process = Process::builder().name("alone").target(nap, (2,)).start()?;
    let pid = process.pid();
    process.join()?;
    assert_eq!(ThreadPool::with_processes(2)?.map(nap, vec![1; 4])?, [1; 4]);
    let gate = Gate::new();
    let endless = Process::builder().daemon(true).target(pass, (gate.path(),)).start()?;
    gate.await_arrivals(1);
    drop(endless);

    let trace = recording.finish();
    assert_eq!(also.finish().events(), trace.events());
    let of = |end: &str| trace.events().iter().filter(|event| event.function.ends_with(end)).collect::<Vec<_>>();
    let partials = of("{{closure}}");
    assert_eq!(partials.iter().map(|event| event.task).collect::<BTreeSet<_>>(), (0..10).collect());
    assert!(partials.iter().all(|event| event.pid != std::process::id() && !event.failed));
    let naps = of("::nap");
    let alone: Vec<_> = naps.iter().filter(|event| &*event.name == "alone").collect();
    assert_eq!(alone.iter().map(|event| event.pid).collect::<Vec<_>>(), [pid]);
    let threads: Vec<_> = naps.iter().filter(|event| event.pid == std::process::id()).collect();
    assert_eq!(threads.iter().map(|event| event.task).collect::<BTreeSet<_>>(), (0..4).collect());
    assert!(threads.iter().all(|event| event.end - event.start >= 1_000_000));
    let cut_short = of("::pass");
    assert!(cut_short.len() == 1 && cut_short[0].failed, "{cut_short:#?}");
    assert!(cut_short[0].end >= cut_short[0].start && naps.iter().all(|event| !event.failed), "{naps:#?}");
    assert_eq!(trace.events().len(), 16);

    Pool::with_processes(1)?.map(nap, [1])?;
    assert!(Recording::start().finish().events().is_empty(), "what was before is not in it");
    Ok(())
}

fn closed_pool_finishes_its_tasks_and_rejects_more() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    assert!(matches!(pool.join(), Err(Error::InvalidState(_))), "an open pool is never done");
    let (taken, lazy) = (pool.with_chunksize(1).map_async(nap, vec![5; 20]), pool.imap(square, 0..5));
    pool.close();
    can_run_nothing(&pool, |error| matches!(error, Error::Closed));
    assert!(taken.ready(), "joined means done");
    assert_eq!(taken.get()?, [5; 20]);
    // What was taken from the source before is done; the rest came too late.
    let late: Vec<_> = lazy.collect();
    assert!(late.iter().all(|result| matches!(result, Ok(_) | Err(Error::Closed))), "{late:?}");
    assert_eq!((descendants().len(), pool.workers().len(), pool.statistics().workers_lost), (0, 0, 0));
    pool.join()
}

fn closed_pool_ends_its_workers_without_join() -> multiproc::Result<()> {
    let pool = Pool::with_processes(2)?;
    pool.apply(square, (1,))?;
    let workers: Vec<_> = pids(&pool).into_iter().filter_map(ProcessId::of).collect();
    let last = pool.apply_async(nap, (5,));
    pool.close();
    eventually("the workers end", || workers.iter().all(ProcessId::is_gone));
    assert_eq!(last.get()?, 5);
    Ok(())
}

fn terminate_cancels_unfinished_tasks() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let tasks: Vec<_> = (0..10).map(|_| pool.apply_async(pass, (gate.path(),))).collect();
    let mut lazy = pool.imap(pass, std::iter::repeat_n(gate.path(), 1000));
    gate.await_arrivals(2);
    let waiter = thread::scope(|scope| {
        let waiter = scope.spawn(|| pool.apply(pass, (gate.path(),)));
        thread::sleep(Duration::from_millis(5));
        pool.terminate();
        waiter.join().unwrap()
    });
    assert!(matches!(waiter, Err(Error::Cancelled | Error::Closed)));
    assert_eq!(descendants(), []);
    assert!(tasks.into_iter().all(|task| matches!(task.get(), Err(Error::Cancelled))));
    assert!(lazy.all(|result| matches!(result, Err(Error::Cancelled | Error::Closed))));
    pool.terminate();
    can_run_nothing(&pool, |error| matches!(error, Error::Closed));
    Ok(())
}

fn drop_ends_a_busy_pool() -> multiproc::Result<()> {
    let (pool, gate) = (Pool::with_processes(2)?, Gate::new());
    let unfinished = pool.map_async(pass, vec![gate.path(); 1000]);
    let large = pool.apply_async(|bytes: Vec<u8>| bytes, (vec![0; 50 << 20],));
    let (lazy, forgotten) = (pool.imap(square, 0u64..), pool.apply_async(square, (1,)));
    gate.await_arrivals(1);
    drop((pool, forgotten));
    assert_eq!(descendants(), []);
    assert!(matches!((unfinished.get(), large.get()), (Err(Error::Cancelled), Err(Error::Cancelled))));
    drop(lazy);
    Ok(())
}

fn pool_outlives_the_thread_that_built_it() -> multiproc::Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let build = move || Pool::builder().processes(2).start_method(method).build();
        let pool = thread::spawn(build).join().unwrap()?;
        let before = pids(&pool);
        thread::sleep(Duration::from_millis(100));
        assert_eq!((pool.map(square, 0..10)?, pids(&pool)), (squares(10), before));
    }
    Ok(())
}

fn pools_share_one_zygote_and_end_it() -> multiproc::Result<()> {
    let first = Pool::with_processes(1)?;
    let shared = zygote();
    let second = Pool::builder().processes(1).start_method(StartMethod::Spawn).build()?;
    assert_eq!((zygote(), first.apply(square, (2,))?, second.apply(square, (3,))?), (shared.clone(), 4, 9));
    drop(first);
    assert_eq!((second.apply(square, (4,))?, shared.is_gone()), (16, false));
    drop(second);
    assert!(shared.is_gone());
    Ok(())
}

fn worker_holds_no_descriptors_of_others() -> multiproc::Result<()> {
    let count = |_: u32| std::fs::read_dir("/proc/self/fd").unwrap().count();
    // More than the numbers that a child takes for itself.
    let files: Vec<_> = (0..10).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
    let on_exec = |flag| files.iter().for_each(|file| assert!(fcntl(file, FcntlArg::F_SETFD(flag)).is_ok()));
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let held = || Pool::builder().processes(1).start_method(method).build()?.apply(count, (0,));
        on_exec(FdFlag::FD_CLOEXEC);
        let alone = held()?;
        // From here on an exec'd child would inherit the files.
        on_exec(FdFlag::empty());
        let many = Pool::builder().processes(6).start_method(method).build()?;
        pids(&many);
        assert_eq!(held()?, alone);
        many.resize(7)?;
        eventually("the seventh worker", || many.workers().len() == 7);
        assert_eq!(many.with_chunksize(1).map(count, 0..50)?, [alone; 50]);
    }
    Ok(())
}

fn worker_does_not_read_the_input_of_the_program() -> multiproc::Result<()> {
    let read = || std::io::read_to_string(std::io::stdin()).map_err(|error| error.to_string());
    assert_eq!(Pool::with_processes(1)?.apply(read, ())?.as_deref(), Ok(""));
    Ok(())
}

thread_local! {
    static OF_A_THREAD: RefCell<Option<Pool>> = const { RefCell::new(None) };
}

/// Has this thread have a pool, and uses it.
fn use_pool_of_the_thread(n: u64) -> multiproc::Result<u64> {
    OF_A_THREAD.with_borrow_mut(|pool| {
        if pool.is_none() {
            *pool = Some(Pool::with_processes(1)?);
        }
        pool.as_ref().expect("it was built").apply(square, (n,))
    })
}

fn pool_of_a_thread_ends_with_the_thread() -> multiproc::Result<()> {
    for n in 0..3 {
        assert_eq!(thread::spawn(move || use_pool_of_the_thread(n)).join().unwrap()?, n * n);
        eventually("no process is left", || descendants().is_empty());
    }
    // The thread may be a worker's.
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        for n in 0..10 {
            assert_eq!(pool.apply(|n| use_pool_of_the_thread(n).unwrap(), (n,))?, n * n);
        }
        pool.close();
        pool.join()?;
        drop(pool);
        eventually("no process is left", || descendants().is_empty());
    }
    Ok(())
}
