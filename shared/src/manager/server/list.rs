//! Lists in the server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::response::{Outcome, Response, next};
use crate::manager::message::{Bytes, Values};
use crate::manager::protocol::{Failure, ListRequest};

/// A list. No thread leaves it half changed, so that a poisoned lock is as good as any.
pub(super) struct List(Mutex<Vec<Bytes>>);

impl List {
    /// Returns a list of `values`.
    pub(super) fn new(values: Values<'_>) -> Self {
        Self(Mutex::new(values.map(Bytes::from).collect()))
    }

    /// Carries out a request. Values are copied before the lock is taken, and old ones freed after
    /// it is released.
    pub(super) fn handle(&self, request: ListRequest, mut values: Values<'_>) -> Outcome {
        match request {
            ListRequest::Push => {
                let new: Vec<Bytes> = values.map(Bytes::from).collect();
                self.lock().extend(new);
                Response::done()
            }
            ListRequest::Get(at) => Response::optional(self.lock().get(to_index(at)).cloned()),
            ListRequest::Set(at) => {
                let new = Bytes::from(next(&mut values)?);
                let old = std::mem::replace(element(&mut self.lock(), at)?, new);
                drop(old);
                Response::done()
            }
            ListRequest::Insert(at) => {
                let new = next(&mut values)?.into();
                let mut list = self.lock();
                if to_index(at) > list.len() {
                    return Err(out_of_range(at, list.len()));
                }
                list.insert(to_index(at), new);
                Response::done()
            }
            ListRequest::Remove(at) => {
                let mut list = self.lock();
                let there = to_index(at) < list.len();
                Response::optional(there.then(|| list.remove(to_index(at))))
            }
            ListRequest::Pop => Response::optional(self.lock().pop()),
            ListRequest::Len => Response::count(self.lock().len()),
            ListRequest::Clear => {
                let old = std::mem::take(&mut *self.lock());
                drop(old);
                Response::done()
            }
            ListRequest::All => Response::values(self.lock().iter().cloned()),
            ListRequest::Contains => {
                let sought = next(&mut values)?;
                Response::flag(self.lock().iter().any(|value| **value == *sought))
            }
            ListRequest::Swap(at) => {
                let (old, new) = (next(&mut values)?, Bytes::from(next(&mut values)?));
                let mut list = self.lock();
                let element = element(&mut list, at)?;
                let same = **element == *old;
                if same {
                    *element = new;
                }
                Response::flag(same)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns an index of the server; one that is too large for it is out of range anyway.
fn to_index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn element(list: &mut [Bytes], at: u64) -> Result<&mut Bytes, Failure> {
    let len = list.len();
    list.get_mut(to_index(at)).ok_or_else(|| out_of_range(at, len))
}

fn out_of_range(at: u64, len: usize) -> Failure {
    Failure::Refused(format!("index {at} is out of range for a list of {len}"))
}
