//! Pipes and queues whose ends several threads use, whose other ends are gone, and whose values
//! misbehave.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Named, eventually, named};
use multiproc::{
    Barrier, Connection, Error, Manager, Pool, PriorityQueue, Process, Queue, Result, StartMethod, pipe, wait,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) const TESTS: &[Named] = named! {
    two_threads_answer_at_one_end
    threads_that_receive_and_send_at_both_ends_lose_nothing
    threads_that_wait_in_different_ways_all_go_on
    try_recv_does_not_wait_for_a_thread_that_receives
    try_recv_does_not_wait_for_the_rest_of_a_message
    a_long_message_does_not_keep_try_recv_of_another_thread
    a_connection_in_a_message_reaches_whichever_thread_receives_it
    a_send_to_an_end_that_is_known_to_be_gone_is_an_error
    a_send_finds_out_by_itself_that_the_other_end_was_dropped
    a_send_finds_out_that_a_process_which_waited_was_killed
    an_end_that_went_to_another_process_is_not_taken_for_gone
    iter_goes_on_while_another_thread_gives_out_handles
    iter_goes_on_although_the_other_thread_begins_late
    a_state_that_threads_share_keeps_its_queue
    a_value_whose_decoding_panics_costs_itself
    a_value_whose_comparison_panics_costs_itself
    a_refused_connection_comes_back_alive
    what_a_refused_value_holds_beside_others_is_alive
    put_is_an_error_when_every_consumer_is_gone
    put_into_a_priority_queue_is_an_error_when_every_consumer_is_gone
    put_waits_while_a_thread_of_this_process_takes
    a_barrier_breaks_when_a_participant_dies_before_it_comes
    a_barrier_stays_whole_when_those_who_have_it_end_in_good_order
};

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];

/// A wait that is over long before the deadline of a test, and long enough for a sleep to begin.
const SHORT: Duration = Duration::from_millis(100);

fn ask(connection: Connection<u64, u64>, count: u64) {
    for n in 0..count {
        connection.send(n).unwrap();
        assert_eq!(connection.recv().unwrap(), n);
    }
}

fn two_threads_answer_at_one_end() -> Result<()> {
    for method in METHODS {
        let (ours, theirs) = pipe::<u64, u64>()?;
        let child = Process::builder().start_method(method).target(ask, (theirs, 20_000)).start()?;
        let answered = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Ok(n) = ours.recv() {
                        if ours.send(n).is_ok() {
                            answered.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!(answered.into_inner(), 20_000);
        child.join()?;
    }
    Ok(())
}

fn threads_that_receive_and_send_at_both_ends_lose_nothing() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    const EACH: u64 = 20_000;
    let sums = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        for (end, sum) in [(&a, &sums[0]), (&b, &sums[1])] {
            for _ in 0..2 {
                scope.spawn(move || (0..EACH).for_each(|n| end.send(n).unwrap()));
                scope.spawn(move || {
                    for _ in 0..EACH {
                        sum.fetch_add(end.recv().unwrap(), SeqCst);
                    }
                });
            }
        }
    });
    assert!(sums.iter().all(|sum| sum.load(SeqCst) == EACH * (EACH - 1)));
    Ok(())
}

fn threads_that_wait_in_different_ways_all_go_on() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    const COUNT: u64 = 3000;
    let got = AtomicU64::new(0);
    thread::scope(|scope| {
        let next = || -> bool {
            match a.recv_timeout(Duration::from_millis(5)) {
                Ok(_) => got.fetch_add(1, SeqCst) + 1 < COUNT,
                Err(_) => got.load(SeqCst) < COUNT,
            }
        };
        scope.spawn(move || while next() {});
        scope.spawn(|| {
            while got.load(SeqCst) < COUNT {
                if a.try_recv().is_ok() {
                    got.fetch_add(1, SeqCst);
                }
            }
        });
        scope.spawn(|| {
            while got.load(SeqCst) < COUNT {
                wait(&[&a], Some(SHORT)).unwrap();
                a.poll(Duration::from_millis(1)).unwrap();
            }
        });
        for n in 0..COUNT {
            b.send(n).unwrap();
            if n % 10 == 0 {
                thread::sleep(Duration::from_micros(200));
            }
        }
    });
    Ok(())
}

fn try_recv_does_not_wait_for_a_thread_that_receives() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| a.recv());
        thread::sleep(SHORT);
        // Nothing is sent before all of these have come back.
        assert!(matches!(a.try_recv(), Err(Error::Empty)));
        assert!(matches!(a.recv_timeout(SHORT), Err(Error::TimedOut { .. })));
        assert!(!a.poll(SHORT).unwrap());
        assert!(wait(&[&a], Some(SHORT)).unwrap().is_empty());
        assert!(!receiving.is_finished());
        b.send(1).unwrap();
        assert_eq!(receiving.join().unwrap().unwrap(), 1);
    });
    Ok(())
}

fn try_recv_does_not_wait_for_the_rest_of_a_message() -> Result<()> {
    let (ours, theirs) = pipe::<(), Vec<u8>>()?;
    // Twice what a pipe holds: half of it is there, and no more comes before it is taken.
    const LEN: usize = 512 * 1024;
    fn send(connection: Connection<Vec<u8>, ()>) {
        connection.send(vec![7; LEN]).unwrap();
    }
    let child = Process::new(send, (theirs,)).start()?;
    assert!(ours.poll(DEADLINE)?);
    child.send_stop();
    let stopped = Instant::now();
    while stopped.elapsed() < SHORT {
        assert!(matches!(ours.try_recv(), Err(Error::Empty)));
    }
    child.send_continue();
    assert_eq!(ours.recv()?.len(), LEN);
    child.join()
}

/// Signals, for a process that is to stop in the middle of what it does.
trait Stop {
    fn send_stop(&self);
    fn send_continue(&self);
}

impl<R> Stop for Process<R> {
    fn send_stop(&self) {
        kill(Pid::from_raw(self.pid() as i32), Signal::SIGSTOP).unwrap();
    }

    fn send_continue(&self) {
        kill(Pid::from_raw(self.pid() as i32), Signal::SIGCONT).unwrap();
    }
}

fn a_long_message_does_not_keep_try_recv_of_another_thread() -> Result<()> {
    let (ours, theirs) = pipe::<(), Vec<u8>>()?;
    const LEN: usize = 400 << 20;
    let child = Process::new(|connection: Connection<Vec<u8>, ()>| connection.send(vec![7; LEN]).unwrap(), (theirs,));
    let child = child.start()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(|| ours.recv());
        let mut tries = 0;
        let other = loop {
            match ours.try_recv() {
                Err(Error::Empty) if receiving.is_finished() => break None,
                Err(Error::Empty) => tries += 1,
                Err(Error::Disconnected) => break None,
                outcome => break Some(outcome.unwrap()),
            }
        };
        assert!(tries > 10, "{tries} tries while 400 MiB came");
        let all = other.unwrap_or_else(|| receiving.join().unwrap().unwrap());
        assert_eq!(all.len(), LEN);
    });
    child.join()
}

fn a_connection_in_a_message_reaches_whichever_thread_receives_it() -> Result<()> {
    let (a, b) = pipe::<Connection<u64, u64>, ()>()?;
    let (near, far): (Vec<_>, Vec<_>) = (0..50).map(|_| pipe::<u64, u64>().unwrap()).unzip();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Ok(connection) = b.recv() {
                    connection.send(7).unwrap();
                }
            });
        }
        for (n, connection) in far.into_iter().enumerate() {
            if n % 7 == 0 {
                thread::sleep(Duration::from_millis(2));
            }
            a.send(connection).unwrap();
        }
        drop(a);
    });
    assert!(near.iter().all(|connection| matches!(connection.recv(), Ok(7))));
    Ok(())
}

fn a_send_to_an_end_that_is_known_to_be_gone_is_an_error() -> Result<()> {
    for method in METHODS {
        let (ours, theirs) = pipe::<u64, u64>()?;
        let drop_it = |end: Connection<u64, u64>| drop(end);
        Process::builder().start_method(method).target(drop_it, (theirs,)).start()?.join()?;
        assert!(matches!(ours.recv(), Err(Error::Disconnected)));
        assert!(matches!(ours.send(1), Err(Error::Disconnected)));
        assert!(matches!(ours.send_bytes(&[1]), Err(Error::Disconnected)));
    }
    Ok(())
}

fn a_send_finds_out_by_itself_that_the_other_end_was_dropped() -> Result<()> {
    let (a, b) = pipe::<u64, u64>()?;
    a.send(1)?;
    assert_eq!(b.recv()?, 1);
    drop(b);
    assert!(matches!(a.send(2), Err(Error::Disconnected)));
    assert!(matches!(a.send(3), Err(Error::Disconnected)));
    // What was sent before the end is still there.
    let (a, b) = pipe::<u64, u64>()?;
    b.send(4)?;
    drop(b);
    assert!(matches!(a.send(5), Err(Error::Disconnected)));
    assert_eq!(a.recv()?, 4);
    assert!(matches!(a.recv(), Err(Error::Disconnected)));
    Ok(())
}

fn a_send_finds_out_that_a_process_which_waited_was_killed() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    let child = Process::new(|end: Connection<u64, u64>| while end.recv().is_ok() {}, (theirs,)).start()?;
    ours.send(1)?;
    thread::sleep(SHORT);
    child.kill()?;
    assert!(child.join().is_err());
    assert!(matches!(ours.send(2), Err(Error::Disconnected)));
    Ok(())
}

fn an_end_that_went_to_another_process_is_not_taken_for_gone() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    let child = Process::new(
        |end: Connection<u64, u64>| {
            let (again, far) = pipe::<Connection<u64, u64>, ()>().unwrap();
            again.send(end).unwrap();
            let end = far.recv().unwrap();
            (0..1000).for_each(|n| assert_eq!(end.recv().unwrap(), n));
        },
        (theirs,),
    );
    let child = child.start()?;
    (0..1000).try_for_each(|n| ours.send(n))?;
    child.join()
}

fn iter_goes_on_while_another_thread_gives_out_handles() -> Result<()> {
    let (pool, queue) = (Pool::with_processes(2)?, Queue::<u64>::new()?);
    let got = thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..3u64 {
                let put = |queue: Queue<u64>, n: u64| queue.put(n).unwrap();
                pool.apply_async(put, (queue.clone(), n)).get().unwrap();
                thread::sleep(Duration::from_millis(300));
            }
            queue.close().unwrap();
        });
        queue.iter().collect::<Result<Vec<_>>>()
    })?;
    assert_eq!(got, [0, 1, 2]);
    Ok(())
}

fn iter_goes_on_although_the_other_thread_begins_late() -> Result<()> {
    let (pool, queue) = (Pool::with_processes(1)?, Queue::<u64>::new()?);
    let put = |queue: Queue<u64>, n: u64| queue.put(n).unwrap();
    pool.apply(put, (queue.clone(), 0))?;
    let got = thread::scope(|scope| {
        thread::Builder::new()
            .name("submits".into())
            .spawn_scoped(scope, || {
                thread::sleep(Duration::from_millis(700));
                pool.apply(put, (queue.clone(), 1)).unwrap();
                queue.close().unwrap();
            })
            .unwrap();
        queue.iter().collect::<Result<Vec<_>>>()
    })?;
    assert_eq!(got, [0, 1]);
    Ok(())
}

fn a_state_that_threads_share_keeps_its_queue() -> Result<()> {
    struct State {
        first: Queue<u64>,
        smallest: PriorityQueue<u64>,
    }
    let state = Arc::new(State { first: Queue::new()?, smallest: PriorityQueue::new()? });
    let starter = thread::spawn({
        let state = state.clone();
        move || {
            for n in 0..3u64 {
                let put = |first: Queue<u64>, smallest: PriorityQueue<u64>, n: u64| {
                    first.put(n).unwrap();
                    smallest.put(n).unwrap();
                };
                let args = (state.first.clone(), state.smallest.clone(), n);
                Process::new(put, args).start().unwrap().join().unwrap();
                thread::sleep(Duration::from_millis(300));
            }
        }
    });
    for n in 0..3 {
        assert_eq!(state.first.get()?, n);
        assert_eq!(state.smallest.get()?, n);
    }
    starter.join().unwrap();
    assert!(matches!(state.first.get(), Err(Error::Disconnected)), "the thread is gone, too");
    Ok(())
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Job(u8);

impl<'de> Deserialize<'de> for Job {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u8::deserialize(deserializer)?;
        assert!(n != 1, "a value of an unknown version");
        Ok(Job(n))
    }
}

fn a_value_whose_decoding_panics_costs_itself() -> Result<()> {
    let queue = PriorityQueue::new()?;
    [1, 3, 1, 2].into_iter().try_for_each(|n| queue.put(Job(n)).map_err(Error::from))?;
    let first = catch_unwind(AssertUnwindSafe(|| queue.get()));
    assert!(!matches!(first, Ok(Ok(_))), "{first:?}");
    assert!(queue.get().is_err());
    assert_eq!((queue.get_timeout(DEADLINE)?, queue.get_timeout(DEADLINE)?), (Job(2), Job(3)));
    assert!(queue.is_empty());
    assert!(matches!(queue.get_timeout(SHORT), Err(Error::TimedOut { .. })));

    let queue = Queue::new()?;
    [2, 1, 3].into_iter().try_for_each(|n| queue.put(Job(n)).map_err(Error::from))?;
    let (a, b) = pipe::<Job, Job>()?;
    [2, 1, 3].into_iter().try_for_each(|n| a.send(Job(n)))?;
    type Take<'a> = &'a dyn Fn() -> Result<Job>;
    for take in [&|| queue.get() as _, &|| b.recv() as _] as [Take<'_>; 2] {
        assert_eq!(take()?, Job(2));
        assert!(!matches!(catch_unwind(AssertUnwindSafe(take)), Ok(Ok(_))));
        assert_eq!(take()?, Job(3));
    }
    assert!(matches!(queue.get_timeout(SHORT), Err(Error::TimedOut { .. })));
    Ok(())
}

/// A number that cannot be compared if it is not one.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Weight(f64);

impl Ord for Weight {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).expect("a number")
    }
}

impl PartialOrd for Weight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Weight {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Weight {}

fn a_value_whose_comparison_panics_costs_itself() -> Result<()> {
    let queue = PriorityQueue::new()?;
    for n in [5.0, f64::NAN, 3.0, 1.0, f64::NAN, 4.0, 2.0] {
        queue.put(Weight(n))?;
    }
    let mut got = Vec::new();
    let mut failed = 0;
    for _ in 0..7 {
        match catch_unwind(AssertUnwindSafe(|| queue.get_timeout(DEADLINE))) {
            Ok(Ok(weight)) => got.push(weight.0),
            Ok(Err(Error::TimedOut { .. })) => panic!("a value was lost"),
            _ => failed += 1,
        }
    }
    assert_eq!((got.as_slice(), failed), (&[1.0, 2.0, 3.0, 4.0, 5.0][..], 2));
    assert!(matches!(queue.try_get(), Err(Error::Empty)));
    Ok(())
}

fn a_refused_connection_comes_back_alive() -> Result<()> {
    let plain: Queue<Connection<u32, u32>> = Queue::new()?;
    let manager = Manager::new()?;
    let managed = manager.queue::<Connection<u32, u32>>()?;
    type Put<'a> = &'a dyn Fn(Connection<u32, u32>) -> (Connection<u32, u32>, Error);
    let puts: [Put<'_>; 3] = [
        &|a| plain.put(a).map_err(|refused| (refused.value, refused.error)).unwrap_err(),
        &|a| plain.try_put(a).map_err(|refused| (refused.value, refused.error)).unwrap_err(),
        &|a| managed.put(a).map_err(|refused| (refused.value, refused.error)).unwrap_err(),
    ];
    for put in puts {
        let (a, b) = pipe::<u32, u32>()?;
        let (a, error) = put(a);
        assert!(matches!(error, Error::Encode(_)), "{error}");
        a.send(1)?;
        assert_eq!(b.recv_timeout(DEADLINE)?, 1);
        // It can still go to a process.
        let child = Process::new(|a: Connection<u32, u32>| a.send(2).unwrap(), (a,)).start()?;
        assert_eq!(b.recv_timeout(DEADLINE)?, 2);
        child.join()?;
    }
    Ok(())
}

fn what_a_refused_value_holds_beside_others_is_alive() -> Result<()> {
    /// What cannot be serialized, behind something that can.
    #[derive(Deserialize)]
    struct Never;
    impl Serialize for Never {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("never"))
        }
    }
    let queue: Queue<(Option<Connection<u32, u32>>, Never)> = Queue::bounded(1)?;
    let (a, b) = pipe::<u32, u32>()?;
    let refused = queue.put_timeout((Some(a), Never), SHORT).unwrap_err();
    refused.value.0.unwrap().send(1)?;
    assert_eq!(b.recv()?, 1);
    Ok(())
}

fn take_one(queue: Queue<u64>) -> u64 {
    queue.get().unwrap()
}

fn put_is_an_error_when_every_consumer_is_gone() -> Result<()> {
    for kill in [false, true] {
        let queue = Queue::bounded(2)?;
        let consumer = Process::new(
            |queue: Queue<u64>, stay: bool| {
                take_one(queue.clone());
                if stay {
                    thread::sleep(DEADLINE);
                }
            },
            (queue.clone(), kill),
        );
        let consumer = consumer.start()?;
        queue.put(0)?;
        eventually("the first value is taken", || queue.is_empty());
        if kill {
            consumer.kill()?;
        }
        let refused = (1..=3).map(|n| queue.put(n)).find_map(Result::err).unwrap();
        assert!(matches!(refused.error, Error::Disconnected), "{}", refused.error);
        assert_eq!(refused.value, 3);
        assert_eq!(consumer.join().is_err(), kill);
        // Who takes something makes room.
        assert_eq!(queue.get()?, 1);
        queue.put(3)?;
    }
    Ok(())
}

fn put_into_a_priority_queue_is_an_error_when_every_consumer_is_gone() -> Result<()> {
    let queue = PriorityQueue::bounded(1)?;
    Process::new(|queue: PriorityQueue<u64>| drop(queue), (queue.clone(),)).start()?.join()?;
    queue.put(1)?;
    assert!(matches!(queue.put(2).unwrap_err().error, Error::Disconnected));
    Ok(())
}

fn put_waits_while_a_thread_of_this_process_takes() -> Result<()> {
    let shared = Arc::new(Queue::bounded(1)?);
    Process::new(|queue: Queue<u64>| drop(queue), (Queue::clone(&shared),)).start()?.join()?;
    shared.put(0)?;
    let taker = thread::spawn({
        let shared = shared.clone();
        move || {
            thread::sleep(Duration::from_millis(700));
            (0..2).map(|_| shared.get().unwrap()).collect::<Vec<u64>>()
        }
    });
    shared.put(1)?;
    assert_eq!(taker.join().unwrap(), [0, 1]);
    Ok(())
}

/// A participant that does not come: it says that it is there, and then ends as asked.
fn stays_away(_barrier: Barrier, gate: std::path::PathBuf, exit: bool) {
    crate::support::arrive(&gate);
    if exit {
        std::process::exit(0);
    }
    thread::sleep(DEADLINE);
}

fn meet(barrier: Barrier) -> bool {
    matches!(barrier.wait(), Err(Error::BrokenBarrier))
}

fn a_barrier_breaks_when_a_participant_dies_before_it_comes() -> Result<()> {
    for (method, exit) in [(METHODS[0], false), (METHODS[1], false), (METHODS[0], true)] {
        let barrier = Barrier::new(3)?;
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let waiting: Vec<_> = (0..2).map(|_| pool.apply_async(meet, (barrier.clone(),))).collect();
        eventually("two wait", || barrier.waiting() == 2);
        let gate = crate::support::Gate::new();
        let target = (barrier.clone(), gate.path(), exit);
        let away = Process::builder().start_method(method).target(stays_away, target).start()?;
        gate.await_arrivals(1);
        if !exit {
            assert_eq!(barrier.waiting(), 2);
            away.kill()?;
        }
        assert!(waiting.into_iter().all(|mut waiting| waiting.get_timeout(DEADLINE).unwrap()));
        assert!(away.join().is_err());
        assert!(barrier.is_broken());
        // Those that are left may begin anew.
        barrier.reset()?;
        let three: Vec<_> = (0..2).map(|_| pool.apply_async(meet, (barrier.clone(),))).collect();
        thread::sleep(3 * SHORT);
        barrier.wait()?;
        assert!(three.into_iter().all(|mut waiting| !waiting.get_timeout(DEADLINE).unwrap()));
    }
    Ok(())
}

fn a_barrier_stays_whole_when_those_who_have_it_end_in_good_order() -> Result<()> {
    static KEPT: std::sync::OnceLock<Barrier> = std::sync::OnceLock::new();
    let keep = |barrier: Barrier| drop(KEPT.set(barrier));
    let barrier = Barrier::new(2)?;
    let pool = Pool::builder().processes(1).initializer(keep, (barrier.clone(),)).max_tasks_per_child(1).build()?;
    let first = pool.apply(crate::support::own_pid, ())?;
    eventually("the worker is replaced", || pool.apply(crate::support::own_pid, ()).unwrap() != first);
    Process::new(keep, (barrier.clone(),)).start()?.join()?;
    // A task that is done has dropped its handle.
    pool.apply(|_: Barrier| (), (barrier.clone(),))?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| barrier.wait());
        thread::sleep(5 * SHORT);
        barrier.wait().unwrap();
        waiting.join().unwrap().unwrap();
    });
    Ok(())
}
