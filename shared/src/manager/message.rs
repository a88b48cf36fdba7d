//! Messages: a request or reply, and the values that go with it.
//!
//! A frame is a [`Request`](super::protocol::Request) or [`Reply`] in postcard and then values,
//! each preceded by its length (u64, little endian). The server does not decode values: it stores,
//! compares and returns their bytes. A client writes a [`Message`] and reads an [`Answer`], which
//! the server writes as a [`Response`].

use std::io::{self, ErrorKind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::framed_stream::FramedStream;
use super::protocol::{Failure, ManagerId, Reply};
use crate::error::{Error, Result};

/// The bytes of a value in the server.
pub(super) type Bytes = Arc<[u8]>;

/// A request that is being written.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// Returns a message of `request` without values.
    pub(super) fn new(request: &impl Serialize) -> Result<Self> {
        let bytes = postcard::to_allocvec(request).map_err(|error| Error::Encode(error.to_string().into()))?;
        Ok(Self { bytes })
    }

    /// Appends the value that `encode` writes to the end of the vector.
    pub(super) fn append(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        encode(&mut self.bytes)?;
        let len = (self.bytes.len() - at - 8) as u64;
        self.bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
        Ok(())
    }

    /// Appends a value that is encoded already.
    pub(super) fn append_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.append(|out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// Returns the frame.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The values of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// Reads a frame: its request or reply, and its values. Returns `None` if it is none, or if a
    /// value is cut short.
    pub(super) fn parse<T: Deserialize<'a>>(frame: &'a [u8]) -> Option<(T, Self)> {
        Self::split(frame).filter(|(_, values)| values.are_whole())
    }

    fn split<T: Deserialize<'a>>(frame: &'a [u8]) -> Option<(T, Self)> {
        postcard::take_from_bytes(frame).ok().map(|(head, rest)| (head, Self(rest)))
    }

    /// Returns the values that are the whole of `bytes`.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the next value of a request that must have one.
    pub(super) fn required(&mut self) -> Result<&'a [u8], Failure> {
        self.next().ok_or_else(|| Failure::Refused("a value is missing in the request".into()))
    }

    /// Returns whether each value is where its length says.
    fn are_whole(&self) -> bool {
        let mut rest = *self;
        while rest.next().is_some() {}
        rest.0.is_empty()
    }
}

/// Ends before a value that is cut short.
impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.0.split_first_chunk::<8>()?;
        let (value, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*len)).ok()?)?;
        self.0 = rest;
        Some(value)
    }
}

/// A reply that was received, and the values that came with it.
///
/// The methods that return what the answer is fail with [`Error::Decode`] if it is something else.
#[derive(Debug)]
pub(super) struct Answer {
    reply: Reply,
    frame: Vec<u8>,
    /// Where the values begin in the frame.
    values_at: usize,
}

impl Answer {
    /// Reads an answer from its frame.
    pub(super) fn parse(frame: Vec<u8>) -> Result<Self> {
        let (reply, values) = Values::parse::<Reply>(&frame).ok_or_else(unexpected)?;
        let values_at = frame.len() - values.0.len();
        Ok(Self { reply, frame, values_at })
    }

    /// Returns the answer, or the failure that it is.
    pub(super) fn checked(self) -> Result<Self> {
        match self.reply {
            Reply::Failed(failure) => Err(failure.into()),
            _ => Ok(self),
        }
    }

    /// Returns whether the answer is values.
    pub(super) fn has_values(&self) -> bool {
        self.reply == Reply::Values
    }

    /// Returns the manager's identifier and the most bytes of a message.
    pub(super) fn welcome(&self) -> Result<(ManagerId, u64)> {
        match self.reply {
            Reply::Welcome { manager, max_message } => Ok((manager, max_message)),
            _ => Err(unexpected()),
        }
    }

    /// Returns the number of an object.
    pub(super) fn object(&self) -> Result<u64> {
        match self.reply {
            Reply::Object(number) => Ok(number),
            _ => Err(unexpected()),
        }
    }

    /// Fails unless the request was carried out and there is nothing to return.
    pub(super) fn done(&self) -> Result<()> {
        if self.reply == Reply::Done { Ok(()) } else { Err(unexpected()) }
    }

    /// Returns a number of values.
    pub(super) fn count(&self) -> Result<usize> {
        match self.reply {
            Reply::Count(count) => usize::try_from(count).map_err(|_| unexpected()),
            _ => Err(unexpected()),
        }
    }

    /// Returns the answer to a question for yes or no.
    pub(super) fn flag(&self) -> Result<bool> {
        match self.reply {
            Reply::Flag(flag) => Ok(flag),
            _ => Err(unexpected()),
        }
    }

    /// Returns all values.
    pub(super) fn values(&self) -> Result<impl Iterator<Item = &[u8]>> {
        if self.has_values() { Ok(Values::of(&self.frame[self.values_at..])) } else { Err(unexpected()) }
    }

    /// Returns the one value; `None` if there is none.
    pub(super) fn value(&self) -> Result<Option<&[u8]>> {
        match self.reply {
            Reply::Nothing => Ok(None),
            _ => self.values()?.next().map(Some).ok_or_else(unexpected),
        }
    }
}

fn unexpected() -> Error {
    Error::Decode("the manager's answer makes no sense".into())
}

/// A reply that is being written, and the values that go with it.
pub(super) struct Response {
    reply: Reply,
    values: Vec<Bytes>,
}

/// The outcome of a request.
pub(super) type Outcome = Result<Response, Failure>;

impl Response {
    /// Returns a reply without values.
    pub(super) fn plain(reply: Reply) -> Outcome {
        Ok(Self { reply, values: Vec::new() })
    }

    /// Returns the response to a request that was carried out and returns nothing.
    pub(super) fn done() -> Outcome {
        Self::plain(Reply::Done)
    }

    /// Returns a number of values.
    pub(super) fn count(count: usize) -> Outcome {
        Self::plain(Reply::Count(count as u64))
    }

    /// Returns the answer to a question for yes or no.
    pub(super) fn flag(flag: bool) -> Outcome {
        Self::plain(Reply::Flag(flag))
    }

    /// Returns values.
    pub(super) fn values(values: impl IntoIterator<Item = Bytes>) -> Outcome {
        Ok(Self { reply: Reply::Values, values: values.into_iter().collect() })
    }

    /// Returns the one value, or that there is none.
    pub(super) fn optional(value: Option<Bytes>) -> Outcome {
        value.map_or_else(|| Self::plain(Reply::Nothing), |value| Self::values([value]))
    }

    /// Sends an outcome as a frame of at most `max` bytes. If its values are more, the failure that
    /// says so is sent instead.
    pub(super) fn send(outcome: Outcome, stream: &FramedStream, max: u64) -> io::Result<()> {
        let Self { reply, values } =
            outcome.unwrap_or_else(|failure| Self { reply: Reply::Failed(failure), values: Vec::new() });
        let head = encode(&reply)?;
        let bytes = values.iter().map(|value| value.len() as u64 + 8).sum::<u64>() + head.len() as u64;
        if bytes > max && !values.is_empty() {
            let failure = Failure::TooLarge { bytes, max };
            return stream.send([&*encode(&Reply::Failed(failure))?].into_iter());
        }
        let lengths: Vec<[u8; 8]> = values.iter().map(|value| (value.len() as u64).to_le_bytes()).collect();
        let values = lengths.iter().zip(&values).flat_map(|(len, value)| [&len[..], &value[..]]);
        stream.send(std::iter::once(&*head).chain(values))
    }
}

fn encode(reply: &Reply) -> io::Result<Vec<u8>> {
    postcard::to_allocvec(reply).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manager::protocol::{ListRequest, Request};

    #[test]
    fn values_are_read_as_they_were_written() {
        let request = Request::List(7, ListRequest::Push);
        let mut message = Message::new(&request).unwrap();
        for value in [&b"one"[..], b"", b"three"] {
            message.append_bytes(value).unwrap();
        }
        let (head, values) = Values::split::<Request>(message.bytes()).unwrap();
        assert!(head == request && values.are_whole());
        assert_eq!(values.collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        let short = &message.bytes()[..message.bytes().len() - 1];
        let (_, values) = Values::split::<Request>(short).unwrap();
        assert!(!values.are_whole());
        assert_eq!(values.count(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some((_, values)) = Values::split::<Request>(&bytes) {
                prop_assert!(values.map(|value| value.len() + 8).sum::<usize>() <= bytes.len());
            }
            if let Some((_, values)) = Values::split::<Reply>(&bytes) {
                prop_assert!(values.map(|value| value.len() + 8).sum::<usize>() <= bytes.len());
            }
        }
    }
}
