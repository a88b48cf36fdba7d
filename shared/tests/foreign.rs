//! Code of others under the pool's feet, and waits that end: what a waker, a drop, a callback, a source or a task does costs who made it.
//!
//! Each test runs in a process of its own; see `support/runner.rs`.

mod support;

use std::fs::File;
use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{
    Error, Executor, ExitStatus, Pool, Process, Result, StartMethod, ThreadPool, partial, wait, wait_for_all,
};
use nix::sys::signal::Signal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use support::{
    Program, announce, eventually, fail_if_odd, named, nap, own_pid, run_each_in_a_process, square, squares,
};

const METHODS: [StartMethod; 3] = [StartMethod::ForkServer, StartMethod::Spawn, StartMethod::Fork];

/// Far more than anything here takes, and less than a test may.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    run_each_in_a_process(
        named! {
            a_waker_that_panics_stops_nobody
            a_waker_that_panics_in_the_leaders_hands_costs_no_lead
            a_callback_that_panics_with_a_bomb_costs_its_own_result
            a_result_that_panics_in_the_callback_thread_stops_no_callback
            a_payload_that_panics_when_dropped_is_an_error_of_its_task
            a_panic_of_a_source_reaches_its_caller_and_nobody_else
            a_lazy_source_that_panics_ends_after_what_came_before
            a_source_that_panics_when_dropped_ends_its_iteration
            a_state_that_panics_when_dropped_costs_no_worker
            arguments_that_panic_cost_their_own_task
            the_lock_of_standard_output_stops_no_worker
            a_lock_of_c_streams_stops_no_worker
            what_a_task_printed_comes_out_although_it_left_a_thread
            a_worker_without_descriptors_is_replaced_at_once
            nothing_of_the_pools_lands_in_a_file_of_a_task
            wait_ends_with_the_process_whatever_it_has_started
            wait_ends_with_a_process_whose_result_is_large
            wait_knows_how_a_killed_process_ended
            join_in_a_callback_ends
            two_threads_may_join_and_get
            lazy_calls_of_a_closed_pool_end_after_one_error
            time_limits_leave_out_the_time_that_the_program_was_stopped
            time_limits_count_the_time_that_only_a_worker_was_stopped
        },
        named! { works_within_limits },
    )
}

/// Panics when it is dropped, unless that would end the process.
#[derive(Debug, Default)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

struct BadWaker;

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        panic_any(Bomb)
    }
}

/// Has a bad waker wait for a task.
fn poll_badly<R>(future: impl Future<Output = Result<R>>, meanwhile: impl FnOnce()) {
    let mut future = pin!(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(BadWaker)))).is_pending());
    meanwhile();
}

/// Checks that calls of every kind work.
fn is_well(pool: &Pool) -> Result<()> {
    let (sender, receiver) = channel();
    let mut later = pool.apply_async(square, (5,)).callback(move |value| sender.send(*value).unwrap());
    assert_eq!(receiver.recv_timeout(LONG), Ok(25));
    assert_eq!(later.get_timeout(LONG)?, 25);
    assert_eq!(pollster::block_on(pool.apply_async(square, (6,)))?, 36);
    assert_eq!(pool.map(square, 0..100)?, squares(100));
    assert_eq!(pool.imap(square, 0..50).collect::<Result<Vec<_>>>()?, squares(50));
    Ok(())
}

fn a_waker_that_panics_stops_nobody() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    poll_badly(pool.apply_async(nap, (50,)), || thread::sleep(Duration::from_millis(300)));
    is_well(&pool)?;
    let threads = ThreadPool::with_processes(1)?;
    poll_badly(threads.apply_async(nap, (50,)), || thread::sleep(Duration::from_millis(300)));
    assert_eq!(threads.map(square, 0..10u64)?, squares(10));
    // Also one that waits for callbacks.
    let (go, gate) = channel::<()>();
    let called = pool.apply_async(square, (2,)).callback(move |_| {
        let _ = gate.recv();
    });
    poll_badly(called, || drop(go));
    is_well(&pool)
}

fn a_waker_that_panics_in_the_leaders_hands_costs_no_lead() -> Result<()> {
    let pool = Arc::new(Pool::with_processes(2)?);
    for _ in 0..20 {
        thread::scope(|scope| {
            let other = scope.spawn(|| pool.apply(nap, (30,)));
            // The callers lead: one of them finds the result that the bad waker waits for.
            poll_badly(pool.apply_async(nap, (5,)), || {
                assert_eq!(pool.apply(nap, (20,)).unwrap(), 20);
            });
            assert_eq!(other.join().unwrap().unwrap(), 30);
        });
    }
    is_well(&pool)
}

fn a_callback_that_panics_with_a_bomb_costs_its_own_result() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let failed = pool.apply_async(square, (1,)).callback(|_| panic_any(Bomb)).get();
    assert!(matches!(failed, Err(Error::Panicked { .. })), "{failed:?}");
    let held = Bomb;
    let failed = pool.apply_async(square, (1,)).callback(move |_| drop(held)).get();
    assert!(matches!(failed, Err(Error::Panicked { .. })), "{failed:?}");
    // It is not called, only dropped.
    let held = Bomb;
    let _ = pool.apply_async(square, (1,)).error_callback(move |_| drop(held)).get();
    is_well(&pool)
}

/// A task: a result that panics when the parent decodes it, if `decode`, or else when the callback thread drops it.
fn tricky(decode: bool) -> Simple {
    Simple(decode)
}

#[derive(Debug)]
struct Simple(bool);

impl Serialize for Simple {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.0)
    }
}

impl<'de> Deserialize<'de> for Simple {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = bool::deserialize(deserializer)?;
        assert!(!decode, "it cannot be decoded");
        Ok(Self(decode))
    }
}

impl Drop for Simple {
    fn drop(&mut self) {
        if !self.0 && !thread::panicking() && thread::current().name() == Some("multiproc-callbacks") {
            panic!("dropped on the callback thread");
        }
    }
}

fn a_result_that_panics_in_the_callback_thread_stops_no_callback() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    // It panics when it is decoded there, or is dropped there after its callback has panicked, or with the handle.
    let failed = pool.apply_async(tricky, (true,)).callback(|_| ()).get();
    assert!(failed.is_err(), "{failed:?}");
    let failed = pool.apply_async(tricky, (false,)).callback(|_| panic!("a callback")).get();
    assert!(matches!(failed, Err(Error::Panicked { .. })), "{failed:?}");
    drop(pool.apply_async(tricky, (false,)).callback(|_| ()));
    is_well(&pool)
}

fn a_payload_that_panics_when_dropped_is_an_error_of_its_task() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let worker = pool.apply(own_pid, ())?;
        let error = pool.apply(|| -> u32 { panic_any(Bomb) }, ()).unwrap_err();
        assert!(matches!(error, Error::Panicked { .. }), "{error}");
        // Arguments whose encoding panics with such a payload, alone and among others, and results that do.
        assert!(matches!(pool.apply(|_: Refuses| (), (Refuses,)), Err(Error::Encode(_))));
        assert!(matches!(pool.map(|_: Refuses| (), [Refuses, Refuses]), Err(Error::Encode(_))));
        assert!(matches!(pool.apply(|| Refuses, ()), Err(Error::Panicked { .. })));
        assert_eq!(pool.apply(own_pid, ())?, worker, "the worker lives on");
        is_well(&pool)?;
    }
    Ok(())
}

/// Panics when it is serialized.
#[derive(Debug, Deserialize)]
struct Refuses;

impl Serialize for Refuses {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic_any(Bomb)
    }
}

fn panics_at(limit: u64) -> impl Iterator<Item = u64> {
    (0..).inspect(move |n| assert!(*n < limit, "the source is broken"))
}

fn a_panic_of_a_source_reaches_its_caller_and_nobody_else() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    for limit in [0, 1, 7, 100] {
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map(square, panics_at(limit).take(1000)))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| pool.map_async(square, panics_at(limit).take(1000)))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| threads.map(square, panics_at(limit).take(1000)))).is_err());
        is_well(&pool)?;
        assert_eq!(threads.map(square, 0..10u64)?, squares(10));
    }
    pool.close();
    pool.join()
}

fn a_lazy_source_that_panics_ends_after_what_came_before() -> Result<()> {
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    for chunksize in [1, 3, 10] {
        let by_processes = pool.with_chunksize(chunksize).with_window(30).imap(square, panics_at(25));
        let by_threads = threads.with_chunksize(chunksize).with_window(30).imap(square, panics_at(25));
        let all: [Box<dyn Iterator<Item = Result<u64>>>; 2] = [Box::new(by_processes), Box::new(by_threads)];
        for mut results in all {
            let (mut got, mut panics) = (Vec::new(), 0);
            loop {
                match catch_unwind(AssertUnwindSafe(|| results.next())) {
                    Ok(Some(result)) => got.push(result?),
                    Ok(None) => break,
                    Err(_) => panics += 1,
                }
            }
            assert_eq!((got, panics), (squares(25), 1), "chunks of {chunksize}");
        }
        is_well(&pool)?;
    }
    Ok(())
}

fn a_source_that_panics_when_dropped_ends_its_iteration() -> Result<()> {
    struct Source(u64, Bomb);
    impl Iterator for Source {
        type Item = u64;
        fn next(&mut self) -> Option<u64> {
            self.0 += 1;
            (self.0 <= 5).then_some(self.0)
        }
    }
    let (pool, threads) = (Pool::with_processes(2)?, ThreadPool::with_processes(2)?);
    assert_eq!(pool.imap(square, Source(0, Bomb)).collect::<Result<Vec<_>>>()?, [1, 4, 9, 16, 25]);
    assert_eq!(threads.imap(square, Source(0, Bomb)).collect::<Result<Vec<_>>>()?, [1, 4, 9, 16, 25]);
    is_well(&pool)
}

/// A state that panics when a worker drops it.
#[derive(Serialize, Deserialize)]
struct BadState {
    parent: u32,
}

impl Drop for BadState {
    fn drop(&mut self) {
        if std::process::id() != self.parent && !thread::panicking() {
            panic!("the state is dropped");
        }
    }
}

fn a_state_that_panics_when_dropped_costs_no_worker() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let worker = pool.apply(own_pid, ())?;
    for _ in 0..3 {
        let state = BadState { parent: std::process::id() };
        pool.map(partial(|_: &BadState, n: u64| n, state), 0..10u64)?;
    }
    assert_eq!(pool.apply(own_pid, ())?, worker);
    let state = BadState { parent: std::process::id() };
    let last = pool.map_async(partial(|_: &BadState, n: u64| n, state), 0..10u64);
    last.wait();
    pool.close();
    pool.join()?;
    assert_eq!(pool.stats().workers_lost, 0, "an orderly end, whatever the state does");
    Ok(())
}

/// Arguments that do something bad.
#[derive(Debug, Serialize)]
struct Argument(u64);

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u64::deserialize(deserializer)?;
        assert!(n != 1, "decoded");
        Ok(Self(n))
    }
}

impl Drop for Argument {
    fn drop(&mut self) {
        if self.0 == 2 && !thread::panicking() {
            panic_any(Bomb);
        }
    }
}

fn arguments_that_panic_cost_their_own_task() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        for chunksize in [1, 4] {
            let outcomes: Vec<_> = pool
                .with_chunksize(chunksize)
                .imap(|argument: Argument| argument.0, (0..5).map(Argument))
                .map(Result::ok)
                .collect();
            assert_eq!(outcomes, [Some(0), None, None, Some(3), Some(4)]);
        }
        assert!(pool.map(fail_if_odd, 0..4).is_err());
        is_well(&pool)?;
        assert_eq!(pool.stats().workers_lost, 0);
    }
    Ok(())
}

/// Leaves a thread behind that holds standard output for ever.
fn holds_stdout() -> u32 {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _out = std::io::stdout().lock();
        sender.send(()).unwrap();
        thread::sleep(Duration::from_secs(1000));
    });
    receiver.recv().unwrap();
    7
}

fn the_lock_of_standard_output_stops_no_worker() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let mut held = pool.apply_async(holds_stdout, ());
        assert_eq!(held.get_timeout(LONG)?, 7);
        for n in 0..20 {
            assert_eq!(pool.apply_async(square, (n,)).get_timeout(LONG)?, n * n);
            thread::sleep(Duration::from_millis(5));
        }
        is_well(&pool)?;
        let began = Instant::now();
        pool.close();
        pool.join()?;
        assert!(began.elapsed() < LONG);
        drop(pool);
        // And of a process of its own.
        assert_eq!(Process::builder().start_method(method).target(holds_stdout, ()).start()?.join_timeout(LONG)?, 7);
    }
    Ok(())
}

#[allow(unsafe_code, reason = "C streams have no safe interface")]
mod c {
    use nix::libc;

    unsafe extern "C" {
        static stdout: *mut libc::FILE;
        fn flockfile(file: *mut libc::FILE);
    }

    /// Locks C's standard output for this thread.
    pub(super) fn lock_stdout() {
        // SAFETY: the stream lives as long as the process.
        unsafe { flockfile(stdout) }
    }

    /// Writes into C's standard output, whose buffer is full only much later.
    pub(super) fn print(text: &std::ffi::CStr) {
        // SAFETY: a string that ends, and a format that takes one.
        unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) };
    }
}

fn holds_c_stdout() -> u32 {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        c::lock_stdout();
        sender.send(()).unwrap();
        thread::sleep(Duration::from_secs(1000));
    });
    receiver.recv().unwrap();
    7
}

fn a_lock_of_c_streams_stops_no_worker() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    assert_eq!(pool.apply_async(holds_c_stdout, ()).get_timeout(LONG)?, 7);
    is_well(&pool)?;
    pool.close();
    pool.join()?;
    assert_eq!(Process::new(holds_c_stdout, ()).start()?.join_timeout(LONG)?, 7);
    Ok(())
}

/// Prints into a file in the place of standard output, and leaves a thread behind if asked.
fn prints_into(path: std::path::PathBuf, leave: bool) {
    let file = File::create(path).unwrap();
    nix::unistd::dup2_stdout(&file).unwrap();
    if leave {
        thread::spawn(|| thread::sleep(Duration::from_secs(1000)));
    }
    c::print(c"from C ");
    print!("from Rust");
}

fn what_a_task_printed_comes_out_although_it_left_a_thread() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for leave in [false, true] {
        let pool = Pool::with_processes(1)?;
        let path = folder.path().join(format!("idle-{leave}"));
        pool.apply(prints_into, (path.clone(), leave))?;
        let printed = |path: &std::path::Path| {
            let text = std::fs::read_to_string(path).unwrap();
            text.contains("from C") && text.contains("from Rust")
        };
        eventually("an idle worker shows what was printed", || printed(&path));
        let path = folder.path().join(format!("end-{leave}"));
        Process::new(prints_into, (path.clone(), leave)).start()?.join()?;
        assert!(printed(&path), "a process that ends shows what was printed");
    }
    Ok(())
}

fn close_all() -> u32 {
    for fd in 3..1024 {
        let _ = nix::unistd::close(fd);
    }
    1
}

fn a_worker_without_descriptors_is_replaced_at_once() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        let before = pool.apply(own_pid, ())?;
        assert_eq!(pool.apply(close_all, ())?, 1);
        eventually("another worker is there", || pool.workers().first().is_some_and(|worker| worker.pid != before));
        is_well(&pool)?;
        assert_eq!(pool.stats().workers_lost, 1, "once");
        // A task with handles needs more of them.
        let queue = multiproc::Queue::new()?;
        assert_eq!(pool.apply(close_all, ())?, 1);
        pool.apply(|queue: multiproc::Queue<u32>| queue.put(3).unwrap(), (queue.clone(),))?;
        assert_eq!(queue.get()?, 3);
        drop(pool);
        assert_eq!(Process::builder().start_method(method).target(close_all, ()).start()?.join()?, 1);
    }
    Ok(())
}

fn nothing_of_the_pools_lands_in_a_file_of_a_task() -> Result<()> {
    static OPEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    fn close_and_open(folder: std::path::PathBuf) {
        close_all();
        for n in 0..20 {
            let mut file = File::create(folder.join(n.to_string())).unwrap();
            file.write_all(b"of the task").unwrap();
            OPEN.lock().unwrap().push(file);
        }
        thread::sleep(Duration::from_millis(50));
    }
    let folder = tempfile::tempdir()?;
    let pool = Pool::with_processes(1)?;
    for _ in 0..3 {
        pool.apply(close_and_open, (folder.path().to_path_buf(),))?;
        is_well(&pool)?;
    }
    drop(pool);
    for n in 0..20 {
        assert_eq!(std::fs::read(folder.path().join(n.to_string()))?, b"of the task");
    }
    Ok(())
}

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

fn wait_ends_with_the_process_whatever_it_has_started() -> Result<()> {
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
        support::descendants().into_iter().for_each(|process| {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.pid as i32), Signal::SIGKILL);
        });
        true
    });
    Ok(())
}

fn wait_ends_with_a_process_whose_result_is_large() -> Result<()> {
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

fn wait_knows_how_a_killed_process_ended() -> Result<()> {
    for _ in 0..20 {
        let process = Process::new(nap, (100_000,)).start()?;
        process.kill()?;
        assert_eq!(wait(&[&process], Some(LONG))?, [0]);
        assert_eq!(process.exit_status(), Some(ExitStatus::Signaled(9)));
        assert!(process.join().is_err());
    }
    Ok(())
}

fn join_in_a_callback_ends() -> Result<()> {
    for cancel in [false, true] {
        let pool = Arc::new(Pool::with_processes(2)?);
        let inner = pool.clone();
        let future = pool.submit(square, (2,)).done_callback(move |_| inner.shutdown(true, cancel));
        assert_eq!(future.get()?, 4);
        assert!(matches!(pool.apply(square, (1,)), Err(Error::Closed)));
    }
    let pool = Arc::new(ThreadPool::with_processes(1)?);
    let inner = pool.clone();
    let future = pool.submit(square, (2,)).done_callback(move |_| inner.shutdown(true, false));
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

fn two_threads_may_join_and_get() -> Result<()> {
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

fn lazy_calls_of_a_closed_pool_end_after_one_error() -> Result<()> {
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
fn works_within_limits() -> Result<()> {
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
            println!("lost {}", pool.stats().workers_lost);
            let hung = pool.apply(nap, (100_000,));
            println!("{}", matches!(hung, Err(Error::TimedOut { .. })));
        }
    }
    Ok(())
}

fn time_limits_leave_out_the_time_that_the_program_was_stopped() -> Result<()> {
    let program = Program::start("works_within_limits");
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(200));
        program.signal_group(Signal::SIGSTOP);
        thread::sleep(Duration::from_secs(2));
        program.signal_group(Signal::SIGCONT);
    }
    let (status, printed) = program.end();
    assert!(status.success(), "{printed}");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[..3], ["ForkServer Some(1) Some([2])", "lost 0", "true"], "{printed}");
    Ok(())
}

fn time_limits_count_the_time_that_only_a_worker_was_stopped() -> Result<()> {
    let pool = Pool::builder().processes(1).task_timeout(Duration::from_secs(1)).build()?;
    let mut later = pool.apply_async(nap, (200,));
    eventually("the task runs", || later.state() == multiproc::FutureState::Running);
    let pid = nix::unistd::Pid::from_raw(pool.workers()[0].pid as i32);
    nix::sys::signal::kill(pid, Signal::SIGSTOP).unwrap();
    let outcome = later.get_timeout(LONG);
    assert!(matches!(outcome, Err(Error::TimedOut { pid: Some(_), .. })), "{outcome:?}");
    is_well(&pool)
}
