//! Results that have handles in them: they belong to the caller, and to nobody if there is none.
//!
//! Forks are for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use multiproc::{
    Connection, Error, Event, Executor, Fd, Lock, Pool, PriorityQueue, Process, Queue, Result, Semaphore, SharedSlice,
    Value, pipe,
};
use serde::{Deserialize, Serialize};

use crate::support::{METHODS, Named, descriptors, eventually, message, named, pids};

pub(crate) const TESTS: &[Named] = named! {
    handles_come_back_under_every_start_method
    each_result_of_a_map_brings_its_own
    process_returns_a_connection_and_ends
    large_and_traced_results_keep_their_handles
    handles_of_results_that_are_not_taken_are_closed
    result_that_is_refused_leaves_no_descriptor
    tasks_with_handles_return_handles
};

#[derive(Serialize, Deserialize)]
struct Everything {
    queue: Queue<String>,
    priorities: PriorityQueue<u64>,
    lock: Lock<u64>,
    value: Value<u64>,
    slice: SharedSlice<u32>,
    event: Event,
    semaphore: Semaphore,
    file: Fd<File>,
    end: Option<Connection<u64, String>>,
}

/// The ends of pipes that a worker keeps.
static KEPT: Mutex<Vec<Connection<String, u64>>> = Mutex::new(Vec::new());

fn make_everything() -> Result<Everything> {
    let (ours, theirs) = pipe()?;
    ours.send("from the worker".into())?;
    KEPT.lock().unwrap().push(ours);
    let made = Everything {
        queue: Queue::new()?,
        priorities: PriorityQueue::new()?,
        lock: Lock::new(7)?,
        value: Value::new(8)?,
        slice: SharedSlice::new(9)?,
        event: Event::new()?,
        semaphore: Semaphore::new(2)?,
        file: Fd::new(tempfile::tempfile()?),
        end: Some(theirs),
    };
    made.queue.put("queued".into())?;
    made.priorities.put(3)?;
    made.priorities.put(1)?;
    made.slice.set(4, 44)?;
    made.event.set();
    write!(&*made.file, "written")?;
    Ok(made)
}

fn check_everything(made: Everything) -> Result<()> {
    assert_eq!(made.queue.get()?, "queued");
    assert_eq!((made.priorities.get()?, made.priorities.get()?), (1, 3));
    assert_eq!((*made.lock.lock()?, made.value.get()?, made.slice.get(4)?), (7, 8, 44));
    assert!(made.event.is_set());
    drop((made.semaphore.acquire()?, made.semaphore.acquire()?));
    let (mut file, mut text) = (made.file.into_inner()?, String::new());
    file.rewind()?;
    file.read_to_string(&mut text)?;
    assert_eq!((&*text, &*made.end.unwrap().recv()?), ("written", "from the worker"));
    Ok(())
}

fn handles_come_back_under_every_start_method() -> Result<()> {
    for method in METHODS {
        let pool = Pool::builder().processes(1).start_method(method).build()?;
        check_everything(pool.apply(make_everything, ())??)?;
        check_everything(pool.apply_async(make_everything, ()).get()??)?;
        // What another process has a handle of is shared with it.
        let queue = pool.apply(make_everything, ())??.queue;
        let put = |queue: Queue<String>| queue.put("more".into()).unwrap();
        pool.apply(put, (queue.clone(),))?;
        assert_eq!((queue.get()?, queue.get()?), ("queued".into(), "more".into()));
    }
    Ok(())
}

/// A task: returns a socket that has its number to read, or nothing, or panics.
fn socket_of(n: u64) -> Option<Fd<UnixStream>> {
    assert!(n % 100 != 99, "task {n} has none");
    let (given, kept) = UnixStream::pair().unwrap();
    (&kept).write_all(&n.to_le_bytes()).unwrap();
    (!n.is_multiple_of(3)).then(|| given.into())
}

fn number_in(socket: &Fd<UnixStream>) -> u64 {
    let mut bytes = [0; 8];
    (&**socket).read_exact(&mut bytes).unwrap();
    u64::from_le_bytes(bytes)
}

fn each_result_of_a_map_brings_its_own() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let check = |n: u64, socket: &Option<Fd<UnixStream>>| {
        assert_eq!(socket.as_ref().map(number_in), (!n.is_multiple_of(3)).then_some(n), "{n}");
    };
    let open = descriptors().len();
    for chunksize in [1, 7, 90] {
        let pool = pool.with_chunksize(chunksize);
        pool.map(socket_of, 0..99)?.iter().enumerate().for_each(|(n, socket)| check(n as u64, socket));
        let later = pool.map_async(socket_of, 0..99);
        later.get()?.iter().enumerate().for_each(|(n, socket)| check(n as u64, socket));
        for (n, socket) in pool.imap(socket_of, 0..1000).enumerate() {
            match n % 100 {
                99 => assert_eq!(message(socket), format!("task {n} has none")),
                _ => check(n as u64, &socket?),
            }
        }
        let arrived = pool.imap_unordered(socket_of, 0..1000).flatten().flatten();
        let mut numbers: Vec<_> = arrived.map(|socket| number_in(&socket)).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq((0..1000u64).filter(|n| !n.is_multiple_of(3) && n % 100 != 99)));
    }
    assert_eq!(descriptors().len(), open);
    Ok(())
}

fn process_returns_a_connection_and_ends() -> Result<()> {
    fn answer(question: Connection<Connection<u64, u64>, ()>) -> Connection<u64, u64> {
        let (ours, theirs) = pipe().unwrap();
        let (first, second) = pipe().unwrap();
        first.send(1).unwrap();
        ours.send(2).unwrap();
        question.send(second).unwrap();
        theirs
    }
    for method in METHODS {
        let (ours, theirs) = pipe::<(), Connection<u64, u64>>()?;
        let process = Process::builder().start_method(method).target(answer, (theirs,)).start()?;
        let (sent, returned) = (ours.recv()?, process.join()?);
        assert_eq!((sent.recv()?, returned.recv()?), (1, 2));
        // Their other ends were the process'.
        assert!(matches!((sent.recv(), returned.recv()), (Err(Error::Disconnected), Err(Error::Disconnected))));
    }
    Ok(())
}

fn large_and_traced_results_keep_their_handles() -> Result<()> {
    let make = |len: usize| (vec!["x".to_string(); len], socket_of(len as u64));
    for trace in [false, true] {
        let pool = Pool::builder().processes(2).trace(trace).build()?;
        for len in [1, 10, 2_000, 500_000] {
            let (texts, socket) = pool.apply(make, (len,))?;
            assert_eq!((texts.len(), number_in(&socket.unwrap())), (len, len as u64));
        }
        let several =
            pool.with_chunksize(10).map(make, (0..30usize).map(|n| n * 2_000 + 1).filter(|n| !n.is_multiple_of(3)))?;
        several.into_iter().for_each(|(texts, socket)| assert_eq!(texts.len() as u64, number_in(&socket.unwrap())));
        assert!(!trace || pool.trace().events().iter().all(|event| !event.failed));
    }
    Ok(())
}

fn handles_of_results_that_are_not_taken_are_closed() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let open = descriptors().len();
    drop(pool.apply_async(socket_of, (1,)));
    drop(pool.map_async(socket_of, 0..50));
    let late = pool.apply_async(socket_of, (1,));
    late.wait();
    assert!(descriptors().len() > open);
    drop(late);
    let failed = pool.map(socket_of, 50..150);
    assert_eq!(message(failed.map(|_| ())), "task 99 has none");
    pool.imap(socket_of, 0..50).nth(10).unwrap()?;
    eventually("all tasks have ended", || pool.statistics().queued == 0 && pool.statistics().running == 0);
    eventually("all descriptors are closed", || descriptors().len() == open);
    Ok(())
}

fn result_that_is_refused_leaves_no_descriptor() -> Result<()> {
    let pool = Pool::builder().processes(1).max_message(20_000).build()?;
    let count = || descriptors().len();
    let files = |count: usize| vec![Fd::new(File::open("/dev/null").unwrap()); count];
    let (worker, open) = (pool.apply(count, ())?, descriptors().len());
    for _ in 0..20 {
        let refused = pool.apply(files, (251,));
        assert!(matches!(&refused, Err(Error::Encode(text)) if text.contains("more than 250 handles")), "{refused:?}");
        let refused = pool.apply(|| (vec![(); 100_000], Fd::new(File::open("/dev/null").unwrap())), ());
        assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    }
    assert_eq!(pool.apply(files, (250,))?.len(), 250);
    assert_eq!((pool.apply(count, ())?, descriptors().len()), (worker, open));
    assert_eq!(pids(&pool).len(), 1);
    Ok(())
}

fn tasks_with_handles_return_handles() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let open = descriptors().len();
    // Each goes there and back, and no descriptor is taken for another.
    let back = |(n, socket, queue): (u64, Fd<UnixStream>, Queue<u64>)| {
        queue.put(n).unwrap();
        (queue, socket, n)
    };
    let queue = Queue::new()?;
    let numbers = (0..200u64).filter(|n| (3 * n + 1) % 100 != 99);
    let sockets = numbers.map(|n| (n, socket_of(3 * n + 1).unwrap(), queue.clone()));
    for (n, result) in pool.imap(back, sockets).enumerate() {
        let (queue, socket, number) = result?;
        assert_eq!((number_in(&socket), queue.try_get().is_ok()), (3 * number + 1, true), "{n}");
    }
    drop(queue);
    assert_eq!(descriptors().len(), open);
    Ok(())
}
