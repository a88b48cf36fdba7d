//! Connections in async functions.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use multiproc::{Connection, Error, Process, Result, pipe};

use crate::runtimes::{block_on, in_tokio};
use crate::support::{Named, is_config, named};

pub(crate) const TESTS: &[Named] = named! {
    messages_outside_a_runtime_are_an_error
    async_messages_of_any_size_round_trip
    both_directions_of_a_connection_can_wait
    dropped_receive_loses_no_message
    dropped_partial_send_goes_out_with_the_next
    several_receivers_get_each_message_once
};

const SHORT: Duration = Duration::from_millis(3);

fn messages_outside_a_runtime_are_an_error() -> Result<()> {
    let (ours, theirs) = pipe::<u64, u64>()?;
    is_config(block_on(ours.recv_async()), "tokio runtime");
    let blind = tokio::runtime::Builder::new_current_thread().build()?;
    is_config(blind.block_on(ours.recv_async()), "enable_io");
    block_on(theirs.send_async(1))?;
    assert_eq!(block_on(ours.recv_async())?, 1, "without waiting no runtime is needed");
    Ok(())
}

fn echo(connection: Connection<Vec<u8>, Vec<u8>>) {
    while let Ok(message) = connection.recv() {
        connection.send(message).unwrap();
    }
}

fn async_messages_of_any_size_round_trip() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe()?;
        let process = Process::new(echo, (theirs,)).start()?;
        for size in [0, 1, 100, 100_000, 262_143, 3_000_000] {
            let message: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
            ours.send_async(message.clone()).await?;
            assert_eq!(ours.recv_async().await?, message);
        }
        drop(ours);
        process.join()
    })
}

fn both_directions_of_a_connection_can_wait() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<Vec<u8>, Vec<u8>>()?;
        let process = Process::new(echo, (theirs,)).start()?;
        let (ours, message) = (Arc::new(ours), vec![7u8; 1_000_000]);
        let (sender, copy) = (ours.clone(), message.clone());
        let sending = tokio::spawn(async move {
            for _ in 0..20 {
                sender.send_async(copy.clone()).await?;
            }
            Ok::<_, Error>(())
        });
        for _ in 0..20 {
            assert_eq!(ours.recv_async().await?, message);
        }
        sending.await.unwrap()?;
        drop(ours);
        process.join()
    })
}

fn dropped_receive_loses_no_message() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<(), Vec<u64>>()?;
        let send = |connection: Connection<Vec<u64>, ()>| {
            for n in 0..200u64 {
                connection.send(vec![n; if n % 50 == 0 { 100_000 } else { 1 }]).unwrap();
                thread::sleep(Duration::from_micros(n * 5));
            }
        };
        let process = Process::new(send, (theirs,)).start()?;
        let mut next = 0;
        while next < 200 {
            if let Ok(message) = tokio::time::timeout(Duration::from_micros(next * 7), ours.recv_async()).await {
                assert_eq!(message?[0], next);
                next += 1;
            }
        }
        process.join()?;
        assert!(matches!(ours.recv_async().await, Err(Error::Disconnected)));
        Ok(())
    })
}

fn dropped_partial_send_goes_out_with_the_next() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<Vec<u8>, ()>()?;
        assert!(tokio::time::timeout(SHORT, ours.send_async(vec![1; 1_000_000])).await.is_err());
        assert!(tokio::time::timeout(SHORT, ours.send_async(vec![2; 1_000_000])).await.is_err(), "not begun at all");
        let receiver = thread::spawn(move || (theirs.recv().unwrap(), theirs.recv().unwrap()));
        ours.send(vec![3; 10])?;
        assert_eq!(receiver.join().unwrap(), (vec![1; 1_000_000], vec![3; 10]));
        Ok(())
    })
}

fn several_receivers_get_each_message_once() -> Result<()> {
    in_tokio(|| async {
        let (ours, theirs) = pipe::<u64, u64>()?;
        let theirs = Arc::new(theirs);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let theirs = theirs.clone();
                tokio::spawn(async move {
                    let mut sum = 0;
                    while let Ok(n) = theirs.recv_async().await {
                        sum += n;
                    }
                    sum
                })
            })
            .collect();
        for n in 1..=100 {
            ours.send_async(n).await?;
            tokio::task::yield_now().await;
        }
        drop(ours);
        let mut sum = 0;
        for receiver in receivers {
            sum += receiver.await.unwrap();
        }
        assert_eq!(sum, 5050);
        Ok(())
    })
}
