//! The web service keeps its deadline, refuses what is too much, notices clients that go, and
//! drains.

mod program;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use program::Program;

const CLIENTS: usize = 4;
/// Requests that each client makes at least.
const REQUESTS: u32 = 50;

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

#[test]
fn every_request_is_answered_while_workers_are_killed() {
    let mut server = Program::start(env!("CARGO_BIN_EXE_web"), &[]);
    let address = server.line();
    let (lost, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let until = Instant::now() + Duration::from_secs(60);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let (mut answered, mut well) = (0, 0);
                while answered < REQUESTS || well == 0 || lost.load(Relaxed) == 0 {
                    assert!(Instant::now() < until, "{answered} answers, {well} of them good, {lost:?} lost");
                    let (status, body) = answer(request(&address, "/work?ms=20&within_ms=30000"));
                    assert!([200, 502, 503].contains(&status), "{status}: {body}");
                    well += u32::from(status == 200);
                    lost.fetch_add(usize::from(status == 502), Relaxed);
                    answered += 1;
                }
                done.fetch_add(1, Relaxed);
            });
        }
        while done.load(Relaxed) < CLIENTS && Instant::now() < until {
            server.kill_one();
            thread::sleep(Duration::from_millis(50));
        }
    });
    server.terminate();
    assert_eq!(server.end(), (true, "drained\n".into(), String::new()));
}
