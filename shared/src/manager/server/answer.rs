//! What the objects answer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::manager::protocol::{Bytes, Failure, Reply, Values};

/// A reply and the values that go with it.
pub(super) struct Answer {
    pub(super) reply: Reply,
    pub(super) values: Vec<Bytes>,
}

pub(super) type Outcome = Result<Answer, Failure>;

impl Answer {
    pub(super) fn plain(reply: Reply) -> Outcome {
        Ok(Self { reply, values: Vec::new() })
    }

    pub(super) fn done() -> Outcome {
        Self::plain(Reply::Done)
    }

    pub(super) fn count(count: usize) -> Outcome {
        Self::plain(Reply::Count(count as u64))
    }

    pub(super) fn flag(flag: bool) -> Outcome {
        Self::plain(Reply::Flag(flag))
    }

    pub(super) fn values(values: impl IntoIterator<Item = Bytes>) -> Outcome {
        Ok(Self { reply: Reply::Values, values: values.into_iter().collect() })
    }

    pub(super) fn perhaps(value: Option<Bytes>) -> Outcome {
        value.map_or_else(|| Self::plain(Reply::Nothing), |value| Self::values([value]))
    }
}

/// The next of a request's values.
pub(super) fn next<'a>(values: &mut Values<'a>) -> Result<&'a [u8], Failure> {
    values.next().ok_or_else(|| Failure::Refused("a value is missing in the request".into()))
}

/// Locks what no thread leaves half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
