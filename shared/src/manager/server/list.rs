//! A list in the server.

use std::sync::Mutex;

use super::answer::{Answer, Outcome, lock, next};
use crate::manager::protocol::{Bytes, Failure, ListRequest, Values};

pub(super) struct List(Mutex<Vec<Bytes>>);

impl List {
    pub(super) fn new(values: Values<'_>) -> Self {
        Self(Mutex::new(values.map(Bytes::from).collect()))
    }

    /// Values are copied before the lock is taken, and old ones freed after it was let go.
    pub(super) fn handle(&self, request: ListRequest, mut values: Values<'_>) -> Outcome {
        match request {
            ListRequest::Push => {
                let new: Vec<Bytes> = values.map(Bytes::from).collect();
                lock(&self.0).extend(new);
                Answer::done()
            }
            ListRequest::Get(at) => Answer::perhaps(lock(&self.0).get(place(at)).cloned()),
            ListRequest::Set(at) => {
                let new = Bytes::from(next(&mut values)?);
                let old = std::mem::replace(slot(&mut lock(&self.0), at)?, new);
                drop(old);
                Answer::done()
            }
            ListRequest::Insert(at) => {
                let new = next(&mut values)?.into();
                let mut list = lock(&self.0);
                if place(at) > list.len() {
                    return Err(out_of_range(at, list.len()));
                }
                list.insert(place(at), new);
                Answer::done()
            }
            ListRequest::Remove(at) => {
                let mut list = lock(&self.0);
                let there = place(at) < list.len();
                Answer::perhaps(there.then(|| list.remove(place(at))))
            }
            ListRequest::Pop => Answer::perhaps(lock(&self.0).pop()),
            ListRequest::Len => Answer::count(lock(&self.0).len()),
            ListRequest::Clear => {
                let old = std::mem::take(&mut *lock(&self.0));
                drop(old);
                Answer::done()
            }
            ListRequest::All => Answer::values(lock(&self.0).iter().cloned()),
            ListRequest::Contains => {
                let sought = next(&mut values)?;
                Answer::flag(lock(&self.0).iter().any(|value| **value == *sought))
            }
            ListRequest::Swap(at) => {
                let (old, new) = (next(&mut values)?, Bytes::from(next(&mut values)?));
                let mut list = lock(&self.0);
                let slot = slot(&mut list, at)?;
                let same = **slot == *old;
                if same {
                    *slot = new;
                }
                Answer::flag(same)
            }
        }
    }
}

/// An index as the server's; one that is too large for it is out of range anyway.
fn place(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn slot(list: &mut [Bytes], at: u64) -> Result<&mut Bytes, Failure> {
    let len = list.len();
    list.get_mut(place(at)).ok_or_else(|| out_of_range(at, len))
}

fn out_of_range(at: u64, len: usize) -> Failure {
    Failure::Refused(format!("index {at} is out of range for a list of {len}"))
}
