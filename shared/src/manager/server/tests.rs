//! Clients that break the protocol.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::objects::Objects;
use super::session::Session;
use crate::manager::framed_stream::FramedStream;
use crate::manager::message::{Message, Values};
use crate::manager::protocol::{
    DictRequest, Failure, Kind, ListRequest, ManagerId, QueueRequest, Reply, Request, Timeout,
};
use crate::sys::poll::await_readable;
use crate::sys::stream_socket::pair;

fn xorshift(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

fn objects() -> Arc<Objects> {
    let objects = Objects::new(ManagerId::random().unwrap(), 1 << 20);
    for kind in [Kind::List, Kind::Dict, Kind::Namespace, Kind::Queue(Some(2))] {
        assert!(objects.create(kind, Values::of(&[])).is_ok());
    }
    Arc::new(objects)
}

/// Returns the client's end of a session, and the thread that serves it: a panic of the server is
/// one of the thread.
fn session(objects: &Arc<Objects>) -> (FramedStream, thread::JoinHandle<()>) {
    let (ours, theirs) = pair().unwrap();
    let session = Session::new(FramedStream::new(theirs), objects);
    (FramedStream::new(ours), thread::spawn(move || session.serve()))
}

/// The longest wait for an answer that must come.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends bytes as a frame and waits for the answer; `None` if there is none.
fn ask(session: &FramedStream, frame: &[u8]) -> Option<Vec<u8>> {
    ask_for(session, frame, TIMEOUT)
}

fn ask_for(session: &FramedStream, frame: &[u8], timeout: Duration) -> Option<Vec<u8>> {
    session.send(std::iter::once(frame)).ok()?;
    let until = Instant::now() + timeout;
    if await_readable(session, Some(until)).ok()? { session.receive(u64::MAX).ok()? } else { None }
}

fn reply(frame: &[u8]) -> (Reply, Vec<&[u8]>) {
    let (reply, values) = Values::parse::<Reply>(frame).unwrap();
    (reply, values.collect())
}

fn message(request: &Request, values: &[&[u8]]) -> Vec<u8> {
    let mut message = Message::new(request).unwrap();
    values.iter().for_each(|value| message.append_bytes(value).unwrap());
    message.bytes().to_vec()
}

const LIST: u64 = 1;
const QUEUE: u64 = 4;

fn still_serves(objects: &Arc<Objects>) {
    let (session, server) = session(objects);
    let answer = ask(&session, &message(&Request::Hello, &[])).unwrap();
    assert!(matches!(reply(&answer).0, Reply::Welcome { max_message, .. } if max_message == 1 << 20));
    drop(session);
    server.join().unwrap();
}

#[test]
fn random_bytes_fail_their_own_session_only() {
    let (objects, mut seed) = (objects(), 0x1234_5678_9abc_def1);
    for _ in 0..3000 {
        let (session, server) = session(&objects);
        let len = xorshift(&mut seed) % 60;
        let bytes: Vec<u8> = (0..len).map(|_| xorshift(&mut seed) as u8).collect();
        if xorshift(&mut seed).is_multiple_of(2) {
            // As they are, so that they begin with a length, too.
            let _ = session.write_by(&bytes, None);
        } else {
            // A request's first byte is at least its kind.
            let bytes: Vec<u8> =
                bytes.iter().enumerate().map(|(at, byte)| if at < 3 { byte % 8 } else { *byte }).collect();
            let _ = session.send(std::iter::once(&*bytes));
        }
        drop(session);
        server.join().unwrap();
    }
    still_serves(&objects);
}

#[test]
fn any_request_to_any_object_with_any_values_is_answered_or_waits() {
    let (objects, mut seed) = (objects(), 0xfeed_beef_dead_0001);
    for _ in 0..3000 {
        let mut any = || xorshift(&mut seed) >> 5;
        let at = [0, 1, 2, u64::MAX][any() as usize % 4];
        let wait = [Timeout::Zero, Timeout::After(Duration::from_millis(1)), Timeout::Never][any() as usize % 3];
        use {DictRequest as D, ListRequest as L, QueueRequest as Q};
        let lists = [L::Push, L::Get(at), L::Set(at), L::Insert(at), L::Remove(at), L::Pop, L::Len, L::Clear, L::All];
        let dicts =
            [D::Insert, D::Get, D::Remove, D::Contains, D::Len, D::Clear, D::Keys, D::Values, D::Items, D::Swap];
        let queues = [Q::Put(wait), Q::Get(wait), Q::Len, Q::TaskDone, Q::Join(wait)];
        let object = any() % 6;
        let request = match any() % 8 {
            0 => Request::Create([Kind::List, Kind::Dict, Kind::Namespace, Kind::Queue(Some(at))][any() as usize % 4]),
            1 => Request::Publish { name: "x".into(), object },
            2 => Request::Lookup { name: ["x", "y"][any() as usize % 2].into(), kind: Kind::List },
            3 => Request::List(object, if at == 2 { L::Swap(any() % 3) } else { lists[any() as usize % 9].clone() }),
            4 => Request::Dict(object, dicts[any() as usize % 10].clone()),
            5 => Request::List(object, L::Contains),
            6 => Request::Remove(5 + object),
            _ => Request::Queue(object, queues[any() as usize % 5].clone()),
        };
        let values = [&b"a"[..], b"", b"bb", b"a"];
        let frame = message(&request, &values[..any() as usize % 5]);
        let (session, server) = session(&objects);
        let waits = matches!(&request, Request::Queue(_, Q::Put(_) | Q::Get(_) | Q::Join(_)));
        let answer = ask_for(&session, &frame, if waits { Duration::from_millis(30) } else { TIMEOUT });
        assert!(answer.is_some() || waits, "{request:?}");
        drop(session);
        server.join().unwrap();
    }
    still_serves(&objects);
}

#[test]
fn a_frame_over_the_cap_is_refused_by_its_length_alone() {
    let objects = objects();
    let (session, server) = session(&objects);
    session.write_by(&(2u64 << 20).to_le_bytes(), None).unwrap();
    let answer = session.receive(u64::MAX).unwrap().unwrap();
    assert!(matches!(reply(&answer).0, Reply::Failed(Failure::TooLarge { .. })));
    server.join().unwrap();
    still_serves(&objects);
}

#[test]
fn a_value_that_was_not_confirmed_goes_back_to_the_front() {
    let objects = objects();
    let put = |value: &[u8]| message(&Request::Queue(QUEUE, QueueRequest::Put(Timeout::Zero)), &[value]);
    let get = |timeout| message(&Request::Queue(QUEUE, QueueRequest::Get(timeout)), &[]);
    let (client, server) = session(&objects);
    for value in [b"1", b"2"] {
        assert_eq!(reply(&ask(&client, &put(value)).unwrap()).0, Reply::Done);
    }
    let (leaving, leaving_server) = session(&objects);
    assert_eq!(reply(&ask(&leaving, &get(Timeout::Zero)).unwrap()).1, [b"1"]);
    assert_eq!(reply(&ask(&client, &get(Timeout::Zero)).unwrap()).1, [b"2"]);
    client.write_by(&[1], None).unwrap();
    // Closed and empty, but for the value that may come back: that is not the end yet.
    ask(&client, &message(&Request::Queue(QUEUE, QueueRequest::Close), &[])).unwrap();
    assert_eq!(ask_for(&client, &get(Timeout::Never), Duration::from_millis(30)), None);
    drop(leaving);
    leaving_server.join().unwrap();
    let got = client.receive(u64::MAX).unwrap().unwrap();
    assert_eq!(reply(&got).1, [b"1"]);
    client.write_by(&[1], None).unwrap();
    let end = ask(&client, &get(Timeout::Never)).unwrap();
    assert_eq!(reply(&end).0, Reply::Failed(Failure::Closed));
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_request_sent_before_the_answer_ends_the_session() {
    let objects = objects();
    let (session, server) = session(&objects);
    let get = message(&Request::Queue(QUEUE, QueueRequest::Get(Timeout::Never)), &[]);
    session.send(std::iter::once(&*get)).unwrap();
    thread::sleep(Duration::from_millis(5));
    session.send(std::iter::once(&*message(&Request::List(LIST, ListRequest::Len), &[]))).unwrap();
    server.join().unwrap();
    still_serves(&objects);
}
