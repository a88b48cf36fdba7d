//! Sessions: the requests of one client, one after the other, in a thread of their own.

use std::io;
use std::sync::Arc;
use std::thread;

use super::blocking_queue::{Queue, WaitError};
use super::objects::Objects;
use crate::error::Error;
use crate::manager::framed_stream::FramedStream;
use crate::manager::message::{Bytes, Outcome, Response, Values};
use crate::manager::protocol::{Failure, QueueRequest, Request};

/// The size of a session's stack: a session calls nothing deep.
const STACK: usize = 256 * 1024;

/// A session with one client.
pub(super) struct Session {
    stream: FramedStream,
    objects: Arc<Objects>,
}

/// The end of a session.
struct Ended;

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl Session {
    /// Returns a session with the client at the other end of `stream`.
    pub(super) fn new(stream: FramedStream, objects: &Arc<Objects>) -> Self {
        Self { stream, objects: objects.clone() }
    }

    /// Serves the client in a new thread. If there can be no more threads the client finds its
    /// connection closed.
    pub(super) fn spawn(self) {
        let _ = thread::Builder::new().name("mp-session".into()).stack_size(STACK).spawn(move || self.serve());
    }

    /// Serves the client until it closes its end.
    pub(super) fn serve(&self) {
        while self.serve_one().is_ok() {}
    }

    /// Receives one request and responds to it.
    fn serve_one(&self) -> Result<(), Ended> {
        let objects = &*self.objects;
        let frame = match self.stream.receive(objects.max_message()) {
            Ok(Some(frame)) => frame,
            Err(Error::TooLarge { bytes, max, .. }) => {
                self.send(Err(Failure::TooLarge { bytes, max }))?;
                return Err(Ended);
            }
            Ok(None) | Err(_) => return Err(Ended),
        };
        let Some((request, values)) = Values::parse::<Request>(&frame) else {
            self.send(Err(Failure::Refused("the request makes no sense".into())))?;
            return Err(Ended);
        };
        let outcome = match request {
            Request::Hello => objects.welcome(),
            Request::Create(kind) => objects.create(kind, values),
            Request::Publish { name, object } => objects.publish(name, object),
            Request::Remove(object) => objects.remove(object),
            Request::Lookup { name, kind } => objects.lookup(&name, kind),
            Request::List(object, request) => objects.list(object, request, values),
            Request::Dict(object, request) => objects.dict(object, request, values),
            Request::Queue(object, request) => match objects.queue(object) {
                Ok(queue) => return self.serve_queue(&queue, request, values),
                Err(failure) => Err(failure),
            },
        };
        self.send(outcome)
    }

    /// Responds to a request that may have to wait, or that hands over a value which there is only
    /// once.
    fn serve_queue(&self, queue: &Queue, request: QueueRequest, mut values: Values<'_>) -> Result<(), Ended> {
        let outcome = match request {
            QueueRequest::Put(timeout) => {
                values.required().map_err(WaitError::from).and_then(|value| queue.put(value, timeout, &self.stream))
            }
            QueueRequest::Get(timeout) => match queue.take(timeout, &self.stream) {
                Ok(value) => return self.hand_over(queue, value),
                Err(error) => Err(error),
            },
            QueueRequest::Len => return self.send(Response::count(queue.len())),
            QueueRequest::Close => {
                queue.close();
                Ok(())
            }
            QueueRequest::TaskDone => queue.task_done().map_err(WaitError::from),
            QueueRequest::Join(timeout) => queue.join(timeout, &self.stream),
        };
        match outcome {
            Ok(()) => self.send(Response::done()),
            Err(WaitError::Failed(failure)) => self.send(Err(failure)),
            Err(WaitError::ClientGone) => Err(Ended),
        }
    }

    /// Sends a value to the client, and puts it back unless the client confirms that it has it.
    fn hand_over(&self, queue: &Queue, value: Bytes) -> Result<(), Ended> {
        let sent = self.send(Response::values([value.clone()]));
        match sent.and_then(|()| Ok(self.stream.read_by(&mut [0], None)?)) {
            Ok(()) => {
                queue.confirm();
                Ok(())
            }
            Err(ended) => {
                queue.put_back(value);
                Err(ended)
            }
        }
    }

    fn send(&self, outcome: Outcome) -> Result<(), Ended> {
        Ok(Response::send(outcome, &self.stream, self.objects.max_message())?)
    }
}
