//! What came back from the manager.

use crate::error::{Error, Result};
use crate::manager::protocol::{Reply, Values};

/// A reply, and the values that came with it.
#[derive(Debug)]
pub(in crate::manager) struct Answer {
    reply: Reply,
    frame: Vec<u8>,
    /// Where the values begin.
    at: usize,
}

impl Answer {
    pub(super) fn read(frame: Vec<u8>) -> Result<Self> {
        let (reply, values) =
            Values::after::<Reply>(&frame).filter(|(_, values)| values.are_whole()).ok_or_else(odd)?;
        let at = frame.len() - values.len();
        Ok(Self { reply, frame, at })
    }

    /// The answer, unless it is a failure.
    pub(super) fn checked(self) -> Result<Self> {
        match self.reply {
            Reply::Failed(failure) => Err(failure.into()),
            _ => Ok(self),
        }
    }

    pub(super) fn has_values(&self) -> bool {
        self.reply == Reply::Values
    }

    pub(super) fn welcome(&self) -> Result<(u128, u64)> {
        match self.reply {
            Reply::Welcome { manager, cap } => Ok((manager, cap)),
            _ => Err(odd()),
        }
    }

    pub(in crate::manager) fn object(&self) -> Result<u64> {
        match self.reply {
            Reply::Object(number) => Ok(number),
            _ => Err(odd()),
        }
    }

    pub(in crate::manager) fn done(&self) -> Result<()> {
        if self.reply == Reply::Done { Ok(()) } else { Err(odd()) }
    }

    pub(in crate::manager) fn count(&self) -> Result<usize> {
        match self.reply {
            Reply::Count(count) => usize::try_from(count).map_err(|_| odd()),
            _ => Err(odd()),
        }
    }

    pub(in crate::manager) fn flag(&self) -> Result<bool> {
        match self.reply {
            Reply::Flag(flag) => Ok(flag),
            _ => Err(odd()),
        }
    }

    /// All values.
    pub(in crate::manager) fn values(&self) -> Result<impl Iterator<Item = &[u8]>> {
        if self.has_values() { Ok(Values::of(&self.frame[self.at..])) } else { Err(odd()) }
    }

    /// The one value; `None` if there is none.
    pub(in crate::manager) fn value(&self) -> Result<Option<&[u8]>> {
        match self.reply {
            Reply::Nothing => Ok(None),
            _ => self.values()?.next().map(Some).ok_or_else(odd),
        }
    }
}

fn odd() -> Error {
    Error::Decode("the manager's answer makes no sense".into())
}
