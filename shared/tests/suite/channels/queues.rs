//! Queues: everything that was put is taken once, in order, and who waits for nothing is told.

use std::thread;
use std::time::Duration;

use multiproc::{Connection, Error, Executor, Pool, Process, Queue, Result, StartMethod, partial, pipe};

use crate::support::{DEADLINE, Gate, Named, arrive, eventually, named, pass};

pub(crate) const TESTS: &[Named] = named! {
    values_come_in_order_under_every_start_method
    producers_and_consumers_lose_and_double_nothing
    values_of_any_size_and_kind_arrive
    value_of_one_gib_arrives_and_leaves_no_memory
    oversized_value_is_returned_with_an_error
    full_queue_blocks_producers
    empty_queue_blocks_consumers
    closed_queue_drains_and_then_returns_closed
    close_wakes_blocked_producers
    get_is_an_error_when_every_producer_is_gone
    get_waits_while_a_producer_may_come
    workers_share_a_queue_as_state
    queue_reaches_later_workers_by_their_initializer
    tasks_with_the_same_queue_need_few_descriptors
    join_waits_until_every_task_is_done
    handle_in_a_queue_is_rejected_with_advice
    process_waiting_for_a_queue_uses_no_cpu_time
};

fn produce(queue: Queue<u64>, from: u64, to: u64) {
    for n in from..to {
        queue.put(n).unwrap();
    }
}

/// Takes until the end; says what it got.
fn consume(queue: Queue<u64>) -> Vec<u64> {
    queue.iter().map(Result::unwrap).collect()
}

fn values_come_in_order_under_every_start_method() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let queue = Queue::new()?;
        let process = Process::builder().start_method(method).target(produce, (queue.clone(), 0, 5000)).start()?;
        for n in 0..5000 {
            assert_eq!(queue.get()?, n);
        }
        process.join()?;
        assert!(queue.is_empty());
    }
    Ok(())
}

fn producers_and_consumers_lose_and_double_nothing() -> Result<()> {
    for queue in [Queue::new()?, Queue::bounded(10)?] {
        let producers: Vec<_> = (0..3)
            .map(|n| Process::new(produce, (queue.clone(), n * 4000, (n + 1) * 4000)).start())
            .collect::<Result<_>>()?;
        let consumers: Vec<_> =
            (0..3).map(|_| Process::new(consume, (queue.clone(),)).start()).collect::<Result<_>>()?;
        producers.into_iter().try_for_each(Process::join)?;
        queue.close()?;
        let mut got = Vec::new();
        for consumer in consumers {
            let values = consumer.join()?;
            for producer in 0..3 {
                let own: Vec<_> = values.iter().filter(|value| *value / 4000 == producer).collect();
                assert!(own.is_sorted(), "one producer's values come to one consumer in their order");
            }
            got.extend(values);
        }
        got.sort_unstable();
        assert_eq!(got, (0..12_000).collect::<Vec<_>>());
    }
    Ok(())
}

fn values_of_any_size_and_kind_arrive() -> Result<()> {
    let queue = Queue::<(String, Vec<Option<u8>>)>::new()?;
    let value = ("text".to_string(), vec![None, Some(7)]);
    queue.put(value.clone())?;
    assert_eq!(queue.get()?, value);

    let queue = Queue::<Vec<u8>>::new()?;
    for round in 0..3 {
        for len in [0, 1, 8, 100_000, 262_136, 300_000, 5_000_000, 20] {
            queue.put((0..len).map(|at| ((at + round) * 31 % 251) as u8).collect())?;
        }
        assert_eq!(queue.len(), 8);
        for len in [0, 1, 8, 100_000, 262_136, 300_000, 5_000_000, 20] {
            let value = queue.get()?;
            assert!(value.iter().enumerate().all(|(at, byte)| *byte == ((at + round) * 31 % 251) as u8));
            assert_eq!(value.len(), len);
        }
        assert!(queue.is_empty());
    }
    Ok(())
}

fn value_of_one_gib_arrives_and_leaves_no_memory() -> Result<()> {
    let queue = Queue::<Vec<u8>>::new()?;
    let process = Process::new(
        |queue: Queue<Vec<u8>>| queue.put(vec![7; 1 << 30]).map_err(|refused| refused.error.to_string()),
        (queue.clone(),),
    );
    let process = process.start()?;
    let value = queue.get()?;
    assert_eq!(value.len(), 1 << 30);
    assert!(value.iter().step_by(4096).all(|byte| *byte == 7));
    process.join()?.unwrap();
    let status = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let shared: u64 = status
        .lines()
        .filter(|line| line.starts_with("Pss_Shmem:"))
        .map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap())
        .sum();
    assert!(shared < 100 << 10, "{shared} KiB of shared memory are still in use");
    Ok(())
}

fn oversized_value_is_returned_with_an_error() -> Result<()> {
    let queue = Queue::<Vec<u8>>::new()?;
    queue.set_max_message(1000);
    let refused = queue.put(vec![1; 1001]).unwrap_err();
    assert!(refused.error.to_string().contains("maximum of 1000 bytes"), "{refused}");
    assert_eq!(refused.value.len(), 1001);
    queue.put(vec![1; 1000])?;
    assert_eq!(queue.len(), 1);
    Ok(())
}

fn full_queue_blocks_producers() -> Result<()> {
    let queue = Queue::bounded(2)?;
    assert_eq!(queue.capacity(), Some(2));
    queue.put(1)?;
    queue.put(2)?;
    let refused = queue.try_put(3).unwrap_err();
    assert!(matches!(refused.error, Error::Full));
    assert_eq!(refused.value, 3);
    let refused = queue.put_timeout(3, Duration::from_millis(20)).unwrap_err();
    assert!(matches!(refused.error, Error::TimedOut { .. }));
    let process = Process::new(produce, (queue.clone(), 3, 6)).start()?;
    eventually("nothing more comes in", || queue.len() == 2);
    for n in 1..6 {
        assert_eq!(queue.get()?, n);
    }
    process.join()?;
    assert!(matches!(Queue::<u8>::bounded(0), Err(Error::Config(_))));
    Ok(())
}

fn empty_queue_blocks_consumers() -> Result<()> {
    let queue = Queue::<u64>::new()?;
    assert!(matches!(queue.try_get(), Err(Error::Empty)));
    assert!(matches!(queue.get_timeout(Duration::from_millis(20)), Err(Error::TimedOut { .. })));
    let process = Process::new(|queue: Queue<u64>| queue.get().unwrap(), (queue.clone(),)).start()?;
    thread::sleep(Duration::from_millis(50));
    assert!(process.is_alive());
    queue.put(9)?;
    assert_eq!(process.join()?, 9);
    Ok(())
}

fn closed_queue_drains_and_then_returns_closed() -> Result<()> {
    let queue = Queue::new()?;
    let waiting = Process::new(consume, (queue.clone(),)).start()?;
    queue.put(1)?;
    queue.put(2)?;
    queue.close()?;
    queue.close()?;
    let refused = queue.put(3).unwrap_err();
    assert!(matches!(refused.error, Error::Closed));
    assert_eq!(waiting.join()?, [1, 2]);
    assert!(matches!(queue.get(), Err(Error::Closed)));
    assert!(matches!(queue.try_get(), Err(Error::Closed)));
    assert!(queue.is_closed());
    Ok(())
}

fn close_wakes_blocked_producers() -> Result<()> {
    let queue = Queue::bounded(1)?;
    queue.put(1)?;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| queue.put(2).unwrap_err());
        thread::sleep(Duration::from_millis(20));
        queue.close().unwrap();
        assert!(matches!(waiting.join().unwrap().error, Error::Closed));
    });
    Ok(())
}

fn get_is_an_error_when_every_producer_is_gone() -> Result<()> {
    // They end as they should, are killed, or have ended before anybody waits.
    let queue = Queue::<u64>::new()?;
    let gate = Gate::new();
    fn put_and_wait(queue: Queue<u64>, gate: std::path::PathBuf) {
        queue.put(1).unwrap();
        pass(gate);
    }
    let first = Process::new(put_and_wait, (queue.clone(), gate.path())).start()?;
    let second = Process::new(put_and_wait, (queue.clone(), gate.path())).start()?;
    assert_eq!(queue.get()? + queue.get()?, 2);
    first.kill()?;
    assert!(matches!(queue.get_timeout(Duration::from_millis(300)), Err(Error::TimedOut { .. })), "one is left");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| queue.get());
        thread::sleep(Duration::from_millis(20));
        gate.open();
        assert!(matches!(waiting.join().unwrap(), Err(Error::Disconnected)));
    });
    assert!(matches!(queue.get(), Err(Error::Disconnected)));
    assert!(first.join().is_err());
    second.join()?;
    Ok(())
}

fn get_waits_while_a_producer_may_come() -> Result<()> {
    let timeout = Duration::from_millis(300);
    // No process was given a handle yet.
    let queue = Queue::<u64>::new()?;
    assert!(matches!(queue.get_timeout(timeout), Err(Error::TimedOut { .. })));
    // A handle is on its way: in the backlog of a pool whose worker is busy.
    let pool = Pool::with_processes(1)?;
    let gate = Gate::new();
    let busy = pool.apply_async(pass, (gate.path(),));
    let later = pool.apply_async(produce, (queue.clone(), 0, 1));
    assert!(matches!(queue.get_timeout(timeout), Err(Error::TimedOut { .. })));
    gate.open();
    assert_eq!(queue.get()?, 0);
    busy.get()?;
    later.get()?;
    // A thread of this process has one.
    let other = queue.clone();
    assert!(matches!(queue.get_timeout(timeout), Err(Error::TimedOut { .. })));
    drop(other);
    assert!(matches!(queue.get_timeout(crate::support::DEADLINE), Err(Error::Disconnected)));
    Ok(())
}

fn workers_share_a_queue_as_state() -> Result<()> {
    let queue = Queue::<u64>::new()?;
    let pool = Pool::with_processes(2)?;
    pool.map(partial(|queue: &Queue<u64>, n: u64| queue.put(n).unwrap(), queue.clone()), 0..1000u64)?;
    queue.close()?;
    let mut got = consume(queue);
    got.sort_unstable();
    assert_eq!(got, (0..1000).collect::<Vec<_>>());
    Ok(())
}

fn queue_reaches_later_workers_by_their_initializer() -> Result<()> {
    use std::sync::OnceLock;
    static QUEUE: OnceLock<Queue<u32>> = OnceLock::new();
    fn keep(queue: Queue<u32>) {
        let _ = QUEUE.set(queue);
    }
    fn report(die: bool) {
        QUEUE.get().unwrap().put(std::process::id()).unwrap();
        if die {
            std::process::abort();
        }
    }
    let queue = Queue::new()?;
    let pool = Pool::builder().processes(1).initializer(keep, (queue.clone(),)).build()?;
    pool.apply(report, (true,)).unwrap_err();
    pool.apply(report, (false,))?;
    assert_ne!(queue.get()?, queue.get()?, "two workers");
    Ok(())
}

fn tasks_with_the_same_queue_need_few_descriptors() -> Result<()> {
    let queue = Queue::<u64>::new()?;
    let pool = Pool::with_processes(2)?;
    let put = |queue: Queue<u64>, n: u64| queue.put(n).unwrap();
    let results: Vec<_> = (0..3000).map(|n| pool.apply_async(put, (queue.clone(), n))).collect();
    let open = crate::support::descriptors().len();
    assert!(open < 100, "{open} descriptors are open");
    results.into_iter().try_for_each(|result| result.get())?;
    assert_eq!(queue.len(), 3000);
    Ok(())
}

fn join_waits_until_every_task_is_done() -> Result<()> {
    let queue = Queue::new()?;
    (0..10).try_for_each(|n| queue.put(n))?;
    let gate = Gate::new();
    fn work(queue: Queue<u64>, gate: std::path::PathBuf) {
        for n in 0..10 {
            assert_eq!(queue.get().unwrap(), n);
            if n == 9 {
                arrive(&gate);
                pass(gate.clone());
            }
            queue.task_done().unwrap();
        }
    }
    let process = Process::new(work, (queue.clone(), gate.path())).start()?;
    gate.await_arrivals(1);
    assert!(!queue.join_timeout(Duration::from_millis(20)));
    gate.open();
    queue.join();
    process.join()?;
    assert!(matches!(queue.task_done(), Err(Error::InvalidState(_))));
    Ok(())
}

fn handle_in_a_queue_is_rejected_with_advice() -> Result<()> {
    let queue = Queue::<Connection<u8, u8>>::new()?;
    let refused = queue.put(pipe::<u8, u8>()?.0).unwrap_err();
    assert!(refused.error.to_string().contains("as an argument"), "{refused}");
    Ok(())
}

fn process_waiting_for_a_queue_uses_no_cpu_time() -> Result<()> {
    let queue = Queue::<u64>::new()?;
    let process = Process::new(|queue: Queue<u64>| queue.get().unwrap(), (queue.clone(),)).start()?;
    thread::sleep(Duration::from_millis(200));
    let before = crate::support::processor_ticks(process.pid());
    thread::sleep(Duration::from_secs(1));
    let used = crate::support::processor_ticks(process.pid()) - before;
    assert!(used <= 2, "{used} ticks of 10 ms in a second");
    queue.put_timeout(1, DEADLINE)?;
    process.join()?;
    Ok(())
}
