//! Values that live in a process of their own, and the proxies by which any process uses them.
//!
//! A [`Manager`] starts the [server], a [`Process`](crate::Process) that holds the values. A
//! [proxy] is an object's number and a [client] of the server. They speak in frames on a [stream],
//! of which the [protocol] says what is in them. By TCP, both sides first prove that they know the
//! [key].

mod builder;
mod client;
#[cfg(feature = "manager-tcp")]
mod key;
mod parcel;
mod protocol;
mod proxy;
mod random;
#[cfg(feature = "manager-tcp")]
mod remote;
mod server;
mod stream;

use std::fmt;
#[cfg(feature = "manager-tcp")]
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use builder::ManagerBuilder;
pub use proxy::{DictProxy, ListProxy, NamespaceProxy, Proxy, QueueProxy};
#[cfg(feature = "manager-tcp")]
pub use remote::RemoteManager;

use client::Link;
use protocol::{Kind, Message, Request};
use proxy::Object;

use crate::error::{Error, Result};
use crate::process::Process;

/// A process that holds lists, dictionaries, namespaces and queues for all others.
///
/// Any process uses them through proxies: a proxy can be cloned, sent to a worker or process as an
/// argument, and kept in another object of the same manager. This is for state that changes and is
/// shared; what only goes from one process to another is faster in an argument, a result or a pipe,
/// for each use of a proxy is a question to the manager's process and takes some ten microseconds.
///
/// What a manager holds it holds until it ends, whether or not there are proxies of it, unless it
/// is told to [`remove`](Manager::remove) it. Dropping the manager kills its process, and so does
/// the end of this program; then every use of a proxy is [`Error::Disconnected`].
///
/// ```
/// use multiproc::{ListProxy, Manager, Pool};
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
/// A manager and its proxies belong to the process that has them: in a copy of that process their
/// calls fail with [`Error::ForeignProcess`]. A proxy that is sent there as an argument works.
///
/// # Who can come in
/// Proxies on this machine speak to the manager through sockets without a name, which nobody else
/// can find. A manager that listens (`ManagerBuilder::listen`, with the feature `manager-tcp`) can
/// be reached by TCP by all who know its key: both sides prove it (HMAC-SHA-256 over fresh random
/// numbers) before anything else is read. After that nothing is encrypted or authenticated: who can
/// read or change the traffic in between can read or change values. Use it within a network that is
/// trusted, or through a tunnel such as ssh's. Who knows the key can fill the manager's memory.
///
/// Python's counterpart is `multiprocessing.Manager`, and what it returns, a `SyncManager`.
pub struct Manager {
    link: Arc<Link>,
    #[cfg(feature = "manager-tcp")]
    address: Option<SocketAddr>,
    process: Process<()>,
}

impl Manager {
    /// Starts a manager that this machine's processes can use. Python: `Manager()`.
    ///
    /// # Errors
    /// As [`Pool::new`](crate::Pool::new).
    pub fn new() -> Result<Self> {
        Self::builder().start()
    }

    /// Settings for a manager: whether it listens for TCP, the key, the largest message.
    pub fn builder() -> ManagerBuilder {
        ManagerBuilder::new()
    }

    /// Connects to a manager elsewhere that listens at `address`. Python: `BaseManager(address,
    /// authkey).connect()`.
    ///
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
    /// # Errors
    /// [`Error::Io`] if there is no connection, [`Error::Denied`] if the keys are not the same,
    /// [`Error::Disconnected`] if the other side says nothing for ten seconds.
    #[cfg(feature = "manager-tcp")]
    pub fn connect(address: impl ToSocketAddrs, key: impl AsRef<[u8]>) -> Result<RemoteManager> {
        RemoteManager::connect(address, key.as_ref())
    }

    /// A new, empty list. Python: `SyncManager.list`.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if the manager's process has ended.
    pub fn list<T: Serialize + DeserializeOwned + 'static>(&self) -> Result<ListProxy<T>> {
        self.list_from([])
    }

    /// A new list of `values`. Python: `SyncManager.list(values)`.
    ///
    /// # Errors
    /// [`Error::Encode`], [`Error::TooLarge`], [`Error::Disconnected`].
    pub fn list_from<T: Serialize + DeserializeOwned + 'static>(
        &self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<ListProxy<T>> {
        let fill = |message: &mut Message| values.into_iter().try_for_each(|value| message.put(&value));
        Object::create(&self.link, Kind::List, fill).map(ListProxy::of)
    }

    /// A new, empty dictionary. Python: `SyncManager.dict`. Errors as [`list`](Manager::list).
    pub fn dict<K, V>(&self) -> Result<DictProxy<K, V>>
    where
        K: Serialize + DeserializeOwned + 'static,
        V: Serialize + DeserializeOwned + 'static,
    {
        self.dict_from([])
    }

    /// A new dictionary of keys and values; of equal keys the last one counts. Python:
    /// `SyncManager.dict(items)`. Errors as [`list_from`](Manager::list_from).
    pub fn dict_from<K, V>(&self, items: impl IntoIterator<Item = (K, V)>) -> Result<DictProxy<K, V>>
    where
        K: Serialize + DeserializeOwned + 'static,
        V: Serialize + DeserializeOwned + 'static,
    {
        let fill = |message: &mut Message| {
            items.into_iter().try_for_each(|(key, value)| {
                message.put_key(&key)?;
                message.put(&value)
            })
        };
        Object::create(&self.link, Kind::Dict, fill).map(DictProxy::of)
    }

    /// A new, empty namespace. Python: `SyncManager.Namespace`. Errors as [`list`](Manager::list).
    pub fn namespace(&self) -> Result<NamespaceProxy> {
        Object::create(&self.link, Kind::Namespace, |_| Ok(())).map(NamespaceProxy::of)
    }

    /// A new queue without a bound. Python: `SyncManager.Queue()`, `JoinableQueue()`. Errors as
    /// [`list`](Manager::list).
    pub fn queue<T: Serialize + DeserializeOwned + 'static>(&self) -> Result<QueueProxy<T>> {
        Object::create(&self.link, Kind::Queue(None), |_| Ok(())).map(QueueProxy::of)
    }

    /// A new queue for up to `capacity` values. Python: `SyncManager.Queue(capacity)`,
    /// `JoinableQueue(capacity)`.
    ///
    /// # Errors
    /// [`Error::Config`] for a capacity of 0; otherwise as [`list`](Manager::list).
    pub fn bounded_queue<T: Serialize + DeserializeOwned + 'static>(&self, capacity: usize) -> Result<QueueProxy<T>> {
        if capacity == 0 {
            return Err(Error::Config("a queue needs room for at least one value".into()));
        }
        Object::create(&self.link, Kind::Queue(Some(capacity as u64)), |_| Ok(())).map(QueueProxy::of)
    }

    /// Makes an object of this manager known by a name, for those who connect by TCP. A name that
    /// is in use means the new object from now on. Python: `BaseManager.register`.
    ///
    /// # Errors
    /// [`Error::Config`] if the object is another manager's, [`Error::Disconnected`].
    pub fn publish(&self, name: &str, proxy: &impl Proxy) -> Result<()> {
        let request = Request::Publish { name: name.into(), object: self.number_of(proxy)? };
        self.link.call(&request, |_| Ok(()))?.done()
    }

    /// Frees an object before the manager ends; says whether it was there. Whoever still uses it
    /// gets [`Error::Config`], and those who wait at a queue [`Error::Closed`]. Python does it
    /// when the last proxy is gone.
    ///
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
    ///
    /// # Errors
    /// As [`publish`](Manager::publish).
    pub fn remove(&self, proxy: &impl Proxy) -> Result<bool> {
        let request = Request::Remove(self.number_of(proxy)?);
        self.link.call(&request, |_| Ok(()))?.flag()
    }

    fn number_of(&self, proxy: &impl Proxy) -> Result<u64> {
        let object = proxy.object();
        if object.link.manager != self.link.manager {
            return Err(Error::Config("the proxy stands for an object of another manager".into()));
        }
        Ok(object.number)
    }

    /// Where it listens for TCP, if it does. Python: `BaseManager.address`.
    #[cfg(feature = "manager-tcp")]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The process id of the manager's process.
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
