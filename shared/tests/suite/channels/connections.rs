//! Connections in messages and arguments: each has one owner, and none is left open.

use std::time::Duration;

use multiproc::{Connection, Error, Executor, Pool, Process, Result, partial, pipe};

use super::echo;
use crate::support::{DEADLINE, Gate, Named, arrive, descriptors, eventually, named, pass};

pub(crate) const TESTS: &[Named] = named! {
    connection_can_be_sent_over_a_connection
    connections_sent_to_workers_are_closed_again
    lost_task_keeps_connections_of_others_intact
    connection_has_one_owner
    connections_in_chunks_of_any_size_arrive
    connection_outside_a_message_is_an_error
    tasks_behind_a_connection_go_to_other_workers
};

fn connection_can_be_sent_over_a_connection() -> Result<()> {
    let (ours, theirs) = pipe::<Connection<u64, u64>, ()>()?;
    fn serve(connection: Connection<(), Connection<u64, u64>>) -> u64 {
        let mut served = 0;
        while let Ok(inner) = connection.recv() {
            served += echo(inner);
        }
        served
    }
    let process = Process::new(serve, (theirs,)).start()?;
    for n in 0..20 {
        let (near, far) = pipe::<u64, u64>()?;
        ours.send(far)?;
        near.send(n)?;
        assert_eq!(near.recv()?, n);
    }
    drop(ours);
    assert_eq!(process.join()?, 20);
    Ok(())
}

fn connections_sent_to_workers_are_closed_again() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let (near, far): (Vec<_>, Vec<_>) = (0..300).map(|_| pipe::<(), u32>().unwrap()).unzip();
    fn greet(connection: Connection<u32, ()>, n: u32) -> usize {
        connection.send(n).unwrap();
        drop(connection);
        descriptors().len()
    }
    let open = pool.starmap(greet, far.into_iter().zip(0..))?;
    for (n, connection) in near.iter().enumerate() {
        assert_eq!(connection.recv()?, n as u32);
        assert!(matches!(connection.recv(), Err(Error::Disconnected)));
    }
    let afterwards = pool.apply(|| descriptors().len(), ())?;
    assert!(open.iter().all(|open| *open <= 2 * 150 + afterwards), "descriptors pile up in the workers: {open:?}");
    Ok(())
}

fn lost_task_keeps_connections_of_others_intact() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let (near, far): (Vec<_>, Vec<_>) = (0..100).map(|_| pipe::<(), u32>().unwrap()).unzip();
    fn greet(connection: Connection<u32, ()>, queue: multiproc::Queue<u32>, n: u32) {
        if n.is_multiple_of(10) {
            std::process::abort();
        }
        queue.put(n).unwrap();
        connection.send(n).unwrap();
    }
    let queue = multiproc::Queue::new()?;
    let tasks = far.into_iter().zip(0..).map(|(far, n)| (far, queue.clone(), n));
    let error = pool.with_chunksize(20).starmap(greet, tasks).unwrap_err();
    assert!(matches!(error, Error::WorkerLost { task: 0, .. }), "{error}");
    for (n, connection) in near.iter().enumerate() {
        match connection.recv() {
            Ok(greeting) => assert_eq!(greeting as usize, n),
            Err(Error::Disconnected) => assert!(n.is_multiple_of(10), "task {n} was lost"),
            Err(error) => return Err(error),
        }
    }
    assert_eq!(queue.len(), 90);
    Ok(())
}

fn connection_has_one_owner() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    // In a pool's state it can go to one worker; the other is told.
    let (ours, theirs) = pipe::<(), u32>()?;
    let gate = Gate::new();
    fn hold(connection: &Connection<u32, ()>, gate: std::path::PathBuf) -> bool {
        arrive(&gate);
        pass(gate);
        connection.send(1).is_ok()
    }
    let task = partial(hold, theirs);
    let outcomes = pool.map_async(task, vec![gate.path(), gate.path()]);
    gate.await_arrivals(1);
    gate.open();
    let error = outcomes.get().unwrap_err();
    assert!(error.to_string().contains("one owner"), "{error}");
    assert_eq!(ours.recv()?, 1);

    let (_ours, theirs) = pipe::<(), u32>()?;
    let error = Pool::builder().initializer(|_: Connection<u32, ()>| (), (theirs,)).build().unwrap_err();
    assert!(error.to_string().contains("one owner"), "{error}");
    Ok(())
}

/// Each travels alone, in whatever chunk it would have been.
fn connections_in_chunks_of_any_size_arrive() -> Result<()> {
    const PLACES: [u32; 8] = [0, 7, 8, 30, 31, 500, 990, 999];
    let pool = Pool::with_processes(2)?;
    let (ours, theirs): (Vec<_>, Vec<_>) = PLACES.map(|_| pipe::<(), u32>().unwrap()).into_iter().unzip();
    let mut ends = PLACES.into_iter().zip(theirs).peekable();
    let items: Vec<_> = (0..1000).map(|n| (n, ends.next_if(|(place, _)| *place == n).map(|(_, end)| end))).collect();
    let answer = |(n, end): (u32, Option<Connection<u32, ()>>)| end.map_or(Ok(()), |end| end.send(n)).map(|()| n);
    let answers = pool.map(answer, items)?.into_iter().collect::<Result<Vec<_>>>()?;
    assert!(answers.into_iter().eq(0..1000));
    for (place, end) in PLACES.iter().zip(ours) {
        assert_eq!(end.recv()?, *place);
    }
    Ok(())
}

fn connection_outside_a_message_is_an_error() -> Result<()> {
    let (ours, _theirs) = pipe::<u8, u8>()?;
    let error = serde_json::to_string(&ours).unwrap_err();
    assert!(error.to_string().contains("as an argument"), "{error}");
    let pool = Pool::with_processes(1)?;
    let write = || serde_json::to_string(&pipe::<u8, u8>().unwrap().0).unwrap_err().to_string();
    let error = pool.apply(write, ())?;
    assert!(error.contains("as an argument"), "{error}");
    Ok(())
}

fn tasks_behind_a_connection_go_to_other_workers() -> Result<()> {
    let pool = Pool::with_processes(2)?;
    let gate = Gate::new();
    let (ours, theirs) = pipe::<(), u32>()?;
    fn hold(_connection: Connection<u32, ()>, gate: std::path::PathBuf) {
        arrive(&gate);
        pass(gate);
    }
    let held = pool.apply_async(hold, (theirs, gate.path()));
    gate.await_arrivals(1);
    let sums: Vec<_> = (0..100u64).map(|n| pool.apply_async(crate::support::square, (n,))).collect();
    for (n, mut sum) in sums.into_iter().enumerate() {
        assert_eq!(sum.get_timeout(DEADLINE)?, (n * n) as u64);
    }
    assert!(!ours.poll(Duration::ZERO)?);
    gate.open();
    held.get()?;
    eventually("the worker drops its end", || ours.poll(Duration::ZERO).unwrap());
    Ok(())
}
