//! The objects of the server, by number, and their names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::dict::Dict;
use super::list::List;
use super::queue::Queue;
use super::response::{Outcome, Response};
use crate::manager::message::Values;
use crate::manager::protocol::{Failure, Kind, Reply};
use crate::manager::random::ManagerId;

/// An object of the server.
pub(super) enum Object {
    List(List),
    Dict(Dict),
    Namespace(Dict),
    Queue(Queue),
}

impl Object {
    fn new(kind: Kind, values: Values<'_>) -> Result<Self, Failure> {
        Ok(match kind {
            Kind::List => Self::List(List::new(values)),
            Kind::Dict => Self::Dict(Dict::new(values)?),
            Kind::Namespace => Self::Namespace(Dict::new(values)?),
            Kind::Queue(bound) => Self::Queue(Queue::new(bound)),
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
    pub(super) fn is_not(&self, kind: Kind) -> Failure {
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

    /// Returns the object of that number.
    pub(super) fn get(&self, object: u64) -> Result<Arc<Object>, Failure> {
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

/// Locks a map, which no thread leaves half changed.
fn lock<K, V>(map: &Mutex<HashMap<K, V>>) -> MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}
