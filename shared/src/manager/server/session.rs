//! One client's requests, one after the other, in a thread of their own.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::thread;

use super::answer::{Answer, Outcome, next};
use super::objects::{Object, Objects};
use super::queue::{Queue, Unmet};
use crate::error::Error;
use crate::manager::protocol::{Bytes, Failure, Kind, QueueRequest, Reply, Request, Values};
use crate::manager::stream::Stream;

/// Bytes of stack: a session calls nothing deep.
const STACK: usize = 256 * 1024;

/// Why a session is over.
pub(super) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// Serves a client until it goes. If there can be no more threads it is turned away: it finds its
/// connection closed.
pub(super) fn start(stream: Stream, objects: &Arc<Objects>) {
    let objects = objects.clone();
    let serve = move || while serve_one(&stream, &objects).is_ok() {};
    let _ = thread::Builder::new().name("mp-session".into()).stack_size(STACK).spawn(serve);
}

/// Takes one request and answers it.
pub(super) fn serve_one(stream: &Stream, objects: &Objects) -> Result<(), Over> {
    let frame = match stream.receive(objects.cap) {
        Ok(Some(frame)) => frame,
        Err(Error::TooLarge { bytes, cap }) => {
            send(stream, objects.cap, Err(Failure::TooLarge { bytes, cap }))?;
            return Err(Over);
        }
        Ok(None) | Err(_) => return Err(Over),
    };
    let Some((request, values)) = Values::after::<Request>(&frame).filter(|(_, values)| values.are_whole()) else {
        send(stream, objects.cap, Err(Failure::Refused("the request makes no sense".into())))?;
        return Err(Over);
    };
    let outcome = match request {
        Request::Hello => Answer::plain(Reply::Welcome { manager: objects.manager, cap: objects.cap }),
        Request::Create(kind) => objects.create(kind, values),
        Request::Publish { name, object } => objects.publish(name, object),
        Request::Remove(object) => objects.remove(object),
        Request::Lookup { name, kind } => objects.lookup(&name, kind),
        Request::List(object, request) => objects.get(object).and_then(|object| match &*object {
            Object::List(list) => list.handle(request, values),
            other => Err(other.is_no(Kind::List)),
        }),
        Request::Dict(object, request) => objects.get(object).and_then(|object| match &*object {
            Object::Dict(dict) | Object::Namespace(dict) => dict.handle(request, values),
            other => Err(other.is_no(Kind::Dict)),
        }),
        Request::Queue(object, request) => match objects.get(object) {
            Ok(object) => match &*object {
                Object::Queue(queue) => return serve_queue(stream, objects.cap, queue, request, values),
                other => Err(other.is_no(Kind::Queue(None))),
            },
            Err(failure) => Err(failure),
        },
    };
    Ok(send(stream, objects.cap, outcome)?)
}

/// Answers a request that may have to wait, or that hands over a value which there is only once.
fn serve_queue(
    stream: &Stream,
    cap: u64,
    queue: &Queue,
    request: QueueRequest,
    mut values: Values<'_>,
) -> Result<(), Over> {
    let outcome = match request {
        QueueRequest::Put(wait) => {
            next(&mut values).map_err(Unmet::from).and_then(|value| queue.put(value, wait, stream))
        }
        QueueRequest::Get(wait) => match queue.take(wait, stream) {
            Ok(value) => return hand_over(stream, cap, queue, value),
            Err(unmet) => Err(unmet),
        },
        QueueRequest::Len => return Ok(send(stream, cap, Answer::count(queue.len()))?),
        QueueRequest::Close => {
            queue.close();
            Ok(())
        }
        QueueRequest::TaskDone => queue.task_done().map_err(Unmet::from),
        QueueRequest::Join(wait) => queue.join(wait, stream),
    };
    match outcome {
        Ok(()) => Ok(send(stream, cap, Answer::done())?),
        Err(Unmet::Failed(failure)) => Ok(send(stream, cap, Err(failure))?),
        Err(Unmet::Gone) => Err(Over),
    }
}

/// Gives a value to the client, and takes it back unless the client says that it has it.
fn hand_over(stream: &Stream, cap: u64, queue: &Queue, value: Bytes) -> Result<(), Over> {
    let handed = send(stream, cap, Answer::values([value.clone()])).and_then(|()| stream.read_by(&mut [0], None));
    match handed {
        Ok(()) => {
            queue.confirm();
            Ok(())
        }
        Err(_) => {
            queue.put_back(value);
            Err(Over)
        }
    }
}

fn send(stream: &Stream, cap: u64, outcome: Outcome) -> io::Result<()> {
    let answer = outcome.unwrap_or_else(|failure| Answer { reply: Reply::Failed(failure), values: Vec::new() });
    let head = encode(&answer.reply)?;
    let bytes = answer.values.iter().map(|value| value.len() as u64 + 8).sum::<u64>() + head.len() as u64;
    if bytes > cap && !answer.values.is_empty() {
        return stream.send([&*encode(&Reply::Failed(Failure::TooLarge { bytes, cap }))?].into_iter());
    }
    let lengths: Vec<[u8; 8]> = answer.values.iter().map(|value| (value.len() as u64).to_le_bytes()).collect();
    let values = lengths.iter().zip(&answer.values).flat_map(|(len, value)| [&len[..], &value[..]]);
    stream.send(std::iter::once(&*head).chain(values))
}

fn encode(reply: &Reply) -> io::Result<Vec<u8>> {
    postcard::to_allocvec(reply).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}
