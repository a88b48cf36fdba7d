//! Dictionaries in the server; a namespace is one whose keys are names.

use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use super::response::{Outcome, Response, next};
use crate::manager::message::{Bytes, Values};
use crate::manager::protocol::{DictRequest, Failure};

/// A dictionary, whose keys stay in the order in which they were inserted, as in Python. No thread
/// leaves it half changed, so that a poisoned lock is as good as any.
pub(super) struct Dict(Mutex<IndexMap<Bytes, Bytes>>);

impl Dict {
    /// Returns a dictionary of keys and values in turn.
    pub(super) fn new(mut values: Values<'_>) -> Result<Self, Failure> {
        let mut map = IndexMap::new();
        while let Some(key) = values.next() {
            map.insert(key.into(), next(&mut values)?.into());
        }
        Ok(Self(Mutex::new(map)))
    }

    /// Carries out a request.
    pub(super) fn handle(&self, request: DictRequest, mut values: Values<'_>) -> Outcome {
        match request {
            DictRequest::Insert => {
                let (key, value) = (Bytes::from(next(&mut values)?), Bytes::from(next(&mut values)?));
                Response::optional(self.lock().insert(key, value))
            }
            DictRequest::Get => {
                let key = next(&mut values)?;
                Response::optional(self.lock().get(key).cloned())
            }
            DictRequest::Remove => {
                let key = next(&mut values)?;
                Response::optional(self.lock().shift_remove(key))
            }
            DictRequest::Contains => {
                let key = next(&mut values)?;
                Response::flag(self.lock().contains_key(key))
            }
            DictRequest::Len => Response::count(self.lock().len()),
            DictRequest::Clear => {
                let old = std::mem::take(&mut *self.lock());
                drop(old);
                Response::done()
            }
            DictRequest::Keys => Response::values(self.lock().keys().cloned()),
            DictRequest::Values => Response::values(self.lock().values().cloned()),
            DictRequest::Items => {
                Response::values(self.lock().iter().flat_map(|(key, value)| [key.clone(), value.clone()]))
            }
            DictRequest::Swap => {
                let (key, new) = (next(&mut values)?, Bytes::from(next(&mut values)?));
                let expected = values.next();
                let mut map = self.lock();
                let same = map.get(key).map(|value| &**value) == expected;
                if same {
                    map.insert(key.into(), new);
                }
                Response::flag(same)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, IndexMap<Bytes, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
