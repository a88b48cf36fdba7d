//! Channels: jobs with handles in them, between any number of processes, of which some are killed.
//!
//! Forks are for processes of one thread, so each test runs in a process of its own; see
//! `support/harness.rs`.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use multiproc::{Connection, Error, Executor, Fd, Pool, Process, Queue, Receiver, Result, Sender, channel, pipe};
use serde::{Deserialize, Serialize};

use crate::support::{METHODS, Named, Random, descriptors, named};

pub(crate) const TESTS: &[Named] = named! {
    jobs_with_their_replies_go_to_several_workers
    values_of_all_sizes_arrive_with_their_handles
    full_channel_returns_the_value_as_it_was
    each_side_is_told_that_the_other_is_gone
    ends_travel_through_channels_and_results
    values_that_nobody_receives_are_closed
    kills_lose_only_what_the_killed_had_taken
};

const SOON: Duration = Duration::from_millis(20);

/// A job: a number, and where its square goes.
type Job = (u64, Connection<u64, ()>);

fn work(jobs: Receiver<Job>) -> u64 {
    let answer = |job: Result<Job>| {
        let (n, reply) = job.unwrap();
        // Who has asked may be gone.
        let _ = reply.send(n * n);
    };
    jobs.iter().map(answer).count() as u64
}

fn jobs_with_their_replies_go_to_several_workers() -> Result<()> {
    for method in METHODS {
        let (sender, receiver) = channel()?;
        let start = |_| Process::builder().start_method(method).target(work, (receiver.clone(),)).start();
        let workers = (0..3).map(start).collect::<Result<Vec<_>>>()?;
        drop(receiver);
        let mut replies = Vec::new();
        for n in 0..100 {
            let (ours, theirs) = pipe()?;
            sender.send((n, theirs))?;
            replies.push(ours);
        }
        for (n, reply) in replies.into_iter().enumerate() {
            assert_eq!(reply.recv()?, (n * n) as u64, "{method:?}");
        }
        drop(sender);
        assert_eq!(workers.into_iter().map(Process::join).sum::<Result<u64>>()?, 100);
    }
    Ok(())
}

/// A socket from which `n` can be read.
fn socket_with(n: usize) -> Fd<UnixStream> {
    let (given, kept) = UnixStream::pair().unwrap();
    (&kept).write_all(&n.to_le_bytes()).unwrap();
    given.into()
}

fn number_in(socket: &Fd<UnixStream>) -> usize {
    let mut bytes = [0; 8];
    (&**socket).read_exact(&mut bytes).unwrap();
    usize::from_le_bytes(bytes)
}

fn values_of_all_sizes_arrive_with_their_handles() -> Result<()> {
    type Value = (Vec<u8>, Vec<Fd<UnixStream>>);
    fn send(sender: Sender<Value>, sizes: Vec<usize>) {
        for size in sizes {
            let sockets = (0..size % 7).map(|n| socket_with(size + n)).collect();
            sender.send((vec![size as u8; size], sockets)).unwrap();
        }
    }
    let sizes = vec![0, 1, 5, 1000, 32_700, 32_768, 33_000, 100_000, 3_000_004, 6];
    let (sender, receiver) = channel()?;
    let process = Process::new(send, (sender, sizes.clone())).start()?;
    for (size, value) in sizes.iter().zip(receiver.iter()) {
        let (bytes, sockets) = value?;
        assert_eq!(bytes, vec![*size as u8; *size]);
        let numbers: Vec<_> = sockets.iter().map(number_in).collect();
        assert_eq!(numbers, (0..size % 7).map(|n| size + n).collect::<Vec<_>>());
    }
    process.join()?;
    assert!(matches!(receiver.recv(), Err(Error::Disconnected)));
    let (sender, receiver) = channel()?;
    sender.send(vec![Fd::new(File::open("/dev/null")?); 250])?;
    assert_eq!(receiver.recv()?.len(), 250);
    let refused = sender.send(vec![Fd::new(File::open("/dev/null")?); 251]).unwrap_err();
    assert!(refused.error.to_string().contains("more than 250 handles"), "{}", refused.error);
    Ok(())
}

fn full_channel_returns_the_value_as_it_was() -> Result<()> {
    let (sender, receiver) = channel::<(u64, Connection<u64, u64>, Queue<u64>)>()?;
    let (mut kept, queue) = (Vec::new(), Queue::new()?);
    let refused = loop {
        let (ours, theirs) = pipe()?;
        kept.push(ours);
        if let Err(refused) = sender.try_send((kept.len() as u64, theirs, queue.clone())) {
            break refused;
        }
    };
    assert!(matches!(refused.error, Error::Full) && kept.len() > 50, "{}: {}", kept.len(), refused.error);
    let refused = sender.send_timeout(refused.value, SOON).unwrap_err();
    assert!(matches!(refused.error, Error::TimedOut { after: SOON, .. }), "{}", refused.error);
    let (number, connection, queue) = refused.value;
    connection.send(number)?;
    assert_eq!(kept[number as usize - 1].recv()?, number);
    // It can be sent after all, once there is room.
    let receive = |receiver: Receiver<(u64, Connection<u64, u64>, Queue<u64>)>, count: usize| {
        for _ in 0..count {
            let (number, connection, queue) = receiver.recv().unwrap();
            connection.send(10 * number).unwrap();
            queue.put(number).unwrap();
        }
    };
    let process = Process::new(receive, (receiver, kept.len())).start()?;
    sender.send((number, connection, queue.clone()))?;
    process.join()?;
    for (n, kept) in kept.iter().enumerate() {
        assert_eq!((kept.recv()?, queue.get()?), (10 * (n as u64 + 1), n as u64 + 1));
    }
    Ok(())
}

fn each_side_is_told_that_the_other_is_gone() -> Result<()> {
    for method in METHODS {
        let (sender, receiver) = channel::<u64>()?;
        assert!(matches!(receiver.try_recv(), Err(Error::Empty)));
        assert!(matches!(receiver.recv_timeout(SOON), Err(Error::TimedOut { .. })));
        let send = |sender: Sender<u64>| -> () {
            sender.send(5).unwrap();
            std::process::abort();
        };
        let process = Process::builder().start_method(method).target(send, (sender,)).start()?;
        assert_eq!(receiver.recv()?, 5);
        assert!(matches!(receiver.recv(), Err(Error::Disconnected)), "{method:?}");
        assert!(matches!(process.join(), Err(Error::WorkerLost { .. })));

        let (sender, receiver) = channel::<Connection<u64, u64>>()?;
        let forget = |_: Receiver<Connection<u64, u64>>| ();
        Process::builder().start_method(method).target(forget, (receiver,)).start()?.join()?;
        let (ours, theirs) = pipe()?;
        let refused = sender.send(theirs).unwrap_err();
        assert!(matches!(refused.error, Error::Disconnected), "{method:?}: {}", refused.error);
        refused.value.send(6)?;
        assert_eq!(ours.recv()?, 6);
    }
    Ok(())
}

fn ends_travel_through_channels_and_results() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let (sender, receiver) = pool.apply(|| channel::<(u64, Sender<u64>)>().unwrap(), ())?;
    let answer = |receiver: Receiver<(u64, Sender<u64>)>| {
        let (n, reply) = receiver.recv().unwrap();
        reply.send(n + 1).unwrap();
    };
    let task = pool.apply_async(answer, (receiver,));
    let (reply, replies) = channel()?;
    sender.send((7, reply))?;
    assert_eq!(replies.recv()?, 8);
    task.get()?;
    assert!(matches!(replies.recv(), Err(Error::Disconnected)));
    let error = serde_json::to_string(&sender).unwrap_err();
    assert!(error.to_string().contains("as an argument"), "{error}");
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct Circle {
    _file: Fd<UnixStream>,
    _own: Receiver<Self>,
}

fn values_that_nobody_receives_are_closed() -> Result<()> {
    let open = descriptors().len();
    for _ in 0..20 {
        let (sender, receiver) = channel()?;
        let (given, kept) = UnixStream::pair()?;
        // Its own receiver is among them: the kernel finds such circles.
        sender.send(Circle { _file: Fd::new(given), _own: receiver.clone() })?;
        drop((sender, receiver));
        // This end reads the end of the stream once the other is closed.
        assert_eq!((&kept).read(&mut [0])?, 0);
    }
    assert_eq!(descriptors().len(), open);
    Ok(())
}

fn kills_lose_only_what_the_killed_had_taken() -> Result<()> {
    const WORKERS: usize = 3;
    let open = descriptors().len();
    let (sender, receiver) = channel::<Job>()?;
    let start = || Process::builder().daemon(true).target(work, (receiver.clone(),)).start();
    let mut workers = (0..WORKERS).map(|_| start()).collect::<Result<Vec<_>>>()?;
    let (mut random, mut kills, mut lost) = (Random(7), 0, 0);
    for _ in 0..30 {
        let mut replies = Vec::new();
        for n in 0..50 {
            let (ours, theirs) = pipe()?;
            sender.send((n, theirs))?;
            replies.push(ours);
        }
        random.nap();
        let victim = random.below(WORKERS);
        workers[victim].kill()?;
        kills += 1;
        workers[victim] = start()?;
        for (n, reply) in replies.iter().enumerate() {
            match reply.recv() {
                Ok(square) => assert_eq!(square, (n * n) as u64),
                Err(Error::Disconnected) => lost += 1,
                Err(error) => return Err(error),
            }
        }
    }
    assert!(lost <= kills, "{lost} jobs were lost with {kills} workers");
    drop((sender, receiver, workers));
    assert_eq!(descriptors().len(), open);
    Ok(())
}
