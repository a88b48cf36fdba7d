//! The answer to a call: the manager's reply and the values that came with it.

use crate::error::{Error, Result};
use crate::manager::message::Values;
use crate::manager::protocol::Reply;
use crate::manager::random::ManagerId;

/// A reply, and the values that came with it.
///
/// The methods that return what the answer is fail with [`Error::Decode`] if it is something else.
#[derive(Debug)]
pub(in crate::manager) struct Answer {
    reply: Reply,
    frame: Vec<u8>,
    /// Where the values begin in the frame.
    values_at: usize,
}

impl Answer {
    /// Reads an answer from its frame.
    pub(super) fn parse(frame: Vec<u8>) -> Result<Self> {
        let (reply, values) = Values::parse::<Reply>(&frame).ok_or_else(unexpected)?;
        let values_at = frame.len() - values.len();
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
    pub(in crate::manager) fn object(&self) -> Result<u64> {
        match self.reply {
            Reply::Object(number) => Ok(number),
            _ => Err(unexpected()),
        }
    }

    /// Fails unless the request was carried out and there is nothing to return.
    pub(in crate::manager) fn done(&self) -> Result<()> {
        if self.reply == Reply::Done { Ok(()) } else { Err(unexpected()) }
    }

    /// Returns a number of values.
    pub(in crate::manager) fn count(&self) -> Result<usize> {
        match self.reply {
            Reply::Count(count) => usize::try_from(count).map_err(|_| unexpected()),
            _ => Err(unexpected()),
        }
    }

    /// Returns the answer to a question for yes or no.
    pub(in crate::manager) fn flag(&self) -> Result<bool> {
        match self.reply {
            Reply::Flag(flag) => Ok(flag),
            _ => Err(unexpected()),
        }
    }

    /// Returns all values.
    pub(in crate::manager) fn values(&self) -> Result<impl Iterator<Item = &[u8]>> {
        if self.has_values() { Ok(Values::of(&self.frame[self.values_at..])) } else { Err(unexpected()) }
    }

    /// Returns the one value; `None` if there is none.
    pub(in crate::manager) fn value(&self) -> Result<Option<&[u8]>> {
        match self.reply {
            Reply::Nothing => Ok(None),
            _ => self.values()?.next().map(Some).ok_or_else(unexpected),
        }
    }
}

fn unexpected() -> Error {
    Error::Decode("the manager's answer makes no sense".into())
}
