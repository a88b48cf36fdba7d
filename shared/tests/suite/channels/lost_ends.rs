//! Pipes and queues whose other ends are gone, and connections in values that are rejected.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use multiproc::{Connection, Error, Manager, PriorityQueue, Process, Queue, Result, pipe};
use serde::{Deserialize, Serialize, Serializer};

use super::{METHODS, SHORT};
use crate::support::{DEADLINE, Named, ProcessId, eventually, named};

pub(crate) const TESTS: &[Named] = named! {
    send_to_a_closed_end_is_an_error
    send_detects_a_dropped_end
    send_detects_a_killed_receiver
    send_detects_a_receiver_killed_awake_when_the_pipe_is_full
    end_sent_to_another_process_is_not_closed
    rejected_connection_is_returned_open
    connections_in_a_rejected_value_stay_open
    put_is_an_error_when_every_consumer_is_gone
    put_is_an_error_when_every_priority_consumer_is_gone
    put_waits_while_a_thread_of_this_process_consumes
};

fn send_to_a_closed_end_is_an_error() -> Result<()> {
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

fn send_detects_a_dropped_end() -> Result<()> {
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

fn send_detects_a_killed_receiver() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    let echo = |end: Connection<u64, u64>| while end.recv().and_then(|n| end.send(n)).is_ok() {};
    let child = Process::new(echo, (theirs,)).start()?;
    ours.send(1)?;
    assert_eq!(ours.recv()?, 1);
    // An end that dies awake has not said that it must be woken.
    let receiver = ProcessId::of(child.pid()).unwrap();
    eventually("the receiver waits for more", || receiver.is_asleep());
    child.kill()?;
    assert!(child.join().is_err());
    assert!(matches!(ours.send(2), Err(Error::Disconnected)));
    Ok(())
}

fn send_detects_a_receiver_killed_awake_when_the_pipe_is_full() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    let busy = |end: Connection<u64, u64>| {
        end.send(end.recv().unwrap()).unwrap();
        loop {
            std::hint::spin_loop();
        }
    };
    let child: Process<()> = Process::new(busy, (theirs,)).start()?;
    ours.send(1)?;
    assert_eq!(ours.recv()?, 1);
    child.kill()?;
    assert!(child.join().is_err());
    // Far more than there is room for, and none of it waits for ever.
    let refused = (0..1_000_000).find_map(|n| ours.send(n).err());
    assert!(matches!(refused, Some(Error::Disconnected)), "{refused:?}");
    Ok(())
}

fn end_sent_to_another_process_is_not_closed() -> Result<()> {
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

fn rejected_connection_is_returned_open() -> Result<()> {
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

fn connections_in_a_rejected_value_stay_open() -> Result<()> {
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

fn put_is_an_error_when_every_priority_consumer_is_gone() -> Result<()> {
    let queue = PriorityQueue::bounded(1)?;
    Process::new(|queue: PriorityQueue<u64>| drop(queue), (queue.clone(),)).start()?.join()?;
    queue.put(1)?;
    assert!(matches!(queue.put(2).unwrap_err().error, Error::Disconnected));
    Ok(())
}

fn put_waits_while_a_thread_of_this_process_consumes() -> Result<()> {
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
