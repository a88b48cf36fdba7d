//! The client's side: the connection of this process to a manager's server. All its proxies here
//! share it, and each call that is under way has a session of its own.

use std::collections::VecDeque;
use std::io::ErrorKind;
#[cfg(feature = "manager-tcp")]
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::framed_stream::{FramedStream, to_error};
#[cfg(feature = "manager-tcp")]
use super::key::{CHALLENGE, Key, Proof};
use super::message::{Answer, Message};
#[cfg(feature = "manager-tcp")]
use super::protocol::random_bytes;
use super::protocol::{ManagerId, Request};
use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::identity::parent_process;
use crate::sys::pid::{Owner, PerProcess};
use crate::sys::poll::await_readable;
#[cfg(feature = "manager-tcp")]
use crate::sys::stream_socket::tcp::tune;
use crate::sys::{socket, stream_socket};

/// Idle sessions that a connection keeps: as many threads can call at the same time without opening
/// new ones.
const MAX_IDLE: usize = 8;

/// Connections that a process which works for another keeps after their last proxy is gone, so that
/// the next task with a proxy finds its sessions open.
const MAX_RETAINED: usize = 4;

/// The time between two looks whether a server that has not answered yet is still running.
const LIVENESS_INTERVAL: Duration = Duration::from_millis(50);

/// The longest time that connecting and the handshake may take.
#[cfg(feature = "manager-tcp")]
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to a manager's server.
///
/// It belongs to one process: a copy of that process would read the answers to requests that it has
/// not sent. Each call uses a session of its own, so that one that waits holds up no other.
#[derive(Debug)]
pub(super) struct ServerConnection {
    manager: ManagerId,
    max_message: u64,
    endpoint: Endpoint,
    owner: Owner,
    /// Sessions that are not in use.
    idle: Mutex<Vec<FramedStream>>,
}

/// The connections of this process.
#[derive(Default)]
struct Registry {
    known: Vec<Weak<ServerConnection>>,
    retained: VecDeque<Arc<ServerConnection>>,
}

static REGISTRY: PerProcess<Mutex<Registry>> = PerProcess::new();

impl ServerConnection {
    /// Returns this process' connection to that manager at that kind of endpoint; a new one if
    /// there is none.
    pub(super) fn to(manager: ManagerId, max_message: u64, endpoint: Endpoint) -> Arc<Self> {
        let mut registry = REGISTRY.get().lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |known: &Arc<Self>| known.manager == manager && known.endpoint.is_equivalent(&endpoint);
        if let Some(connection) = registry.known.iter().filter_map(Weak::upgrade).find(fits) {
            return connection;
        }
        registry.known.retain(|connection| connection.strong_count() > 0);
        let connection =
            Arc::new(Self { manager, max_message, endpoint, owner: Owner::here(), idle: Mutex::default() });
        registry.known.push(Arc::downgrade(&connection));
        if parent_process().is_some() {
            registry.retained.push_back(connection.clone());
            if registry.retained.len() > MAX_RETAINED {
                registry.retained.pop_front();
            }
        }
        connection
    }

    /// Connects to the server at `endpoint` and waits for its welcome, for as long as `is_running`
    /// returns `true`.
    ///
    /// # Errors
    /// [`Error::Disconnected`] if the server has ended; those of opening a session.
    pub(super) fn establish(endpoint: Endpoint, is_running: impl Fn() -> bool) -> Result<Arc<Self>> {
        let session = endpoint.open()?;
        send(&session, &Message::new(&Request::Hello)?)?;
        while !await_readable(&session, Some(Instant::now() + LIVENESS_INTERVAL)).map_err(to_error)? {
            if !is_running() {
                return Err(Error::Disconnected);
            }
        }
        let (manager, max_message) = receive(&session, u64::MAX)?.checked()?.welcome()?;
        let connection = Self::to(manager, max_message, endpoint);
        connection.keep(session);
        Ok(connection)
    }

    /// Returns the identifier of the manager.
    pub(super) fn manager(&self) -> ManagerId {
        self.manager
    }

    /// Returns the most bytes of a message to or from the manager.
    pub(super) fn max_message(&self) -> u64 {
        self.max_message
    }

    /// Returns where sessions are opened.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Fails in a process that the connection does not belong to.
    pub(super) fn check(&self) -> Result<()> {
        self.owner.check()
    }

    /// Sends a request and returns the answer to it.
    ///
    /// # Errors
    /// The failure that the manager answers; [`Error::TooLarge`], [`Error::Disconnected`],
    /// [`Error::ForeignProcess`].
    pub(super) fn call(&self, message: &Message) -> Result<Answer> {
        self.exchange(message, |_| Ok(()))
    }

    /// Sends a request for a value that there is only once, and confirms its arrival. Otherwise
    /// like [`call`](ServerConnection::call).
    pub(super) fn call_and_confirm(&self, message: &Message) -> Result<Answer> {
        self.exchange(message, |session| session.write_by(&[1], None).map_err(to_error))
    }

    /// Sends a request, and calls `on_values` with the session if values are the answer.
    fn exchange(&self, message: &Message, on_values: impl FnOnce(&FramedStream) -> Result<()>) -> Result<Answer> {
        let bytes = message.bytes().len() as u64;
        if bytes > self.max_message {
            return Err(Error::too_large(bytes, self.max_message));
        }
        // The code that serialized the values may have forked.
        self.check()?;
        let session = self.session()?;
        let answer = send(&session, message).and_then(|()| receive(&session, self.max_message));
        // If one session is broken, so are the idle ones, or they are from before the break.
        let answer = answer.inspect_err(|_| self.idle().clear())?;
        if answer.has_values() {
            on_values(&session)?;
        }
        self.keep(session);
        answer.checked()
    }

    /// Returns a session that is not in use.
    fn session(&self) -> Result<FramedStream> {
        let idle = self.idle().pop();
        idle.map_or_else(|| self.endpoint.reopen(), Ok)
    }

    /// Keeps a session for the next call.
    fn keep(&self, session: FramedStream) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(session);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<FramedStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(session: &FramedStream, message: &Message) -> Result<()> {
    session.send(std::iter::once(message.bytes())).map_err(to_error)
}

fn receive(session: &FramedStream, max_message: u64) -> Result<Answer> {
    // The server's reply to a request that is too large is itself not too large.
    Answer::parse(session.receive(max_message.max(4096))?.ok_or(Error::Disconnected)?)
}

/// Where the server can be reached, and a session is opened.
#[derive(Debug, Clone)]
pub(super) enum Endpoint {
    /// On this machine: the clients' end of the server's socket.
    Local(Arc<Descriptor>),
    /// By TCP: the address and the key.
    #[cfg(feature = "manager-tcp")]
    Tcp(SocketAddr, Key),
}

impl Endpoint {
    /// Returns whether sessions that were opened at `other` are as good, given that both are the
    /// same manager's.
    fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(_), Self::Local(_)) => true,
            #[cfg(feature = "manager-tcp")]
            (Self::Tcp(address, key), Self::Tcp(other, other_key)) => address == other && key == other_key,
            #[cfg(feature = "manager-tcp")]
            _ => false,
        }
    }

    /// Opens a session.
    fn open(&self) -> Result<FramedStream> {
        match self {
            Self::Local(socket) => {
                let (own, end) = stream_socket::pair()?;
                socket::send(socket, &[1], &[end.as_fd()], true).map_err(|errno| to_error(errno.into()))?;
                Ok(FramedStream::new(own))
            }
            #[cfg(feature = "manager-tcp")]
            Self::Tcp(address, key) => open_tcp(*address, key),
        }
    }

    /// Opens a session where there was one before: if the server does not listen any more, it is
    /// gone.
    fn reopen(&self) -> Result<FramedStream> {
        self.open().map_err(|error| match &error {
            Error::Io { source, .. } if matches!(source.kind(), ErrorKind::ConnectionRefused | ErrorKind::TimedOut) => {
                Error::Disconnected
            }
            _ => error,
        })
    }
}

/// Connects to `address`, and has both sides prove that they have the key.
///
/// # Errors
/// [`Error::Io`] if there is no connection, [`Error::Denied`] if one side refuses the other's
/// proof.
#[cfg(feature = "manager-tcp")]
fn open_tcp(address: SocketAddr, key: &Key) -> Result<FramedStream> {
    let deadline = Some(Instant::now() + HANDSHAKE_TIMEOUT);
    let socket = TcpStream::connect_timeout(&address, HANDSHAKE_TIMEOUT).and_then(tune);
    let stream = FramedStream::new(socket.map_err(|error| Error::io("cannot connect to the manager", error))?);
    let mut challenge = [0; CHALLENGE];
    stream.read_by(&mut challenge, deadline).map_err(to_error)?;
    let nonce = random_bytes()?;
    let no_manager = || Error::Denied(format!("what listens at {address} is no manager of this version"));
    let response = key.respond(&challenge, &nonce).ok_or_else(no_manager)?;
    stream.write_by(&response, deadline).map_err(to_error)?;
    let mut proof = Proof::default();
    match stream.read_by(&mut proof, deadline).map_err(to_error) {
        Ok(()) if key.verify_server(&challenge, &nonce, &proof) => Ok(stream),
        Ok(()) => Err(Error::Denied(format!("what listens at {address} does not know the key"))),
        Err(Error::Disconnected) => Err(Error::Denied(format!("the manager at {address} refused the key"))),
        Err(other) => Err(other),
    }
}
