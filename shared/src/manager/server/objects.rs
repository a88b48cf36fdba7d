//! All that the server holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::answer::{Answer, Outcome, lock};
use super::dict::Dict;
use super::list::List;
use super::queue::Queue;
use crate::manager::protocol::{Failure, Kind, Reply, Values};

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

    /// The failure of a request that is for another kind of object.
    pub(super) fn is_no(&self, kind: Kind) -> Failure {
        Failure::Refused(format!("the object is a {}, not a {}", self.kind().name(), kind.name()))
    }
}

/// The server's objects, and their names.
pub(super) struct Objects {
    pub(super) manager: u128,
    /// The most bytes of a message.
    pub(super) cap: u64,
    next: AtomicU64,
    objects: Mutex<HashMap<u64, Arc<Object>>>,
    names: Mutex<HashMap<String, u64>>,
}

impl Objects {
    pub(super) fn new(manager: u128, cap: u64) -> Self {
        Self { manager, cap, next: AtomicU64::new(1), objects: Mutex::default(), names: Mutex::default() }
    }

    pub(super) fn get(&self, object: u64) -> Result<Arc<Object>, Failure> {
        let found = lock(&self.objects).get(&object).cloned();
        found.ok_or_else(|| Failure::Refused(format!("the manager has no object {object}")))
    }

    pub(super) fn create(&self, kind: Kind, values: Values<'_>) -> Outcome {
        let object = Arc::new(Object::new(kind, values)?);
        let number = self.next.fetch_add(1, Relaxed);
        lock(&self.objects).insert(number, object);
        Answer::plain(Reply::Object(number))
    }

    pub(super) fn publish(&self, name: String, object: u64) -> Outcome {
        self.get(object)?;
        lock(&self.names).insert(name, object);
        Answer::done()
    }

    /// Those who wait at a queue that goes wait no more.
    pub(super) fn remove(&self, number: u64) -> Outcome {
        let object = lock(&self.objects).remove(&number);
        lock(&self.names).retain(|_, named| *named != number);
        if let Some(Object::Queue(queue)) = object.as_deref() {
            queue.discard();
        }
        Answer::flag(object.is_some())
    }

    pub(super) fn lookup(&self, name: &str, kind: Kind) -> Outcome {
        let number = lock(&self.names).get(name).copied();
        let number =
            number.ok_or_else(|| Failure::Refused(format!("the manager has published nothing as {name:?}")))?;
        let object = self.get(number)?;
        if std::mem::discriminant(&object.kind()) != std::mem::discriminant(&kind) {
            return Err(object.is_no(kind));
        }
        Answer::plain(Reply::Object(number))
    }
}
