//! A dictionary in the server; a namespace is one whose keys are names.

use std::sync::Mutex;

use indexmap::IndexMap;

use super::answer::{Answer, Outcome, lock, next};
use crate::manager::protocol::{Bytes, DictRequest, Failure, Values};

/// Keeps the order in which its keys came, as Python's dictionaries do.
pub(super) struct Dict(Mutex<IndexMap<Bytes, Bytes>>);

impl Dict {
    /// Of keys and values in turn.
    pub(super) fn new(mut values: Values<'_>) -> Result<Self, Failure> {
        let mut map = IndexMap::new();
        while let Some(key) = values.next() {
            map.insert(key.into(), next(&mut values)?.into());
        }
        Ok(Self(Mutex::new(map)))
    }

    pub(super) fn handle(&self, request: DictRequest, mut values: Values<'_>) -> Outcome {
        match request {
            DictRequest::Insert => {
                let (key, value) = (Bytes::from(next(&mut values)?), Bytes::from(next(&mut values)?));
                Answer::perhaps(lock(&self.0).insert(key, value))
            }
            DictRequest::Get => {
                let key = next(&mut values)?;
                Answer::perhaps(lock(&self.0).get(key).cloned())
            }
            DictRequest::Remove => {
                let key = next(&mut values)?;
                Answer::perhaps(lock(&self.0).shift_remove(key))
            }
            DictRequest::Contains => {
                let key = next(&mut values)?;
                Answer::flag(lock(&self.0).contains_key(key))
            }
            DictRequest::Len => Answer::count(lock(&self.0).len()),
            DictRequest::Clear => {
                let old = std::mem::take(&mut *lock(&self.0));
                drop(old);
                Answer::done()
            }
            DictRequest::Keys => Answer::values(lock(&self.0).keys().cloned()),
            DictRequest::Values => Answer::values(lock(&self.0).values().cloned()),
            DictRequest::Items => {
                Answer::values(lock(&self.0).iter().flat_map(|(key, value)| [key.clone(), value.clone()]))
            }
            DictRequest::Swap => {
                let (key, new) = (next(&mut values)?, Bytes::from(next(&mut values)?));
                let expected = values.next();
                let mut map = lock(&self.0);
                let same = map.get(key).map(|value| &**value) == expected;
                if same {
                    map.insert(key.into(), new);
                }
                Answer::flag(same)
            }
        }
    }
}
