//! The web service keeps its deadline, refuses what is too much, notices clients that go, and
//! drains.

mod program;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use program::Program;

/// Sends a request, and leaves the reading of its answer to the caller.
fn request(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// Returns the status of an answer, and its body.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_string())
}

/// Waits until the status begins with `what`.
fn wait_for(address: &str, what: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let (_, text) = answer(request(address, "/status"));
        if text.starts_with(what) {
            return;
        }
        assert!(Instant::now() < until, "not {what}: {text}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn web_service_answers_refuses_cancels_and_drains() {
    let mut server = Program::start(env!("CARGO_BIN_EXE_web"), &[]);
    let address = server.line();

    assert_eq!(answer(request(&address, "/work?ms=10&within_ms=60000")), (200, "worked for 10 ms".into()));

    // The deadline ends a task that would run for an hour.
    assert_eq!(answer(request(&address, "/work?ms=3600000&within_ms=100")).0, 504);
    wait_for(&address, "2 submitted, 0 running, 1 cancelled");

    // A client that goes takes its task along, long before the deadline.
    let gone = request(&address, "/work?ms=3600000&within_ms=3600000");
    wait_for(&address, "3 submitted, 1 running, 1 cancelled");
    gone.shutdown(Shutdown::Both).unwrap();
    wait_for(&address, "3 submitted, 0 running, 2 cancelled");

    // Four are taken, two of which wait; the fifth is refused at once.
    let taken: Vec<_> = (0..4).map(|_| request(&address, "/work?ms=3600000&within_ms=3600000")).collect();
    wait_for(&address, "7 submitted, 2 running, 2 cancelled");
    assert_eq!(answer(request(&address, "/work?ms=10&within_ms=60000")).0, 503);
    drop(taken);
    wait_for(&address, "8 submitted, 0 running, 6 cancelled");

    // What was taken is answered after SIGTERM.
    let taken = request(&address, "/work?ms=500&within_ms=60000");
    wait_for(&address, "9 submitted");
    server.terminate();
    assert_eq!(answer(taken), (200, "worked for 500 ms".into()));
    assert_eq!(server.end(), (true, "drained\n".into(), String::new()));
}
