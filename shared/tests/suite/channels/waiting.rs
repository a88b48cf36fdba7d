//! Waiting for several objects of any kind.

use std::fs::File;
use std::io::{Write, pipe as os_pipe};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use multiproc::{
    Error, Event, Executor, Pool, PriorityQueue, Process, Queue, Result, Sender, ThreadPool, Waitable, channel, pipe,
    wait,
};

use crate::channels::{LONG, SHORT, put_late};
use crate::support::{Gate, Named, named, pass, square};

pub(crate) const TESTS: &[Named] = named! {
    wait_ends_with_whichever_object_is_ready
    queue_is_ready_when_get_would_not_wait
    queue_whose_producers_are_gone_is_ready
    result_with_a_callback_is_ready_once_that_has_run
    waits_leave_wake_ups_to_others
    wait_misses_nothing_however_close_it_comes
    wait_beside_a_receiving_thread_misses_nothing
    descriptors_of_the_program_are_waited_for
    receiver_of_a_channel_is_waited_for
};

/// A task: has the queue until the gate is open.
fn hold(_queue: Queue<u64>, gate: PathBuf) {
    pass(gate);
}

fn set_late(event: Event, gate: PathBuf) {
    pass(gate);
    event.set();
}

fn wait_ends_with_whichever_object_is_ready() -> Result<()> {
    let (gates, queue, event) = ([(); 5].map(|()| Gate::new()), Queue::new()?, Event::new()?);
    let (pool, threads) = (Pool::with_processes(1)?, ThreadPool::with_processes(1)?);
    let (ours, _theirs) = pipe::<(), u64>()?;
    let (mut far, near) = UnixStream::pair()?;
    let result = pool.submit(pass, (gates[0].path(),));
    let of_thread = threads.submit(pass, (gates[1].path(),));
    let putting = Process::new(put_late, (queue.clone(), gates[2].path(), 7)).start()?;
    let setting = Process::new(set_late, (event.clone(), gates[3].path())).start()?;
    let process = Process::new(pass, (gates[4].path(),)).start()?;

    let objects: [&dyn Waitable; 7] = [&ours, &near, &result, &of_thread, &queue, &event, &process];
    assert!(wait(&objects, Some(SHORT))?.is_empty());
    far.write_all(b"!")?;
    assert_eq!(wait(&objects, LONG)?, [1]);
    for (number, gate) in gates.iter().enumerate() {
        let left: Vec<&dyn Waitable> = [&objects[..1], &objects[number + 2..]].concat();
        assert!(wait(&left, Some(Duration::ZERO))?.is_empty());
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(SHORT / 10);
                gate.open();
            });
            assert_eq!(wait(&left, LONG).unwrap(), [1], "number {number}");
        });
    }
    assert_eq!(wait(&objects, LONG)?, [1, 2, 3, 4, 5, 6]);
    assert_eq!(queue.get()?, 7);
    assert_eq!(wait(&[&ours, &event], None)?, [1]);
    assert!(result.get()? > 0 && of_thread.get()? > 0);
    putting.join()?;
    setting.join()?;
    process.join()?;
    Ok(())
}

fn queue_is_ready_when_get_would_not_wait() -> Result<()> {
    let (first, least) = (Queue::bounded(1)?, PriorityQueue::new()?);
    let both: [&dyn Waitable; 2] = [&first, &least];
    assert!(wait(&both, Some(Duration::ZERO))?.is_empty());
    first.put(1)?;
    assert_eq!(wait(&both, None)?, [0]);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(&[&least], LONG));
        thread::sleep(SHORT / 10);
        least.put(2)?;
        assert_eq!(waiter.join().unwrap()?, [0]);
        Ok::<_, Error>(())
    })?;
    assert_eq!((first.get()?, least.get()?), (1, 2));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(&both, LONG));
        thread::sleep(SHORT / 10);
        least.close()?;
        assert_eq!(waiter.join().unwrap()?, [1]);
        Ok::<_, Error>(())
    })?;
    assert!(matches!(least.try_get(), Err(Error::Closed)));
    Ok(())
}

fn queue_whose_producers_are_gone_is_ready() -> Result<()> {
    let (queue, gate) = (Queue::<u64>::new()?, Gate::new());
    let process = Process::new(hold, (queue.clone(), gate.path())).start()?;
    assert!(wait(&[&queue], Some(SHORT))?.is_empty());
    gate.open();
    process.join()?;
    assert_eq!(wait(&[&queue], LONG)?, [0], "no process is left that could put anything");
    assert!(matches!(queue.get(), Err(Error::Disconnected)));
    Ok(())
}

fn result_with_a_callback_is_ready_once_that_has_run() -> Result<()> {
    let (pool, called) = (Pool::with_processes(1)?, Event::new()?);
    let calling = called.clone();
    let result = pool.submit(square, (3,)).callback(move |_| {
        thread::sleep(SHORT);
        calling.set();
    });
    assert_eq!(wait(&[&result], LONG)?, [0]);
    assert!(called.is_set());
    assert_eq!(result.get()?, 9);
    Ok(())
}

/// A waiter that only looks gets the wake-up that is meant for one which takes.
fn waits_leave_wake_ups_to_others() -> Result<()> {
    let queue = Queue::new()?;
    for n in 0..20u64 {
        let taker = Process::new(|queue: Queue<u64>| queue.get().unwrap(), (queue.clone(),)).start()?;
        let waiting = queue.clone();
        let waiter = thread::spawn(move || wait(&[&waiting], LONG));
        thread::sleep(Duration::from_millis(n));
        queue.put(n)?;
        assert_eq!(taker.join()?, n);
        queue.put(n)?;
        assert_eq!(waiter.join().unwrap()?, [0]);
        assert_eq!(queue.get()?, n);
    }
    Ok(())
}

fn wait_misses_nothing_however_close_it_comes() -> Result<()> {
    let (there, back, pool) = (Queue::new()?, Queue::new()?, Pool::with_processes(1)?);
    let (ours, theirs) = pipe::<u64, u64>()?;
    let echo = |there: Queue<u64>, back: Queue<u64>, end: multiproc::Connection<u64, u64>| {
        for n in there.iter() {
            let n = n.unwrap();
            if n % 2 == 0 { back.put(n).unwrap() } else { end.send(n).unwrap() }
        }
    };
    let process = Process::new(echo, (there.clone(), back.clone(), theirs)).start()?;
    for n in 0..400 {
        let result = pool.submit(square, (n,));
        there.put(n)?;
        let answer: &dyn Waitable = if n % 2 == 0 { &back } else { &ours };
        assert_eq!(wait(&[answer], LONG)?, [0], "answer {n}");
        assert_eq!(if n % 2 == 0 { back.try_get()? } else { ours.recv()? }, n);
        assert_eq!(wait(&[&back, &result, &ours], LONG)?, [1], "result {n}");
        assert_eq!(result.get()?, square(n));
    }
    there.close()?;
    process.join()
}

fn wait_beside_a_receiving_thread_misses_nothing() -> Result<()> {
    let (near, far) = pipe::<u64, u64>()?;
    thread::scope(|scope| {
        let receiver = scope.spawn(|| near.recv_timeout(Duration::from_secs(60)));
        let waiter = scope.spawn(|| wait(&[&near], LONG));
        thread::sleep(SHORT / 10);
        // One goes to the thread that receives, the other one is there for the one that waits.
        far.send(1)?;
        far.send(2)?;
        receiver.join().unwrap()?;
        assert_eq!(waiter.join().unwrap()?, [0]);
        near.recv()?;
        Ok::<_, Error>(())
    })
}

fn descriptors_of_the_program_are_waited_for() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (reader, writer) = os_pipe()?;
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().unwrap();
    let all: [&dyn Waitable; 3] = [&listener, &reader, &output];
    assert!(wait(&all, Some(SHORT / 10))?.is_empty());
    let client = TcpStream::connect(listener.local_addr()?)?;
    assert_eq!(wait(&all, LONG)?, [0]);
    let (server, _) = listener.accept()?;
    assert!(wait(&[&server, &listener], Some(Duration::ZERO))?.is_empty());
    drop(client);
    assert_eq!(wait(&[&server, &listener], LONG)?, [0], "the end is something to read");
    drop(writer);
    assert_eq!(wait(&all, LONG)?, [1]);
    drop(child.stdin.take());
    assert_eq!(wait(&[&output, &listener.as_fd()], LONG)?, [0]);
    child.wait()?;
    let file = File::open("/proc/self/cmdline")?;
    let owned = OwnedFd::from(file.try_clone()?);
    assert_eq!(wait(&[&file, &owned, &listener], None)?, [0, 1], "a file can always be read");
    Ok(())
}

/// A task: sends a value through a channel once the gate is open.
fn send_late(sender: Sender<u64>, gate: PathBuf) {
    pass(gate);
    sender.send(7).unwrap();
}

fn receiver_of_a_channel_is_waited_for() -> Result<()> {
    let (gate, queue, (sender, receiver)) = (Gate::new(), Queue::<u64>::new()?, channel()?);
    let process = Process::new(send_late, (sender, gate.path())).start()?;
    let objects: [&dyn Waitable; 2] = [&queue, &receiver];
    assert!(wait(&objects, Some(SHORT))?.is_empty());
    gate.open();
    assert_eq!(wait(&objects, LONG)?, [1]);
    assert_eq!(receiver.recv()?, 7);
    process.join()?;
    // No sender is left.
    assert_eq!(wait(&objects, LONG)?, [1]);
    assert!(matches!(receiver.recv(), Err(Error::Disconnected)));
    Ok(())
}
