//! What every proxy is: an object's number, and the way to its manager.

use std::fmt;
#[cfg(feature = "manager-tcp")]
use std::net::SocketAddr;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::codec::{self, Source};
use crate::error::Result;
use crate::fds::{self, Descriptor, Travel};
use crate::foreign;
use crate::kind::ObjectKind;
use crate::manager::client::{Answer, Link, Route, current, within};
#[cfg(feature = "manager-tcp")]
use crate::manager::key::Key;
use crate::manager::protocol::{Kind, Message, Request};
use crate::sys::large::on_large_pages;
use crate::sys::socket;

/// An object in a manager's process.
#[doc(hidden)]
#[derive(Clone)]
pub struct Object {
    pub(in crate::manager) link: Arc<Link>,
    pub(in crate::manager) number: u64,
}

impl Object {
    /// Makes an object of the values that `fill` appends.
    pub(in crate::manager) fn create(
        link: &Arc<Link>,
        kind: Kind,
        fill: impl FnOnce(&mut Message) -> Result<()>,
    ) -> Result<Self> {
        let number = link.call(&Request::Create(kind), fill)?.object()?;
        Ok(Self { link: link.clone(), number })
    }

    /// The object that was published under that name.
    #[cfg(feature = "manager-tcp")]
    pub(in crate::manager) fn lookup(link: &Arc<Link>, kind: Kind, name: &str) -> Result<Self> {
        let number = link.call(&Request::Lookup { name: name.into(), kind }, |_| Ok(()))?.object()?;
        Ok(Self { link: link.clone(), number })
    }

    /// A request that needs no values.
    pub(super) fn call(&self, request: Request) -> Result<Answer> {
        self.link.call(&request, |_| Ok(()))
    }

    /// A request with values, which `fill` appends.
    pub(super) fn call_with(&self, request: Request, fill: impl FnOnce(&mut Message) -> Result<()>) -> Result<Answer> {
        self.link.call(&request, fill)
    }

    /// A value of this manager's from its bytes.
    pub(super) fn decode<T: DeserializeOwned + 'static>(&self, bytes: &[u8]) -> Result<T> {
        within(&self.link, || foreign::decode(Source::Slice(bytes)))
    }

    /// A key or name of this manager's from its bytes.
    pub(super) fn decode_key<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T> {
        within(&self.link, || foreign::decode_by(|| codec::decode_plain(bytes)))
    }

    /// The one value of an answer.
    pub(super) fn decode_one<T: DeserializeOwned + 'static>(&self, answer: &Answer) -> Result<Option<T>> {
        answer.value()?.map(|bytes| self.decode(bytes)).transpose()
    }

    /// All values of an answer.
    pub(super) fn decode_all<T: DeserializeOwned + 'static>(&self, answer: &Answer) -> Result<Vec<T>> {
        answer.values()?.map(|bytes| self.decode(bytes)).collect()
    }
}

/// How values and keys are written into a message.
impl Message {
    pub(in crate::manager) fn put<T: Serialize + 'static>(&mut self, value: &T) -> Result<()> {
        self.value(|out| {
            if let Some(bytes) = codec::view(value) {
                out.reserve(bytes.len());
                on_large_pages(out);
            }
            foreign::encode::<T>(|| codec::encode_ref(value, out))
        })
    }

    pub(in crate::manager) fn put_key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<()> {
        self.value(|out| foreign::encode::<K>(|| codec::encode_plain(key, out)))
    }

    pub(in crate::manager) fn put_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.value(|out| {
            out.extend_from_slice(bytes);
            Ok(())
        })
    }
}

const OTHER: &str = "a proxy can be kept by its own manager only, and this one is of another";

/// Two proxies are equal if they stand for the same object.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.link.manager == other.link.manager && self.number == other.number
    }
}

impl Eq for Object {}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

/// A proxy as it travels.
#[derive(Serialize, Deserialize)]
enum Travelling {
    /// Within a value that its own manager keeps: whoever reads it there has a way to the manager.
    Inside(u64),
    /// To a process on this machine.
    Door { manager: u128, cap: u64, number: u64, door: Door },
    /// The same, for a proxy that came by TCP.
    #[cfg(feature = "manager-tcp")]
    Tcp { manager: u128, cap: u64, number: u64, address: SocketAddr, key: Key },
}

/// The outer side of the manager's front door.
struct Door(Arc<Descriptor>);

impl Serialize for Door {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fds::serialize(&self.0, ObjectKind::Door, Travel::Shared, serializer)
    }
}

impl<'de> Deserialize<'de> for Door {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let door = fds::deserialize(ObjectKind::Door, deserializer)?;
        socket::check(&*door).map_err(de::Error::custom)?;
        Ok(Self(door))
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Link { manager, cap, route, .. } = &*self.link;
        self.link.check().map_err(ser::Error::custom)?;
        let (manager, cap, number) = (*manager, *cap, self.number);
        let travelling = match (current(), route) {
            (Some(link), _) if link.manager == manager => Travelling::Inside(number),
            (Some(_), _) => {
                return Err(ser::Error::custom(OTHER));
            }
            (None, Route::Door(door)) => Travelling::Door { manager, cap, number, door: Door(door.clone()) },
            #[cfg(feature = "manager-tcp")]
            (None, Route::Tcp(address, key)) => {
                Travelling::Tcp { manager, cap, number, address: *address, key: key.clone() }
            }
        };
        travelling.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (link, number) = match (Travelling::deserialize(deserializer)?, current()) {
            (Travelling::Inside(number), Some(link)) => (link, number),
            (Travelling::Door { manager, cap, number, door }, None) => {
                (Link::to(manager, cap, Route::Door(door.0)), number)
            }
            #[cfg(feature = "manager-tcp")]
            (Travelling::Tcp { manager, cap, number, address, key }, None) => {
                (Link::to(manager, cap, Route::Tcp(address, key)), number)
            }
            _ => return Err(de::Error::custom("the proxy did not come from where it is read")),
        };
        Ok(Self { link, number })
    }
}
