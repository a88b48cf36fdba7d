//! A manager that somebody else has started.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use super::client::{Link, Route, hear_welcome, say_hello};
use super::key::Key;
use super::protocol::Kind;
use super::proxy::{DictProxy, ListProxy, NamespaceProxy, Object, QueueProxy};
use crate::error::{Context, Error, Result};

/// A manager elsewhere, connected to by TCP: made by [`Manager::connect`](crate::Manager::connect),
/// which has an example.
///
/// What was [published](crate::Manager::publish) there can be looked up by its name. The proxies
/// outlive this value. They can be arguments of processes on this machine, which connect for
/// themselves.
///
/// Python's counterpart is a `BaseManager` after `connect()`.
#[derive(Clone)]
pub struct RemoteManager {
    link: Arc<Link>,
    address: SocketAddr,
}

impl RemoteManager {
    pub(super) fn connect(addresses: impl ToSocketAddrs, key: &[u8]) -> Result<Self> {
        let context = "cannot find the manager's address";
        let key = Key::new(key)?;
        let mut failure = Error::Config("the manager's address names nothing".into());
        for address in addresses.to_socket_addrs().context(context)? {
            match Self::connect_to(address, &key) {
                // Another address would not make a wrong key right.
                Err(error @ Error::Denied(_)) => return Err(error),
                Err(error) => failure = error,
                connected => return connected,
            }
        }
        Err(failure)
    }

    fn connect_to(address: SocketAddr, key: &Key) -> Result<Self> {
        let route = Route::Tcp(address, key.clone());
        let session = route.open()?;
        say_hello(&session)?;
        let (manager, cap) = hear_welcome(&session, None)?.ok_or(Error::Disconnected)?;
        let link = Link::to(manager, cap, route);
        link.keep(session);
        Ok(Self { link, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The list that was published under that name.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none, or something else was published; [`Error::Disconnected`]
    /// if the manager has ended. That the elements are of type `T` is the caller's word: if
    /// not, reading them is [`Error::Decode`], or gives other values.
    pub fn list<T>(&self, name: &str) -> Result<ListProxy<T>> {
        Object::lookup(&self.link, Kind::List, name).map(ListProxy::of)
    }

    /// The dictionary that was published under that name. Errors as [`list`](RemoteManager::list).
    pub fn dict<K, V>(&self, name: &str) -> Result<DictProxy<K, V>> {
        Object::lookup(&self.link, Kind::Dict, name).map(DictProxy::of)
    }

    /// The namespace that was published under that name. Errors as [`list`](RemoteManager::list).
    pub fn namespace(&self, name: &str) -> Result<NamespaceProxy> {
        Object::lookup(&self.link, Kind::Namespace, name).map(NamespaceProxy::of)
    }

    /// The queue that was published under that name. Errors as [`list`](RemoteManager::list).
    pub fn queue<T>(&self, name: &str) -> Result<QueueProxy<T>> {
        Object::lookup(&self.link, Kind::Queue(None), name).map(QueueProxy::of)
    }
}

impl fmt::Debug for RemoteManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteManager").field("address", &self.address).finish_non_exhaustive()
    }
}
