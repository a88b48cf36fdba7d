//! Waiting for several objects in async functions and event loops.

use std::future::Future;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{Event, Executor, Pool, Process, Queue, Result, WaitSet, Waitable, pipe, wait, wait_async};
use tokio::io::unix::AsyncFd;

use crate::channels::{LONG, SHORT, put_late};
use crate::support::{Gate, Named, arrive, is_config, named, pass, square};

pub(crate) const TESTS: &[Named] = named! {
    event_that_is_set_briefly_ends_a_wait
    async_wait_ends_with_whichever_object_is_ready
    async_wait_that_is_dropped_takes_nothing
    async_wait_needs_a_runtime_with_io
    wait_set_wakes_an_event_loop_for_each_object
    wait_set_is_level_triggered
    wait_set_reports_an_event_once
};

fn in_tokio<R>(future: impl Future<Output = Result<R>>) -> Result<R> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

fn event_that_is_set_briefly_ends_a_wait() -> Result<()> {
    let (event, gate) = (Event::new()?, Gate::new());
    let wait_for = |event: Event, gate: PathBuf| {
        let set = WaitSet::new(&[&event]).unwrap();
        assert!(set.ready().unwrap().is_empty());
        arrive(&gate);
        wait(&[&set.as_fd()], LONG).unwrap();
        set.ready().unwrap()
    };
    let process = Process::new(wait_for, (event.clone(), gate.path())).start()?;
    gate.await_arrivals(1);
    event.set();
    event.clear();
    assert_eq!(process.join()?, [0]);
    Ok(())
}

fn async_wait_ends_with_whichever_object_is_ready() -> Result<()> {
    let (queue, event, gate) = (Queue::new()?, Event::new()?, Gate::new());
    let (pool, (mut far, near)) = (Pool::with_processes(1)?, UnixStream::pair()?);
    let (ours, theirs) = pipe::<(), u64>()?;
    let process = Process::new(put_late, (queue.clone(), gate.path(), 5)).start()?;
    let result = pool.submit(pass, (gate.path(),));
    in_tokio(async {
        let all: [&dyn Waitable; 6] = [&queue, &event, &near, &ours, &process, &result];
        let early = tokio::time::timeout(SHORT, wait_async(&all)).await;
        assert!(early.is_err(), "it waits, and the runtime goes on");
        let opener = thread::spawn(move || {
            thread::sleep(SHORT / 10);
            gate.open();
            gate
        });
        assert_eq!(wait_async(&all[..2]).await?, [0]);
        assert_eq!(wait_async(&[&event, &result]).await?, [1]);
        assert_eq!(wait_async(&[&event, &process]).await?, [1]);
        drop(opener.join().unwrap());
        let sender = thread::spawn(move || {
            thread::sleep(SHORT / 10);
            theirs.send(1).map(|()| theirs)
        });
        assert_eq!(wait_async(&all[1..4]).await?, [2]);
        let _theirs = sender.join().unwrap()?;
        ours.recv()?;
        far.write_all(b"!")?;
        assert_eq!(wait_async(&[&event, &near, &ours]).await?, [1]);
        event.set();
        assert_eq!(wait_async(&[&event, &near]).await?, [0, 1]);
        is_config(wait_async(&[]).await, "nothing");
        Ok(())
    })?;
    assert_eq!(queue.get()?, 5);
    process.join()?;
    assert!(result.get()? > 0);
    Ok(())
}

fn async_wait_that_is_dropped_takes_nothing() -> Result<()> {
    let queue = Queue::new()?;
    let taker = Process::new(|queue: Queue<u64>| queue.get().unwrap(), (queue.clone(),)).start()?;
    in_tokio(async {
        for _ in 0..20 {
            assert!(tokio::time::timeout(Duration::from_micros(300), wait_async(&[&queue])).await.is_err());
        }
        queue.put(7)?;
        Ok(())
    })?;
    assert_eq!(taker.join()?, 7);
    Ok(())
}

fn async_wait_needs_a_runtime_with_io() -> Result<()> {
    let event = Event::new()?;
    is_config(pollster::block_on(wait_async(&[&event])), "tokio runtime");
    let blind = tokio::runtime::Builder::new_current_thread().build()?;
    is_config(blind.block_on(wait_async(&[&event])), "enable_io");
    event.set();
    assert_eq!(pollster::block_on(wait_async(&[&event]))?, [0], "without waiting no runtime is needed");
    Ok(())
}

/// Registers a set with the runtime of this thread.
#[allow(unsafe_code, reason = "as below")]
fn register(set: WaitSet<'_>) -> Result<AsyncFd<WaitSet<'_>>> {
    // SAFETY: a set has one descriptor, which is open and the same for as long as the set lives.
    let registered = unsafe { AsyncFd::register(set) };
    Ok(registered.map_err(std::io::Error::from)?)
}

fn wait_set_wakes_an_event_loop_for_each_object() -> Result<()> {
    let (queue, event, pool) = (Queue::new()?, Event::new()?, Pool::with_processes(1)?);
    let (ours, theirs) = pipe::<(), u64>()?;
    let produce = |queue: Queue<u64>, event: Event, end: multiproc::Connection<u64, ()>| {
        for n in 0..50u64 {
            if n % 3 == 0 { end.send(n).unwrap() } else { queue.put(n).unwrap() }
        }
        event.set();
    };
    let process = Process::new(produce, (queue.clone(), event.clone(), theirs)).start()?;
    let result = pool.submit(square, (5,));
    let (mut seen, mut ends) = (Vec::new(), [false; 3]);
    in_tokio(async {
        let events = register(WaitSet::new(&[&queue, &ours, &event, &process, &result])?)?;
        while seen.len() < 50 || ends.contains(&false) {
            let ready = events.get_ref().ready()?;
            if ready.is_empty() {
                events.readable().await?.clear_ready();
            }
            for number in ready {
                match number {
                    0 => seen.extend(queue.try_get()),
                    1 => seen.extend(ours.try_recv()),
                    end => ends[end - 2] = true,
                }
            }
        }
        Ok(())
    })?;
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    assert_eq!(result.get()?, 25);
    process.join()
}

fn wait_set_is_level_triggered() -> Result<()> {
    let (event, queue) = (Event::new()?, Queue::<u64>::new()?);
    let set = WaitSet::new(&[&event, &queue])?;
    let readable = |timeout| wait(&[&set.as_fd()], timeout);
    assert!(set.ready()?.is_empty());
    assert!(readable(Some(SHORT))?.is_empty());
    event.set();
    for _ in 0..3 {
        assert_eq!(readable(LONG)?, [0], "it stays readable until it is asked");
    }
    assert_eq!(set.ready()?, [0]);
    event.clear();
    assert!(set.ready()?.is_empty());
    queue.put(1)?;
    assert_eq!(readable(LONG)?, [0]);
    assert_eq!(set.ready()?, [1]);
    queue.get()?;
    // What was ready and is not any more costs at most one needless wake-up.
    let until = Instant::now() + SHORT * 20;
    while Instant::now() < until && !readable(Some(Duration::ZERO))?.is_empty() {
        assert!(set.ready()?.is_empty());
    }
    assert!(set.ready()?.is_empty() && readable(Some(SHORT))?.is_empty());
    Ok(())
}

fn wait_set_reports_an_event_once() -> Result<()> {
    let event = Event::new()?;
    let set = WaitSet::new(&[&event])?;
    assert!(set.ready()?.is_empty());
    event.set();
    event.clear();
    assert_eq!(set.ready()?, [0], "it was set since the last call");
    assert!(set.ready()?.is_empty());
    event.set();
    assert_eq!((set.ready()?, set.ready()?), (vec![0], vec![0]), "it still is");
    event.clear();
    assert!(set.ready()?.is_empty(), "that it was is known");
    Ok(())
}
