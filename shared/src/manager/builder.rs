//! Settings of a manager, and its start.

#[cfg(feature = "manager-tcp")]
use std::io;
#[cfg(feature = "manager-tcp")]
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use super::Manager;
use super::client::{Endpoint, ServerConnection};
#[cfg(feature = "manager-tcp")]
use super::key::Key;
use super::protocol::ManagerId;
use super::server::{Setup, serve};
#[cfg(feature = "manager-tcp")]
use crate::error::Context;
use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::process::Process;
use crate::protocol::MAX_MESSAGE;
use crate::sys::socket::Socket;
use crate::zygote::StartMethod;

/// Settings of a [`Manager`]. Made by [`Manager::builder`].
///
/// ```
/// use multiproc::Manager;
///
/// # fn main() -> multiproc::Result<()> {
/// let manager = Manager::builder().listen("127.0.0.1:0").key(b"correct horse battery").start()?;
/// assert!(manager.address().is_some());
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `start`"]
pub struct ManagerBuilder {
    #[cfg(feature = "manager-tcp")]
    addresses: Option<io::Result<Vec<SocketAddr>>>,
    #[cfg(feature = "manager-tcp")]
    key: Option<Result<Key>>,
    max_message: u64,
}

impl ManagerBuilder {
    /// Listens for clients by TCP, too. Port 0 is any free one; [`Manager::address`] returns which.
    /// A [`key`](ManagerBuilder::key) is needed.
    ///
    /// Python's counterpart: the argument `address` of `BaseManager`.
    #[cfg(feature = "manager-tcp")]
    pub fn listen(mut self, address: impl ToSocketAddrs) -> Self {
        self.addresses = Some(address.to_socket_addrs().map(Iterator::collect));
        self
    }

    /// Sets the secret that clients by TCP must have, too: at least 16 random bytes, say; a word
    /// can be guessed. It is never sent.
    ///
    /// Python's counterpart: the argument `authkey` of `BaseManager`.
    #[cfg(feature = "manager-tcp")]
    #[doc(alias("authkey"))]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(Key::new(key.as_ref()));
        self
    }

    /// Sets the most bytes of a message to or from the manager, 16 GiB if not set; a larger one is
    /// [`Error::TooLarge`].
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes;
        self
    }

    /// Starts the manager's process.
    ///
    /// # Errors
    /// [`Error::Config`] if it is to listen and there is no key, or if a setting is invalid;
    /// [`Error::Io`] if it cannot listen there; otherwise those of
    /// [`PoolBuilder::build`](crate::PoolBuilder::build).
    pub fn start(self) -> Result<Manager> {
        if self.max_message == 0 {
            return Err(Error::Config("max_message is 0: no message could be sent".into()));
        }
        let (outer, inner) = Socket::pair()?;
        let setup = Setup::new(ManagerId::random()?, self.max_message, inner.into());
        #[cfg(feature = "manager-tcp")]
        let key = self.key.transpose()?;
        #[cfg(feature = "manager-tcp")]
        let (setup, address) = match self.addresses {
            Some(addresses) => {
                let (listener, key, address) = listen(addresses, key)?;
                (setup.with_listener(listener, key), Some(address))
            }
            None => (setup, None),
        };
        let builder = Process::builder().daemon(true).name("manager").start_method(StartMethod::ForkServer);
        let process = builder.target(serve, (setup,)).start()?;
        let endpoint = Endpoint::Local(Arc::new(Descriptor::new(outer.into())));
        match ServerConnection::establish(endpoint, || process.is_alive()) {
            Ok(connection) => Ok(Manager {
                connection,
                #[cfg(feature = "manager-tcp")]
                address,
                process,
            }),
            // How the process ended says more than that it is gone.
            Err(Error::Disconnected) => Err(process.join().err().unwrap_or(Error::Disconnected)),
            Err(other) => Err(other),
        }
    }
}

impl Manager {
    /// Starts a manager that this machine's processes can use.
    ///
    /// # Errors
    /// Those of [`Pool::new`](crate::Pool::new).
    ///
    /// Python's counterpart: `multiprocessing.Manager()`.
    pub fn new() -> Result<Self> {
        Self::builder().start()
    }

    /// Returns a builder for a manager with other settings: whether it listens for TCP, the key,
    /// the largest message.
    pub fn builder() -> ManagerBuilder {
        ManagerBuilder {
            #[cfg(feature = "manager-tcp")]
            addresses: None,
            #[cfg(feature = "manager-tcp")]
            key: None,
            max_message: MAX_MESSAGE,
        }
    }
}

/// Binds a listener to the first of `addresses` where that succeeds. Returns also the key, without
/// which it must not listen, and the address.
#[cfg(feature = "manager-tcp")]
fn listen(addresses: io::Result<Vec<SocketAddr>>, key: Option<Key>) -> Result<(TcpListener, Key, SocketAddr)> {
    let context = "cannot listen for the manager's clients";
    let addresses = addresses.context(context)?;
    let key = key.ok_or_else(|| {
        Error::Config("a manager that listens needs a key: whoever can connect could do anything. Add `.key(…)`".into())
    })?;
    let listener = TcpListener::bind(&*addresses).context(context)?;
    let address = listener.local_addr().context(context)?;
    Ok((listener, key, address))
}
