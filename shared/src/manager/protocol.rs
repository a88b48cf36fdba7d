//! What a client asks and the server answers.
//!
//! A frame is a [`Request`] or [`Reply`] in postcard and then values, each preceded by its length
//! (u64, little endian). The values are the clients' own business: the server keeps, compares and
//! returns their bytes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The bytes of a value in the server.
pub(super) type Bytes = Arc<[u8]>;

/// What the server can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    List,
    Dict,
    Namespace,
    /// With so much room, if it is bounded.
    Queue(Option<u64>),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Dict => "dictionary",
            Self::Namespace => "namespace",
            Self::Queue(_) => "queue",
        }
    }
}

/// From a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Who are you? [`Reply::Welcome`].
    Hello,
    /// Make an object of the values that follow. [`Reply::Object`].
    Create(Kind),
    /// Give an object a name.
    Publish {
        name: String,
        object: u64,
    },
    /// Let go of an object. [`Reply::Flag`]: whether there was one.
    Remove(u64),
    /// Which object has that name? It must be of this kind. [`Reply::Object`].
    Lookup {
        name: String,
        kind: Kind,
    },
    List(u64, ListRequest),
    /// Of a dictionary or namespace.
    Dict(u64, DictRequest),
    Queue(u64, QueueRequest),
}

/// Of a list; values in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ListRequest {
    /// `[any]`
    Push,
    Get(u64),
    /// `[new]`
    Set(u64),
    /// `[new]`
    Insert(u64),
    Remove(u64),
    Pop,
    Len,
    Clear,
    All,
    /// `[sought]`
    Contains,
    /// Set if it is as it was: `[old, new]`. [`Reply::Flag`].
    Swap(u64),
}

/// Of a dictionary; values in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DictRequest {
    /// `[key, value]`; the old value comes back.
    Insert,
    /// `[key]`
    Get,
    /// `[key]`
    Remove,
    /// `[key]`
    Contains,
    Len,
    Clear,
    Keys,
    Values,
    /// Keys and values in turn.
    Items,
    /// Set if it is as it was: `[key, new, old]`, or `[key, new]` if there was nothing.
    /// [`Reply::Flag`].
    Swap,
}

/// Of a queue; values in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum QueueRequest {
    /// `[new]`
    Put(Patience),
    /// After [`Reply::Values`] the client says with one byte that it has the value.
    Get(Patience),
    Len,
    Close,
    TaskDone,
    Join(Patience),
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Patience {
    None,
    AtMost(Duration),
    Endless,
}

impl Patience {
    /// Until when; `None` is for ever.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::None => Some(Instant::now()),
            Self::AtMost(time) => Instant::now().checked_add(time),
            Self::Endless => None,
        }
    }
}

/// From the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// This is the manager of that number, and takes messages of up to `cap` bytes.
    Welcome {
        manager: u128,
        cap: u64,
    },
    Object(u64),
    Done,
    Count(u64),
    Flag(bool),
    /// There is no such value.
    Nothing,
    /// Values follow.
    Values,
    Failed(Failure),
}

/// Why the server did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    /// The client is at fault, or asks for what is not there; the text says how.
    Refused(String),
    TooLarge {
        bytes: u64,
        cap: u64,
    },
    Full,
    Empty,
    Closed,
    TimedOut(Duration),
    /// The system refused the server something.
    System(i32),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(text) => Self::Config(text),
            Failure::TooLarge { bytes, cap } => Self::TooLarge { bytes, cap },
            Failure::Full => Self::Full,
            Failure::Empty => Self::Empty,
            Failure::Closed => Self::Closed,
            Failure::TimedOut(after) => Self::TimedOut { after, pid: None },
            Failure::System(errno) => {
                Self::io("the manager's process was refused by its system", std::io::Error::from_raw_os_error(errno))
            }
        }
    }
}

/// A request that is being written.
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(request: &Request) -> Result<Self> {
        let bytes = postcard::to_allocvec(request).map_err(|error| Error::Encode(error.to_string()))?;
        Ok(Self { bytes })
    }

    /// Appends a value.
    pub(super) fn value(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 8]);
        encode(&mut self.bytes)?;
        let len = (self.bytes.len() - at - 8) as u64;
        self.bytes[at..at + 8].copy_from_slice(&len.to_le_bytes());
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The values of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    /// Reads the beginning of a frame; `None` if it is none.
    pub(super) fn after<T: Deserialize<'a>>(frame: &'a [u8]) -> Option<(T, Self)> {
        postcard::take_from_bytes(frame).ok().map(|(head, rest)| (head, Self(rest)))
    }

    /// Those that are the whole of `bytes`.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Bytes of all values and their lengths.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether each value is where its length says.
    pub(super) fn are_whole(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_come_out_as_they_went_in() {
        let request = Request::List(7, ListRequest::Push);
        let mut message = Message::new(&request).unwrap();
        for value in [&b"one"[..], b"", b"three"] {
            message.put_bytes(value).unwrap();
        }
        let (head, values) = Values::after::<Request>(message.bytes()).unwrap();
        assert!(head == request && values.are_whole());
        assert_eq!(values.collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        let short = &message.bytes()[..message.bytes().len() - 1];
        let (_, values) = Values::after::<Request>(short).unwrap();
        assert!(!values.are_whole());
        assert_eq!(values.count(), 2);
    }

    proptest! {
        #[test]
        fn any_frame_is_a_request_or_a_reply_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some((_, values)) = Values::after::<Request>(&bytes) {
                prop_assert!(values.map(|value| value.len() + 8).sum::<usize>() <= bytes.len());
            }
            if let Some((_, values)) = Values::after::<Reply>(&bytes) {
                prop_assert!(values.map(|value| value.len() + 8).sum::<usize>() <= bytes.len());
            }
        }
    }
}
