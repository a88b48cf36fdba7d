//! Queues in a manager's process.

use std::thread;
use std::time::Duration;

use multiproc::{Error, ListProxy, Manager, Process, PutError, QueueProxy};

use crate::support::{Named, eventually, is_config, is_invalid_state, named};

pub(crate) const TESTS: &[Named] = named! {
    queue_keeps_order_and_reports_full_empty_closed
    join_waits_until_every_value_is_done
    waiters_block_no_other_and_get_values_as_they_come
    close_wakes_waiters
    killed_waiters_lose_no_value
    task_may_use_a_manager_while_its_caller_waits
};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(50);

fn queue_keeps_order_and_reports_full_empty_closed() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let queue = manager.bounded_queue::<u32>(3)?;
    assert!(matches!(queue.try_get(), Err(Error::Empty)));
    assert!(matches!(queue.get_timeout(SHORT), Err(Error::TimedOut { after: SHORT, pid: None, .. })));
    (1..=3).try_for_each(|n| queue.put(n))?;
    assert!(matches!(queue.try_put(4), Err(PutError { value: 4, error: Error::Full })));
    let late = queue.put_timeout(4, SHORT).unwrap_err();
    assert!(matches!(late, PutError { value: 4, error: Error::TimedOut { after: SHORT, pid: None, .. } }), "{late:?}");
    assert_eq!((queue.len()?, queue.get()?, queue.try_get()?), (3, 1, 2));
    queue.try_put(4)?;
    queue.put_timeout(5, Duration::MAX)?;
    queue.close()?;
    assert!(matches!(queue.put(6), Err(PutError { value: 6, error: Error::Closed })));
    assert_eq!((queue.get()?, queue.get_timeout(LONG)?, queue.get()?), (3, 4, 5));
    assert!(queue.is_empty()?);
    for closed in [queue.get(), queue.try_get(), queue.get_timeout(LONG)] {
        assert!(matches!(closed, Err(Error::Closed)), "{closed:?}");
    }
    is_config(manager.bounded_queue::<u8>(0), "room");
    Ok(())
}

fn join_waits_until_every_value_is_done() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let queue = manager.queue::<u32>()?;
    queue.join()?;
    (0..3).try_for_each(|n| queue.put(n))?;
    let work = |queue: QueueProxy<u32>| {
        for _ in 0..3 {
            queue.get().unwrap();
            thread::sleep(SHORT);
            queue.task_done().unwrap();
        }
    };
    assert!(!queue.join_timeout(SHORT)?);
    let worker = Process::new(work, (queue.clone(),)).start()?;
    queue.join()?;
    assert!(queue.join_timeout(Duration::ZERO)?);
    worker.join()?;
    is_invalid_state(queue.task_done(), "more often");
    Ok(())
}

fn waiters_block_no_other_and_get_values_as_they_come() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (queue, tiny) = (manager.queue::<u64>()?, manager.bounded_queue::<u64>(1)?);
    tiny.put(0)?;
    thread::scope(|scope| {
        let getters: Vec<_> = (0..12).map(|_| scope.spawn(|| queue.get().unwrap())).collect();
        let putters: Vec<_> = (1..=5).map(|n| (n, &tiny)).map(|(n, tiny)| scope.spawn(move || tiny.put(n))).collect();
        thread::sleep(SHORT);
        // Everybody waits by now, or will; calls go on all the same.
        assert_eq!((queue.len().unwrap(), tiny.len().unwrap()), (0, 1));
        (0..12).for_each(|n| queue.put(n).unwrap());
        let mut got: Vec<u64> = getters.into_iter().map(|getter| getter.join().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, (0..12).collect::<Vec<_>>());
        let mut got: Vec<u64> = (0..6).map(|_| tiny.get().unwrap()).collect();
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2, 3, 4, 5]);
        putters.into_iter().for_each(|putter| putter.join().unwrap().unwrap());
    });
    Ok(())
}

fn close_wakes_waiters() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (empty, full) = (manager.queue::<u64>()?, manager.bounded_queue::<u64>(1)?);
    full.put(1)?;
    thread::scope(|scope| {
        let waiting = [scope.spawn(|| empty.get().map(drop)), scope.spawn(|| full.put(2).map_err(Error::from))];
        thread::sleep(SHORT);
        empty.close().unwrap();
        full.close().unwrap();
        for waiting in waiting {
            assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
        }
    });
    Ok(())
}

fn killed_waiters_lose_no_value() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (work, seen) = (manager.queue::<u64>()?, manager.list::<u64>()?);
    let take = |work: QueueProxy<u64>, seen: ListProxy<u64>| {
        // What it has got it may lose, so it takes nothing but a stop.
        while let Ok(n) = work.get() {
            seen.push(n).unwrap();
        }
    };
    let start = || Process::builder().daemon(true).target(take, (work.clone(), seen.clone())).start();
    let survivor = start()?;
    let mut put = 0;
    for _ in 0..5 {
        let victim = start()?;
        for _ in 0..50 {
            work.put(put)?;
            put += 1;
        }
        eventually("all is taken", || work.len().unwrap() == 0);
        eventually("all is noted", || seen.len().unwrap() as u64 == put);
        victim.kill()?;
        drop(victim);
        // Whether or not the manager has recorded the loss, the other waiter gets the value.
        work.put(put)?;
        put += 1;
        eventually("the survivor has it", || seen.len().unwrap() as u64 == put);
    }
    work.close()?;
    survivor.join()?;
    let mut all = seen.to_vec()?;
    all.sort_unstable();
    assert_eq!(all, (0..put).collect::<Vec<_>>());
    Ok(())
}

fn task_may_use_a_manager_while_its_caller_waits() -> multiproc::Result<()> {
    let manager = Manager::new()?;
    let (there, back) = (manager.bounded_queue::<u64>(2)?, manager.bounded_queue::<u64>(2)?);
    let echo = |there: QueueProxy<u64>, back: QueueProxy<u64>| {
        while let Ok(n) = there.get() {
            back.put(n + 1).unwrap();
        }
        back.close().unwrap();
    };
    let process = Process::new(echo, (there.clone(), back.clone())).start()?;
    thread::scope(|scope| {
        scope.spawn(|| {
            (0..2000).for_each(|n| there.put(n).unwrap());
            there.close().unwrap();
        });
        (0..2000).for_each(|n| assert_eq!(back.get().unwrap(), n + 1));
        assert!(matches!(back.get(), Err(Error::Closed)));
    });
    process.join()
}
