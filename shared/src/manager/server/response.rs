//! Responses of the server: a reply and the values that go with it.

use std::io::{self, ErrorKind};

use crate::manager::framed_stream::FramedStream;
use crate::manager::message::{Bytes, Values};
use crate::manager::protocol::{Failure, Reply};

/// A reply and the values that go with it.
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
            let failure = Failure::TooLarge { bytes, cap: max };
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

/// Returns the next of a request's values.
pub(super) fn next<'a>(values: &mut Values<'a>) -> Result<&'a [u8], Failure> {
    values.next().ok_or_else(|| Failure::Refused("a value is missing in the request".into()))
}
