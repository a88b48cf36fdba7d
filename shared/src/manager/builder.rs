//! Settings of a manager.

#[cfg(feature = "manager-tcp")]
use std::io;
#[cfg(feature = "manager-tcp")]
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::Manager;
use super::client::{Link, Route, hear_welcome, say_hello};
#[cfg(feature = "manager-tcp")]
use super::key::Key;
use super::parcel::Parcel;
use super::random::random;
use super::server::{Setup, serve};
use super::stream::Stream;
#[cfg(feature = "manager-tcp")]
use crate::error::Context;
use crate::error::{Error, Result};
use crate::limits::MAX_MESSAGE;
use crate::process::Process;
use crate::sys::socket::Socket;
use crate::zygote::StartMethod;

/// How often to look whether a process that was started has ended instead of answering.
const LOOK: Duration = Duration::from_millis(50);

/// Settings of a [`Manager`]; made by [`Manager::builder`].
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
    pub(super) fn new() -> Self {
        Self {
            #[cfg(feature = "manager-tcp")]
            addresses: None,
            #[cfg(feature = "manager-tcp")]
            key: None,
            max_message: MAX_MESSAGE,
        }
    }

    /// Listens for clients by TCP, too. Port 0 is any free one; [`Manager::address`] tells which. A
    /// [`key`](ManagerBuilder::key) is needed. Python: `address`.
    #[cfg(feature = "manager-tcp")]
    pub fn listen(mut self, address: impl ToSocketAddrs) -> Self {
        self.addresses = Some(address.to_socket_addrs().map(Iterator::collect));
        self
    }

    /// The secret that clients by TCP must know, too: at least 16 random bytes, say; a word can be
    /// guessed. It is never sent. Python: `authkey`.
    #[cfg(feature = "manager-tcp")]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(Key::new(key.as_ref()));
        self
    }

    /// The most bytes of a message to or from the manager, 16 GiB if not set; a larger one is
    /// [`Error::TooLarge`].
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes;
        self
    }

    /// Starts the manager's process.
    ///
    /// # Errors
    /// [`Error::Config`] if it should listen without a key, or if a setting makes no sense;
    /// [`Error::Io`] if it cannot listen there; otherwise as
    /// [`Pool::builder`](crate::Pool::builder)'s `build`.
    pub fn start(self) -> Result<Manager> {
        if self.max_message == 0 {
            return Err(Error::Config("max_message is 0: no message could be sent".into()));
        }
        #[cfg(feature = "manager-tcp")]
        let (listener, address) = match self.addresses {
            Some(addresses) => {
                let (listener, key, address) = listen(addresses, self.key.transpose()?)?;
                (Some((Parcel::new(listener.into()), key)), Some(address))
            }
            None => (None, self.key.transpose()?.and(None)),
        };
        let (outer, inner) = Socket::pair()?;
        let manager = u128::from_ne_bytes(random()?);
        let cap = self.max_message;
        let setup = Setup {
            manager,
            cap,
            door: Parcel::new(inner.into()),
            #[cfg(feature = "manager-tcp")]
            listener,
        };
        let builder = Process::builder().daemon(true).name("manager").start_method(StartMethod::ForkServer);
        let process = builder.target(serve, (setup,)).start()?;
        let route = Route::Door(Parcel::new(outer.into()).0);
        match await_welcome(&process, &route) {
            Ok(session) => {
                let link = Link::to(manager, cap, route);
                link.keep(session);
                Ok(Manager {
                    link,
                    #[cfg(feature = "manager-tcp")]
                    address,
                    process,
                })
            }
            // What became of the process says more than that it is gone.
            Err(Error::Disconnected) => Err(process.join().err().unwrap_or(Error::Disconnected)),
            Err(other) => Err(other),
        }
    }
}

/// Opens the first session, and waits until the manager answers or has ended.
fn await_welcome(process: &Process<()>, route: &Route) -> Result<Stream> {
    let session = route.open()?;
    say_hello(&session)?;
    while hear_welcome(&session, Some(Instant::now() + LOOK))?.is_none() {
        if !process.is_alive() {
            return Err(Error::Disconnected);
        }
    }
    Ok(session)
}

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
