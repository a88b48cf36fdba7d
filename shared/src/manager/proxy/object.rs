//! What every proxy is: the number of an object, and a connection to its manager.
//!
//! In the values that a manager stores, a proxy of the same manager is a number, and any other
//! handle is an error: the manager's process has no use for its descriptors.

use std::cell::RefCell;
use std::fmt;
#[cfg(feature = "manager-tcp")]
use std::net::SocketAddr;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::codec::{self, Source};
use crate::error::Result;
use crate::fds::{self, Descriptor, Travel};
use crate::kind::ObjectKind;
use crate::manager::client::{Endpoint, ServerConnection};
#[cfg(feature = "manager-tcp")]
use crate::manager::key::Key;
use crate::manager::message::{Answer, Message};
use crate::manager::protocol::{Kind, ManagerId, ObjectRequest, Request};
use crate::sys::memory::on_large_pages;
use crate::sys::socket;

const NO_HANDLES: &str = "a handle (connection, queue, lock, file, …) cannot be kept by a manager; its own lists, \
     dictionaries, namespaces and queues can";

const OTHER_MANAGER: &str = "a proxy can be kept by its own manager only, and this one is of another";

/// An object in a manager's process.
#[doc(hidden)]
#[derive(Clone)]
pub struct Object {
    connection: Arc<ServerConnection>,
    number: u64,
}

impl Object {
    /// Makes an object of the values that `fill` writes.
    pub(in crate::manager) fn create(
        connection: &Arc<ServerConnection>,
        kind: Kind,
        fill: impl FnOnce(&mut ValueWriter) -> Result<()>,
    ) -> Result<Self> {
        Self::of_request(connection, &Request::Create(kind), fill)
    }

    /// Returns the object that was published under that name.
    #[cfg(feature = "manager-tcp")]
    pub(in crate::manager) fn lookup(connection: &Arc<ServerConnection>, kind: Kind, name: &str) -> Result<Self> {
        Self::of_request(connection, &Request::Lookup { name: name.into(), kind }, |_| Ok(()))
    }

    fn of_request(
        connection: &Arc<ServerConnection>,
        request: &Request,
        fill: impl FnOnce(&mut ValueWriter) -> Result<()>,
    ) -> Result<Self> {
        let number = connection.call(&encode(connection, request, fill)?)?.object()?;
        Ok(Self { connection: connection.clone(), number })
    }

    /// Returns the number of the object, if it is one of that manager's.
    pub(in crate::manager) fn number_at(&self, manager: ManagerId) -> Option<u64> {
        (self.connection.manager() == manager).then_some(self.number)
    }

    /// Sends a request without values.
    pub(super) fn call(&self, request: impl ObjectRequest) -> Result<Answer> {
        self.call_with(request, |_| Ok(()))
    }

    /// Sends a request with the values that `fill` writes.
    pub(super) fn call_with(
        &self,
        request: impl ObjectRequest,
        fill: impl FnOnce(&mut ValueWriter) -> Result<()>,
    ) -> Result<Answer> {
        self.connection.call(&encode(&self.connection, &request.to(self.number), fill)?)
    }

    /// Sends a request for a value that there is only once, and confirms its arrival.
    pub(super) fn call_and_confirm(&self, request: impl ObjectRequest) -> Result<Answer> {
        self.connection.call_and_confirm(&encode(&self.connection, &request.to(self.number), |_| Ok(()))?)
    }

    /// Decodes a value of this manager.
    pub(super) fn decode<T: DeserializeOwned + 'static>(&self, bytes: &[u8]) -> Result<T> {
        within(&self.connection, || codec::decode_guarded(Source::Slice(bytes)))
    }

    /// Decodes a key of a dictionary, or a name, of this manager.
    pub(super) fn decode_key<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        within(&self.connection, || codec::guard_decoding(|| codec::decode_plain(bytes)))
    }

    /// Decodes the one value of an answer, if there is one.
    pub(super) fn decode_one<T: DeserializeOwned + 'static>(&self, answer: &Answer) -> Result<Option<T>> {
        answer.value()?.map(|bytes| self.decode(bytes)).transpose()
    }

    /// Decodes all values of an answer.
    pub(super) fn decode_all<T: DeserializeOwned + 'static>(&self, answer: &Answer) -> Result<Vec<T>> {
        answer.values()?.map(|bytes| self.decode(bytes)).collect()
    }

    /// Decodes all keys or names of an answer.
    pub(super) fn decode_keys<T: DeserializeOwned>(&self, answer: &Answer) -> Result<Vec<T>> {
        answer.values()?.map(|bytes| self.decode_key(bytes)).collect()
    }
}

/// Two proxies are equal if they stand for the same object.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.connection.manager() == other.connection.manager() && self.number == other.number
    }
}

impl Eq for Object {}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

/// Writes the values of a request.
pub(in crate::manager) struct ValueWriter(Message);

impl ValueWriter {
    /// Appends a value.
    pub(in crate::manager) fn value<T: Serialize + 'static>(&mut self, value: &T) -> Result<()> {
        self.0.append(|out| {
            if let Some(bytes) = codec::view(value) {
                out.reserve(bytes.len());
                on_large_pages(out);
            }
            codec::guard_encoding::<T>(|| codec::encode_ref(value, out))
        })
    }

    /// Appends a key of a dictionary, or a name. Equal keys must be equal bytes.
    pub(in crate::manager) fn key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<()> {
        self.0.append(|out| codec::guard_encoding::<K>(|| codec::encode_plain(key, out)))
    }

    /// Appends a value as the manager has sent it.
    pub(super) fn encoded(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.append_bytes(bytes)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<ServerConnection>>> = const { RefCell::new(None) };
}

/// Restores the former connection, also after a panic.
struct Restore(Option<Arc<ServerConnection>>);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.replace(self.0.take()));
    }
}

/// Returns the connection to the manager whose value this thread encodes or decodes now, if it
/// does.
fn current() -> Option<Arc<ServerConnection>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Runs `code`, which encodes or decodes a value that the manager behind `connection` stores.
fn within<R>(connection: &Arc<ServerConnection>, code: impl FnOnce() -> R) -> R {
    // A thread that ends has none any more: proxies cannot be in the value then.
    let former = CURRENT.try_with(|current| current.replace(Some(connection.clone())));
    let _restore = Restore(former.ok().flatten());
    fds::forbid(NO_HANDLES, code)
}

/// Returns the message of a request with the values that `fill` writes.
fn encode(
    connection: &Arc<ServerConnection>,
    request: &Request,
    fill: impl FnOnce(&mut ValueWriter) -> Result<()>,
) -> Result<Message> {
    connection.check()?;
    let mut writer = ValueWriter(Message::new(request)?);
    within(connection, || fill(&mut writer))?;
    Ok(writer.0)
}

/// A proxy as it is serialized.
#[derive(Serialize, Deserialize)]
enum SerializedProxy {
    /// In a value that its own manager stores: a process that reads it has a connection.
    Stored(u64),
    /// To a process on this machine.
    Local { manager: ManagerId, max_message: u64, number: u64, socket: LocalSocket },
    /// To a process on this machine, by a process that is connected by TCP.
    #[cfg(feature = "manager-tcp")]
    Tcp { manager: ManagerId, max_message: u64, number: u64, address: SocketAddr, key: Key },
}

/// The clients' end of the server's socket.
struct LocalSocket(Arc<Descriptor>);

impl Serialize for LocalSocket {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(&self.0, ObjectKind::ManagerListener, Travel::Shared, serializer)
    }
}

impl<'de> Deserialize<'de> for LocalSocket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let socket = fds::deserialize(ObjectKind::ManagerListener, deserializer)?;
        socket::check(&*socket).map_err(de::Error::custom)?;
        Ok(Self(socket))
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.connection.check().map_err(ser::Error::custom)?;
        let (manager, max_message) = (self.connection.manager(), self.connection.max_message());
        let number = self.number;
        let proxy = match (current(), self.connection.endpoint()) {
            (Some(connection), _) if connection.manager() == manager => SerializedProxy::Stored(number),
            (Some(_), _) => return Err(ser::Error::custom(OTHER_MANAGER)),
            (None, Endpoint::Local(socket)) => {
                SerializedProxy::Local { manager, max_message, number, socket: LocalSocket(socket.clone()) }
            }
            #[cfg(feature = "manager-tcp")]
            (None, Endpoint::Tcp(address, key)) => {
                SerializedProxy::Tcp { manager, max_message, number, address: *address, key: key.clone() }
            }
        };
        proxy.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (connection, number) = match (SerializedProxy::deserialize(deserializer)?, current()) {
            (SerializedProxy::Stored(number), Some(connection)) => (connection, number),
            (SerializedProxy::Local { manager, max_message, number, socket }, None) => {
                (ServerConnection::to(manager, max_message, Endpoint::Local(socket.0)), number)
            }
            #[cfg(feature = "manager-tcp")]
            (SerializedProxy::Tcp { manager, max_message, number, address, key }, None) => {
                (ServerConnection::to(manager, max_message, Endpoint::Tcp(address, key)), number)
            }
            _ => return Err(de::Error::custom("the proxy did not come from where it is read")),
        };
        Ok(Self { connection, number })
    }
}
