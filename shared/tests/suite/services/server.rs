//! The example of a server whose workers share a socket.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use multiproc::Result;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Named, Program, announce, eventually, holdings, named};

#[allow(dead_code, reason = "its main function")]
#[path = "../../../examples/preforking_server.rs"]
mod preforking_server;

pub(crate) const TESTS: &[Named] = named! {
    workers_of_a_server_share_its_socket
};

pub(crate) const PROGRAMS: &[Named] = named! {
    shares_a_socket
};

const WORKERS: usize = 3;

fn shares_a_socket() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    announce();
    preforking_server::run(listener, WORKERS)
}

/// Ends the line that a client has begun, and returns the process that answers.
fn answered(mut client: TcpStream) -> u32 {
    client.write_all(b"lo\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("serve-") && answer.ends_with("has read \"hello\"\n"), "{answer:?}");
    answer.split_once("(process ").unwrap().1.split_once(')').unwrap().0.parse().unwrap()
}

fn workers_of_a_server_share_its_socket() -> Result<()> {
    let mut server = Program::start("shares_a_socket");
    let address = server.line();
    let begin = || {
        let mut client = TcpStream::connect(&address).unwrap();
        client.write_all(b"hel").unwrap();
        client
    };
    // A worker that waits for the rest of a line takes no other client.
    let all_workers = || {
        let clients: Vec<_> = (0..WORKERS).map(|_| begin()).collect();
        let pids: BTreeSet<u32> = clients.into_iter().rev().map(answered).collect();
        assert_eq!(pids.len(), WORKERS);
        pids
    };
    let first = all_workers();
    let killed = *first.first().unwrap();
    kill(Pid::from_raw(killed as i32), Signal::SIGKILL).unwrap();
    eventually("it is gone", || kill(Pid::from_raw(killed as i32), None).is_err());
    let second = all_workers();
    assert!(!second.contains(&killed) && first.intersection(&second).count() == WORKERS - 1, "{first:?}, {second:?}");

    let open = || second.iter().map(|pid| holdings(*pid).1).sum::<usize>();
    let before = open();
    let last = begin();
    eventually("a worker has the last client", || open() > before);
    server.signal(Signal::SIGTERM);
    assert!(second.contains(&answered(last)), "a request that was begun is answered");
    let (status, printed) = server.end();
    assert!(status.success(), "{status}: {printed}");
    Ok(())
}
