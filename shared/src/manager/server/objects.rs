//! The objects of the server: lists, dictionaries and queues by number, and their names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use super::blocking_queue::Queue;
use crate::manager::message::{Bytes, Outcome, Response, Values};
use crate::manager::protocol::{DictRequest, Failure, Kind, ListRequest, ManagerId, Reply};

/// An object of the server. A namespace is a dictionary whose keys are names.
enum Object {
    List(List),
    Dict(Dict),
    Namespace(Dict),
    Queue(Arc<Queue>),
}

impl Object {
    fn new(kind: Kind, values: Values<'_>) -> Result<Self, Failure> {
        Ok(match kind {
            Kind::List => Self::List(List::new(values)),
            Kind::Dict => Self::Dict(Dict::new(values)?),
            Kind::Namespace => Self::Namespace(Dict::new(values)?),
            Kind::Queue(bound) => Self::Queue(Arc::new(Queue::new(bound))),
        })
    }

    fn kind(&self) -> Kind {
        match self {
            Self::List(_) => Kind::List,
            Self::Dict(_) => Kind::Dict,
            Self::Namespace(_) => Kind::Namespace,
            Self::Queue(_) => Kind::Queue(None),
        }
    }

    /// Returns the failure of a request that is for another kind of object.
    fn is_not(&self, kind: Kind) -> Failure {
        Failure::Refused(format!("the object is a {}, not a {}", self.kind().name(), kind.name()))
    }
}

/// The server's objects and their names.
pub(super) struct Objects {
    manager: ManagerId,
    max_message: u64,
    next: AtomicU64,
    objects: Mutex<HashMap<u64, Arc<Object>>>,
    names: Mutex<HashMap<String, u64>>,
}

impl Objects {
    /// Returns the objects of a manager, none so far.
    pub(super) fn new(manager: ManagerId, max_message: u64) -> Self {
        Self { manager, max_message, next: AtomicU64::new(1), objects: Mutex::default(), names: Mutex::default() }
    }

    /// Returns the most bytes of a message.
    pub(super) fn max_message(&self) -> u64 {
        self.max_message
    }

    /// Returns which manager this is.
    pub(super) fn welcome(&self) -> Outcome {
        Response::plain(Reply::Welcome { manager: self.manager, max_message: self.max_message })
    }

    /// Carries out a request to a list.
    pub(super) fn list(&self, number: u64, request: ListRequest, values: Values<'_>) -> Outcome {
        match &*self.get(number)? {
            Object::List(list) => list.handle(request, values),
            other => Err(other.is_not(Kind::List)),
        }
    }

    /// Carries out a request to a dictionary or namespace.
    pub(super) fn dict(&self, number: u64, request: DictRequest, values: Values<'_>) -> Outcome {
        match &*self.get(number)? {
            Object::Dict(dict) | Object::Namespace(dict) => dict.handle(request, values),
            other => Err(other.is_not(Kind::Dict)),
        }
    }

    /// Returns the queue of that number.
    pub(super) fn queue(&self, number: u64) -> Result<Arc<Queue>, Failure> {
        match &*self.get(number)? {
            Object::Queue(queue) => Ok(queue.clone()),
            other => Err(other.is_not(Kind::Queue(None))),
        }
    }

    fn get(&self, object: u64) -> Result<Arc<Object>, Failure> {
        let found = lock(&self.objects).get(&object).cloned();
        found.ok_or_else(|| Failure::Refused(format!("the manager has no object {object}")))
    }

    /// Makes an object of `values`.
    pub(super) fn create(&self, kind: Kind, values: Values<'_>) -> Outcome {
        let object = Arc::new(Object::new(kind, values)?);
        let number = self.next.fetch_add(1, Relaxed);
        lock(&self.objects).insert(number, object);
        Response::plain(Reply::Object(number))
    }

    /// Gives an object a name.
    pub(super) fn publish(&self, name: String, object: u64) -> Outcome {
        self.get(object)?;
        lock(&self.names).insert(name, object);
        Response::done()
    }

    /// Removes an object and its names. Clients that wait at a queue that is removed wait no more.
    pub(super) fn remove(&self, number: u64) -> Outcome {
        let object = lock(&self.objects).remove(&number);
        lock(&self.names).retain(|_, named| *named != number);
        if let Some(Object::Queue(queue)) = object.as_deref() {
            queue.discard();
        }
        Response::flag(object.is_some())
    }

    /// Returns the object of that name, which must be of this kind.
    pub(super) fn lookup(&self, name: &str, kind: Kind) -> Outcome {
        let number = lock(&self.names).get(name).copied();
        let number =
            number.ok_or_else(|| Failure::Refused(format!("the manager has published nothing as {name:?}")))?;
        let object = self.get(number)?;
        if std::mem::discriminant(&object.kind()) != std::mem::discriminant(&kind) {
            return Err(object.is_not(kind));
        }
        Response::plain(Reply::Object(number))
    }
}

struct List(Mutex<Vec<Bytes>>);

impl List {
    /// Returns a list of `values`.
    fn new(values: Values<'_>) -> Self {
        Self(Mutex::new(values.map(Bytes::from).collect()))
    }

    /// Carries out a request. Values are copied before the lock is taken, and old ones freed after
    /// it is released.
    fn handle(&self, request: ListRequest, mut values: Values<'_>) -> Outcome {
        match request {
            ListRequest::Push => {
                let new: Vec<Bytes> = values.map(Bytes::from).collect();
                lock(&self.0).extend(new);
                Response::done()
            }
            ListRequest::Get(at) => Response::optional(lock(&self.0).get(to_index(at)).cloned()),
            ListRequest::Set(at) => {
                let new = Bytes::from(values.required()?);
                let old = std::mem::replace(element(&mut lock(&self.0), at)?, new);
                drop(old);
                Response::done()
            }
            ListRequest::Insert(at) => {
                let new = values.required()?.into();
                let mut list = lock(&self.0);
                if to_index(at) > list.len() {
                    return Err(out_of_range(at, list.len()));
                }
                list.insert(to_index(at), new);
                Response::done()
            }
            ListRequest::Remove(at) => {
                let mut list = lock(&self.0);
                let there = to_index(at) < list.len();
                Response::optional(there.then(|| list.remove(to_index(at))))
            }
            ListRequest::Pop => Response::optional(lock(&self.0).pop()),
            ListRequest::Len => Response::count(lock(&self.0).len()),
            ListRequest::Clear => {
                let old = std::mem::take(&mut *lock(&self.0));
                drop(old);
                Response::done()
            }
            ListRequest::All => Response::values(lock(&self.0).iter().cloned()),
            ListRequest::Contains => {
                let sought = values.required()?;
                Response::flag(lock(&self.0).iter().any(|value| **value == *sought))
            }
            ListRequest::Swap(at) => {
                let (old, new) = (values.required()?, Bytes::from(values.required()?));
                let mut list = lock(&self.0);
                let element = element(&mut list, at)?;
                let same = **element == *old;
                if same {
                    *element = new;
                }
                Response::flag(same)
            }
        }
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

/// A dictionary, whose keys stay in the order in which they were inserted, as in Python.
struct Dict(Mutex<IndexMap<Bytes, Bytes>>);

impl Dict {
    /// Returns a dictionary of keys and values in turn.
    fn new(mut values: Values<'_>) -> Result<Self, Failure> {
        let mut map = IndexMap::new();
        while let Some(key) = values.next() {
            map.insert(key.into(), values.required()?.into());
        }
        Ok(Self(Mutex::new(map)))
    }

    /// Carries out a request.
    fn handle(&self, request: DictRequest, mut values: Values<'_>) -> Outcome {
        match request {
            DictRequest::Insert => {
                let (key, value) = (Bytes::from(values.required()?), Bytes::from(values.required()?));
                Response::optional(lock(&self.0).insert(key, value))
            }
            DictRequest::Get => {
                let key = values.required()?;
                Response::optional(lock(&self.0).get(key).cloned())
            }
            DictRequest::Remove => {
                let key = values.required()?;
                Response::optional(lock(&self.0).shift_remove(key))
            }
            DictRequest::Contains => {
                let key = values.required()?;
                Response::flag(lock(&self.0).contains_key(key))
            }
            DictRequest::Len => Response::count(lock(&self.0).len()),
            DictRequest::Clear => {
                let old = std::mem::take(&mut *lock(&self.0));
                drop(old);
                Response::done()
            }
            DictRequest::Keys => Response::values(lock(&self.0).keys().cloned()),
            DictRequest::Values => Response::values(lock(&self.0).values().cloned()),
            DictRequest::Items => {
                Response::values(lock(&self.0).iter().flat_map(|(key, value)| [key.clone(), value.clone()]))
            }
            DictRequest::Swap => {
                let (key, new) = (values.required()?, Bytes::from(values.required()?));
                let expected = values.next();
                let mut map = lock(&self.0);
                let same = map.get(key).map(|value| &**value) == expected;
                if same {
                    map.insert(key.into(), new);
                }
                Response::flag(same)
            }
        }
    }
}

/// Locks what no thread leaves half changed, so that a poisoned lock is as good as any.
fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
