//! The requests of the clients and the replies of the server, and what identifies a manager.
//!
//! Values travel behind a request or reply, as a [message](super::message) says; those of each
//! request stand in brackets here.

use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The number that tells a manager from all others, also from those of other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManagerId(u128);

impl ManagerId {
    /// Returns a new identifier.
    pub(super) fn random() -> Result<Self> {
        random_bytes().map(u128::from_ne_bytes).map(Self)
    }
}

/// Returns bytes that cannot be guessed, such as a fresh nonce.
pub(super) fn random_bytes<const LEN: usize>() -> Result<[u8; LEN]> {
    const { assert!(LEN <= 256) };
    let mut bytes = [0; LEN];
    // Up to 256 bytes come whole, or not at all if a signal comes before the system has any:
    // getrandom(2).
    retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))
        .map_err(|error| Error::io("cannot get random bytes", error))?;
    Ok(bytes)
}

/// The kinds of objects that the server can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    List,
    Dict,
    Namespace,
    /// With its capacity, if it is bounded.
    Queue(Option<u64>),
}

impl Kind {
    /// Returns the name of the kind for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Dict => "dictionary",
            Self::Namespace => "namespace",
            Self::Queue(_) => "queue",
        }
    }
}

/// A request of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Asks which manager this is: [`Reply::Welcome`].
    Hello,
    /// Makes an object of the values that follow: [`Reply::Object`].
    Create(Kind),
    /// Gives an object a name.
    Publish {
        name: String,
        object: u64,
    },
    /// Removes an object; [`Reply::Flag`] is whether there was one.
    Remove(u64),
    /// Asks for the object of that name, which must be of this kind: [`Reply::Object`].
    Lookup {
        name: String,
        kind: Kind,
    },
    List(u64, ListRequest),
    /// To a dictionary or namespace.
    Dict(u64, DictRequest),
    Queue(u64, QueueRequest),
}

/// A request to a list.
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
    /// Replaces the element if it is still the old one: `[old, new]`, [`Reply::Flag`].
    Swap(u64),
}

/// A request to a dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum DictRequest {
    /// `[key, value]`; the old value is returned.
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
    /// Sets the value if it is still the old one: `[key, new, old]`, or `[key, new]` if there was
    /// none. [`Reply::Flag`].
    Swap,
}

/// A request to a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum QueueRequest {
    /// `[new]`
    Put(Timeout),
    /// After [`Reply::Values`] the client confirms with one byte that it has the value.
    Get(Timeout),
    Len,
    Close,
    TaskDone,
    Join(Timeout),
}

/// The time that a request may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Timeout {
    /// It does not wait.
    Zero,
    After(Duration),
    Never,
}

impl Timeout {
    /// Returns when the time is up; `None` is never.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Zero => Some(Instant::now()),
            Self::After(time) => Instant::now().checked_add(time),
            Self::Never => None,
        }
    }
}

/// A request to an object of one kind.
pub(super) trait ObjectRequest {
    /// Returns the request to the object of that number.
    fn to(self, object: u64) -> Request;
}

impl ObjectRequest for ListRequest {
    fn to(self, object: u64) -> Request {
        Request::List(object, self)
    }
}

impl ObjectRequest for DictRequest {
    fn to(self, object: u64) -> Request {
        Request::Dict(object, self)
    }
}

impl ObjectRequest for QueueRequest {
    fn to(self, object: u64) -> Request {
        Request::Queue(object, self)
    }
}

/// A reply of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The manager that this is, and the most bytes of a message to or from it.
    Welcome {
        manager: ManagerId,
        max_message: u64,
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

/// The reason why the server did not do what was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    /// The request is wrong, or asks for what is not there; the text says how.
    Refused(String),
    /// The object isn't in a state in which the request is possible.
    InvalidState(String),
    TooLarge {
        bytes: u64,
        max: u64,
    },
    Full,
    Empty,
    Closed,
    TimedOut(Duration),
    /// A system call of the server failed.
    System(i32),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(text) => Self::Config(text),
            Failure::InvalidState(text) => Self::InvalidState(text),
            Failure::TooLarge { bytes, max } => Self::too_large(bytes, max),
            Failure::Full => Self::Full,
            Failure::Empty => Self::Empty,
            Failure::Closed => Self::Closed,
            Failure::TimedOut(after) => Self::timed_out(after),
            Failure::System(errno) => {
                Self::io("the manager's process was refused by its system", std::io::Error::from_raw_os_error(errno))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_managers_have_the_same_identifier() {
        assert_ne!(ManagerId::random().unwrap(), ManagerId::random().unwrap());
    }
}
