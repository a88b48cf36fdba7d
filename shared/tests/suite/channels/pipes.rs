//! Pipes: what is sent arrives, whole and in order, and the end of a process is the end of its
//! pipes.

use std::thread;
use std::time::Duration;

use multiproc::{Connection, Error, Process, Result, StartMethod, pipe, wait};
use serde::{Deserialize, Serialize};

use super::echo;
use crate::support::{DEADLINE, Gate, Named, named, pass};

pub(crate) const TESTS: &[Named] = named! {
    values_arrive_under_every_start_method
    messages_arrive_in_order
    messages_of_any_size_arrive_in_both_directions
    message_of_one_gib_arrives
    oversized_message_is_rejected
    bytes_arrive_unchanged
    end_of_the_pipe_comes_after_all_messages
    dropped_end_disconnects_while_its_process_lives
    killed_process_ends_its_pipes
    send_fails_when_the_receiver_is_killed
    waits_end_at_their_timeout
    wait_returns_which_of_several_is_ready
    waiting_process_uses_no_cpu_time
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Item {
    Number(i64),
    None,
    Text(String),
}

fn values_arrive_under_every_start_method() -> Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let (ours, theirs) = pipe::<Vec<Item>, Vec<Item>>()?;
        let process = Process::builder().start_method(method).target(echo, (theirs,)).start()?;
        let items = vec![Item::Number(42), Item::None, Item::Text("Hello".into())];
        ours.send(items.clone())?;
        assert_eq!(ours.recv()?, items);
        drop(ours);
        assert_eq!(process.join()?, 1);
    }
    Ok(())
}

fn messages_arrive_in_order() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    let process = Process::new(echo, (theirs,)).start()?;
    thread::scope(|scope| {
        scope.spawn(|| (0..20_000u64).for_each(|n| ours.send(n).unwrap()));
        for n in 0..20_000 {
            assert_eq!(ours.recv().unwrap(), n);
        }
    });
    drop(ours);
    assert_eq!(process.join()?, 20_000);
    Ok(())
}

fn messages_of_any_size_arrive_in_both_directions() -> Result<()> {
    let (ours, theirs) = pipe::<Vec<u8>, Vec<u8>>()?;
    let process = Process::new(echo, (theirs,)).start()?;
    for len in [0, 1, 7, 8, 4095, 65_536, 262_136, 262_144, 262_145, 1_000_003, 20_000_000] {
        let message: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8).collect();
        thread::scope(|scope| {
            scope.spawn(|| ours.send(message.clone()).unwrap());
            assert!(ours.recv().unwrap() == message, "{len} bytes came back changed");
        });
    }
    drop(ours);
    assert_eq!(process.join()?, 11);
    Ok(())
}

fn message_of_one_gib_arrives() -> Result<()> {
    let (ours, theirs) = pipe::<Vec<u8>, u64>()?;
    fn count(connection: Connection<u64, Vec<u8>>) {
        let bytes = connection.recv().unwrap();
        assert!(bytes.iter().step_by(4096).all(|byte| *byte == 7));
        connection.send(bytes.len() as u64).unwrap();
    }
    let process = Process::new(count, (theirs,)).start()?;
    ours.send(vec![7; 1 << 30])?;
    assert_eq!(ours.recv()?, 1 << 30);
    process.join()
}

fn oversized_message_is_rejected() -> Result<()> {
    let (ours, theirs) = pipe::<Vec<u8>, ()>()?;
    let ours = ours.with_max_message(1000);
    let error = ours.send(vec![1; 1001]).unwrap_err();
    assert!(error.to_string().contains("maximum of 1000 bytes"), "{error}");
    ours.send(vec![1; 1000])?;
    assert_eq!(theirs.recv()?.len(), 1000);
    // The maximum goes with the connection.
    fn exceed(connection: Connection<Vec<u8>, ()>) -> Result<()> {
        connection.send(vec![1; 1001])
    }
    let outcome = Process::new(exceed, (ours,)).start()?.join()?;
    assert!(matches!(outcome, Err(Error::TooLarge { bytes: 1001, max: 1000, .. })));
    Ok(())
}

fn bytes_arrive_unchanged() -> Result<()> {
    let (a, b) = pipe::<(), ()>()?;
    a.send_bytes(b"one")?;
    a.send_bytes(b"")?;
    assert_eq!(b.recv_bytes()?, b"one");
    assert_eq!(b.recv_bytes()?, b"");
    Ok(())
}

fn end_of_the_pipe_comes_after_all_messages() -> Result<()> {
    let (ours, theirs) = pipe::<(), u32>()?;
    let process =
        Process::new(|connection: Connection<u32, ()>| (0..3).for_each(|n| connection.send(n).unwrap()), (theirs,));
    let process = process.start()?;
    assert_eq!((ours.recv()?, ours.recv()?, ours.recv()?), (0, 1, 2));
    assert!(matches!(ours.recv(), Err(Error::Disconnected)));
    assert!(ours.poll(Duration::ZERO)?, "the end is something to receive");
    assert!(matches!(ours.send(()), Ok(()) | Err(Error::Disconnected)));
    process.join()
}

fn dropped_end_disconnects_while_its_process_lives() -> Result<()> {
    let gate = Gate::new();
    let (ours, theirs) = pipe::<(), u32>()?;
    fn drop_and_wait(connection: Connection<u32, ()>, gate: std::path::PathBuf) {
        drop(connection);
        pass(gate);
    }
    let process = Process::new(drop_and_wait, (theirs, gate.path())).start()?;
    assert!(matches!(ours.recv(), Err(Error::Disconnected)));
    assert!(process.is_alive());
    gate.open();
    process.join()
}

fn killed_process_ends_its_pipes() -> Result<()> {
    for waiting in [true, false] {
        let (ours, theirs) = pipe::<u32, u32>()?;
        let process = Process::new(echo, (theirs,)).start()?;
        ours.send(1)?;
        assert_eq!(ours.recv()?, 1);
        let outcome = thread::scope(|scope| {
            let reader = waiting.then(|| scope.spawn(|| ours.recv()));
            process.kill().unwrap();
            reader.map_or_else(|| ours.recv(), |reader| reader.join().unwrap())
        });
        assert!(matches!(outcome, Err(Error::Disconnected)), "{outcome:?}");
        assert!(process.join().is_err());
    }
    Ok(())
}

fn send_fails_when_the_receiver_is_killed() -> Result<()> {
    let (ours, theirs) = pipe::<Vec<u8>, ()>()?;
    fn die(_connection: Connection<(), Vec<u8>>) {
        std::process::abort()
    }
    let process = Process::new(die, (theirs,)).start()?;
    let outcome = ours.send(vec![0; 50_000_000]);
    assert!(matches!(outcome, Err(Error::Disconnected)), "{outcome:?}");
    assert!(process.join().is_err());
    Ok(())
}

fn waits_end_at_their_timeout() -> Result<()> {
    let (a, b) = pipe::<u8, u8>()?;
    assert!(matches!(b.try_recv(), Err(Error::Empty)));
    assert!(matches!(b.recv_timeout(Duration::from_millis(20)), Err(Error::TimedOut { pid: None, .. })));
    assert!(!b.poll(Duration::from_millis(20))?);
    a.send(5)?;
    assert!(b.poll(Duration::ZERO)?);
    assert_eq!(b.recv_timeout(DEADLINE)?, 5);
    Ok(())
}

fn wait_returns_which_of_several_is_ready() -> Result<()> {
    let gate = Gate::new();
    let (first, far_first) = pipe::<u8, u8>()?;
    let (second, far_second) = pipe::<u8, u8>()?;
    let process = Process::new(pass, (gate.path(),)).start()?;
    assert!(wait(&[&first, &second, &process], Some(Duration::from_millis(20)))?.is_empty());
    far_second.send(1)?;
    assert_eq!(wait(&[&first, &second, &process], None)?, [1]);
    second.recv()?;
    thread::scope(|scope| -> Result<()> {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            far_first.send(1).unwrap();
        });
        assert_eq!(wait(&[&first, &second, &process], None)?, [0]);
        Ok(())
    })?;
    first.recv()?;
    gate.open();
    assert_eq!(wait(&[&first, &second, &process], None)?, [2]);
    drop(far_first);
    assert_eq!(wait(&[&first, &second], None)?, [0], "the end of a pipe is something to receive");
    assert!(matches!(wait(&[], None), Err(Error::Config(_))));
    process.join()?;
    Ok(())
}

fn waiting_process_uses_no_cpu_time() -> Result<()> {
    let (ours, theirs) = pipe::<u8, u8>()?;
    let process = Process::new(echo, (theirs,)).start()?;
    ours.send(1)?;
    ours.recv()?;
    thread::sleep(Duration::from_millis(100));
    let before = crate::support::processor_ticks(process.pid());
    thread::sleep(Duration::from_secs(1));
    let used = crate::support::processor_ticks(process.pid()) - before;
    assert!(used <= 2, "{used} ticks of 10 ms in a second");
    drop(ours);
    process.join()?;
    Ok(())
}
