//! Values that live in a process of their own, and the proxies by which any process uses them.
//!
//! A [`Manager`] starts the [server], a [`Process`] that holds the values. A
//! [proxy] is an object's number and a [client]'s connection to the server. Clients and server
//! exchange [messages](message) as frames of a [stream](framed_stream): the requests and replies of
//! the [protocol], with values. By TCP, both sides first prove that they have the [key].

mod builder;
mod client;
mod framed_stream;
#[cfg(feature = "manager-tcp")]
mod key;
mod message;
mod protocol;
mod proxy;
#[cfg(feature = "manager-tcp")]
mod remote_manager;
mod server;

use std::fmt;
#[cfg(feature = "manager-tcp")]
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::ManagerBuilder;
pub use proxy::{DictProxy, ListProxy, NamespaceProxy, Proxy, QueueProxy};
#[cfg(feature = "manager-tcp")]
pub use remote_manager::RemoteManager;

use client::ServerConnection;
use message::Message;
use protocol::{Kind, Request};
use proxy::{Object, ValueWriter};

use crate::error::{Error, Result};
use crate::process::Process;

/// A process that holds lists, dictionaries, namespaces and queues for all others.
///
/// Any process uses them through proxies: a proxy can be cloned, sent to a worker or process as an
/// argument, and kept in another object of the same manager. This is for state that changes and is
/// shared; what only goes from one process to another is faster in an argument, a result or a pipe,
/// for each call of a proxy is a request to the manager's process and takes some ten microseconds.
///
/// A manager holds its objects until it ends, whether or not there are proxies of them, unless
/// [`remove`](Manager::remove) is called. Dropping the manager kills its process, and so does the
/// end of this program; then every call of a proxy fails with [`Error::Disconnected`].
///
/// ```
/// use multiproc::{Executor, ListProxy, Manager, Pool};
///
/// fn note(list: ListProxy<u64>, n: u64) {
///     list.push(n).unwrap();
/// }
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = Manager::new()?;
/// let list = manager.list()?;
/// Pool::with_processes(2)?.starmap(note, (0..10).map(|n| (list.clone(), n)))?;
/// let mut noted = list.to_vec()?;
/// noted.sort();
/// assert_eq!(noted, (0..10).collect::<Vec<u64>>());
/// # Ok(()) }
/// ```
///
/// A manager and its proxies belong to one process: in a copy of that process their calls fail with
/// [`Error::ForeignProcess`]. A proxy that is sent there as an argument works.
///
/// # Security
/// Proxies on this machine are connected to the manager by sockets without a name, which no other
/// process can find. A manager that listens (`ManagerBuilder::listen`, with the feature
/// `manager-tcp`) can be reached by TCP by every client that has its key: both sides prove that
/// they have it (HMAC-SHA-256 over fresh random numbers) before anything else is read. After that
/// nothing is encrypted or authenticated: anyone who can read or change the traffic in between can
/// read or change values. Use it within a network that is trusted, or through a tunnel such as
/// ssh's. A client with the key can fill the manager's memory.
///
/// Python's counterpart: `multiprocessing.managers.SyncManager`.
#[doc(alias("SyncManager", "BaseManager"))]
pub struct Manager {
    connection: Arc<ServerConnection>,
    #[cfg(feature = "manager-tcp")]
    address: Option<SocketAddr>,
    process: Process<()>,
}

impl Manager {
    /// Connects to a manager elsewhere that listens at `address`.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no connection, [`Error::Denied`] if the keys are not the same,
    /// [`Error::Disconnected`] if the handshake takes more than ten seconds.
    ///
    /// # Examples
    /// ```
    /// use multiproc::Manager;
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let key = b"correct horse battery";
    /// let manager = Manager::builder().listen("127.0.0.1:0").key(key).start()?;
    /// manager.publish("primes", &manager.list_from([2u64, 3, 5])?)?;
    /// let address = manager.address().expect("it listens");
    ///
    /// // In another program, perhaps on another machine:
    /// let remote = Manager::connect(address, key)?;
    /// let primes = remote.list::<u64>("primes")?;
    /// primes.push(7)?;
    /// assert_eq!(primes.to_vec()?, [2, 3, 5, 7]);
    /// # Ok(()) }
    /// ```
    ///
    /// Python's counterpart: `BaseManager(address, authkey).connect()`.
    #[cfg(feature = "manager-tcp")]
    #[doc(alias("Client"))]
    pub fn connect(address: impl ToSocketAddrs, key: impl AsRef<[u8]>) -> Result<RemoteManager> {
        RemoteManager::connect(address, key.as_ref())
    }

    /// Makes an empty list.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if the manager's process has ended.
    ///
    /// Python's counterpart: `SyncManager.list()`.
    pub fn list<T: Serialize + DeserializeOwned + 'static>(&self) -> Result<ListProxy<T>> {
        self.list_from([])
    }

    /// Makes a list of `values`.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::TooLarge`], [`Error::Disconnected`].
    ///
    /// Python's counterpart: `SyncManager.list(values)`.
    pub fn list_from<T: Serialize + DeserializeOwned + 'static>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<ListProxy<T>> {
        let fill = |out: &mut ValueWriter| values.into_iter().try_for_each(|value| out.value(&value));
        Object::create(&self.connection, Kind::List, fill).map(ListProxy::of)
    }

    /// Makes an empty dictionary.
    ///
    /// # Errors
    /// Those of [`list`](Manager::list).
    ///
    /// Python's counterpart: `SyncManager.dict()`.
    pub fn dict<K, V>(&self) -> Result<DictProxy<K, V>>
    where
        K: Serialize + DeserializeOwned + 'static,
        V: Serialize + DeserializeOwned + 'static,
    {
        self.dict_from([])
    }

    /// Makes a dictionary of keys and values; of equal keys the last one counts.
    ///
    /// # Errors
    /// Those of [`list_from`](Manager::list_from).
    ///
    /// Python's counterpart: `SyncManager.dict(items)`.
    pub fn dict_from<K, V>(&self, items: impl IntoIterator<Item = (K, V)>) -> Result<DictProxy<K, V>>
    where
        K: Serialize + DeserializeOwned + 'static,
        V: Serialize + DeserializeOwned + 'static,
    {
        let fill = |out: &mut ValueWriter| {
            items.into_iter().try_for_each(|(key, value)| {
                out.key(&key)?;
                out.value(&value)
            })
        };
        Object::create(&self.connection, Kind::Dict, fill).map(DictProxy::of)
    }

    /// Makes an empty namespace.
    ///
    /// # Errors
    /// Those of [`list`](Manager::list).
    ///
    /// Python's counterpart: `SyncManager.Namespace()`.
    pub fn namespace(&self) -> Result<NamespaceProxy> {
        Object::create(&self.connection, Kind::Namespace, |_| Ok(())).map(NamespaceProxy::of)
    }

    /// Makes a queue without a bound.
    ///
    /// # Errors
    /// Those of [`list`](Manager::list).
    ///
    /// Python's counterpart: `SyncManager.Queue()`, `SyncManager.JoinableQueue()`.
    pub fn queue<T: Serialize + DeserializeOwned + 'static>(&self) -> Result<QueueProxy<T>> {
        Object::create(&self.connection, Kind::Queue(None), |_| Ok(())).map(QueueProxy::of)
    }

    /// Makes a queue for up to `capacity` values.
    ///
    /// # Errors
    /// [`Error::Config`] for a capacity of 0; otherwise those of [`list`](Manager::list).
    ///
    /// Python's counterpart: `SyncManager.Queue(capacity)`, `SyncManager.JoinableQueue(capacity)`.
    pub fn bounded_queue<T: Serialize + DeserializeOwned + 'static>(&self, capacity: usize) -> Result<QueueProxy<T>> {
        if capacity == 0 {
            return Err(Error::Config("a queue needs room for at least one value".into()));
        }
        Object::create(&self.connection, Kind::Queue(Some(capacity as u64)), |_| Ok(())).map(QueueProxy::of)
    }

    /// Publishes an object of this manager under a name, for clients that connect by TCP. A name
    /// that is in use stands for the new object from now on.
    ///
    /// # Errors
    /// [`Error::Config`] if the object is another manager's, [`Error::Disconnected`].
    ///
    /// Python's counterpart: `BaseManager.register`.
    #[doc(alias("register"))]
    pub fn publish(&self, name: &str, proxy: &impl Proxy) -> Result<()> {
        let request = Request::Publish { name: name.into(), object: self.number_of(proxy)? };
        self.connection.call(&Message::new(&request)?)?.done()
    }

    /// Removes an object before the manager ends, and returns whether it was there. Any later call
    /// of a proxy of it fails with [`Error::Config`], and calls that wait at a queue with
    /// [`Error::Closed`]. (Python removes an object when its last proxy is gone.)
    ///
    /// # Errors
    /// Those of [`publish`](Manager::publish).
    ///
    /// # Examples
    /// ```
    /// use multiproc::{Error, Manager};
    ///
    /// # fn main() -> multiproc::Result<()> {
    /// let manager = Manager::new()?;
    /// let list = manager.list_from(0..1000u64)?;
    /// assert!(manager.remove(&list)?);
    /// assert!(matches!(list.len(), Err(Error::Config(_))));
    /// # Ok(()) }
    /// ```
    pub fn remove(&self, proxy: &impl Proxy) -> Result<bool> {
        let request = Request::Remove(self.number_of(proxy)?);
        self.connection.call(&Message::new(&request)?)?.flag()
    }

    fn number_of(&self, proxy: &impl Proxy) -> Result<u64> {
        proxy
            .object()
            .number_at(self.connection.manager())
            .ok_or_else(|| Error::Config("the proxy stands for an object of another manager".into()))
    }

    /// Returns the address where the manager listens for TCP, if it does.
    ///
    /// Python's counterpart: `BaseManager.address`.
    #[cfg(feature = "manager-tcp")]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns the process id of the manager's process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut manager = f.debug_struct("Manager");
        manager.field("process", &self.process);
        #[cfg(feature = "manager-tcp")]
        manager.field("address", &self.address);
        manager.finish()
    }
}
