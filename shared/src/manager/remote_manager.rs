//! Managers that another program has started.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use super::client::{Endpoint, ServerConnection};
use super::key::Key;
use super::protocol::Kind;
use super::proxy::{DictProxy, ListProxy, NamespaceProxy, Object, QueueProxy};
use crate::error::{Context, Error, Result};

/// A manager elsewhere, connected to by TCP. Made by
/// [`Manager::connect`](crate::Manager::connect), which has an example.
///
/// What was [published](crate::Manager::publish) there can be looked up by its name. The proxies
/// outlive this value. They can be arguments of processes on this machine, which then connect to
/// the manager themselves.
///
/// Python's counterpart: `multiprocessing.managers.BaseManager`, after `connect()`.
#[derive(Clone)]
pub struct RemoteManager {
    connection: Arc<ServerConnection>,
    address: SocketAddr,
}

impl RemoteManager {
    /// Connects to the first of `addresses` where that succeeds.
    pub(super) fn connect(addresses: impl ToSocketAddrs, key: &[u8]) -> Result<Self> {
        let context = "cannot find the manager's address";
        let key = Key::new(key)?;
        let mut failure = Error::Config("the manager's address names nothing".into());
        for address in addresses.to_socket_addrs().context(context)? {
            match ServerConnection::establish(Endpoint::Tcp(address, key.clone()), || true) {
                // Another address would not make a wrong key right.
                Err(error @ Error::Denied(_)) => return Err(error),
                Err(error) => failure = error,
                Ok(connection) => return Ok(Self { connection, address }),
            }
        }
        Err(failure)
    }

    /// Returns the address where the manager listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the list that was published under that name.
    ///
    /// The type `T` of the elements is not checked: if it is another, reading them is
    /// [`Error::Decode`], or gives other values.
    ///
    /// # Errors
    /// [`Error::Config`] if nothing was published under that name, or something else was;
    /// [`Error::Disconnected`] if the manager has ended.
    pub fn list<T>(&self, name: &str) -> Result<ListProxy<T>> {
        Object::lookup(&self.connection, Kind::List, name).map(ListProxy::of)
    }

    /// Returns the dictionary that was published under that name.
    ///
    /// # Errors
    /// Those of [`list`](RemoteManager::list).
    pub fn dict<K, V>(&self, name: &str) -> Result<DictProxy<K, V>> {
        Object::lookup(&self.connection, Kind::Dict, name).map(DictProxy::of)
    }

    /// Returns the namespace that was published under that name.
    ///
    /// # Errors
    /// Those of [`list`](RemoteManager::list).
    pub fn namespace(&self, name: &str) -> Result<NamespaceProxy> {
        Object::lookup(&self.connection, Kind::Namespace, name).map(NamespaceProxy::of)
    }

    /// Returns the queue that was published under that name.
    ///
    /// # Errors
    /// Those of [`list`](RemoteManager::list).
    pub fn queue<T>(&self, name: &str) -> Result<QueueProxy<T>> {
        Object::lookup(&self.connection, Kind::Queue(None), name).map(QueueProxy::of)
    }
}

impl fmt::Debug for RemoteManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteManager").field("address", &self.address).finish_non_exhaustive()
    }
}
