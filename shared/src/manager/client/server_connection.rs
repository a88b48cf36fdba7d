//! The connection of this process to a manager's server, which all its proxies here share.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::identity::parent_process;
use crate::manager::framed_stream::{FramedStream, to_error};
use crate::manager::message::{Answer, Message};
use crate::manager::protocol::Request;
use crate::manager::random::ManagerId;
use crate::sys::own::PerProcess;
use crate::sys::pid::Owner;
use crate::sys::poll::await_readable;

/// Idle sessions that a connection keeps: as many threads can call at the same time without opening
/// new ones.
const MAX_IDLE: usize = 8;

/// Connections that a process which works for another keeps after their last proxy is gone, so that
/// the next task with a proxy finds its sessions open.
const MAX_RETAINED: usize = 4;

/// The time between two looks whether a server that has not answered yet is still running.
const LIVENESS_INTERVAL: Duration = Duration::from_millis(50);

/// A connection to a manager's server.
///
/// It belongs to one process: a copy of that process would read the answers to requests that it has
/// not sent. Each call uses a session of its own, so that one that waits holds up no other.
#[derive(Debug)]
pub(in crate::manager) struct ServerConnection {
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
    pub(in crate::manager) fn to(manager: ManagerId, max_message: u64, endpoint: Endpoint) -> Arc<Self> {
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
    pub(in crate::manager) fn establish(endpoint: Endpoint, is_running: impl Fn() -> bool) -> Result<Arc<Self>> {
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
    pub(in crate::manager) fn manager(&self) -> ManagerId {
        self.manager
    }

    /// Returns the most bytes of a message to or from the manager.
    pub(in crate::manager) fn max_message(&self) -> u64 {
        self.max_message
    }

    /// Returns where sessions are opened.
    pub(in crate::manager) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Fails in a process that the connection does not belong to.
    pub(in crate::manager) fn check(&self) -> Result<()> {
        self.owner.check()
    }

    /// Sends a request and returns the answer to it.
    ///
    /// # Errors
    /// The failure that the manager answers; [`Error::TooLarge`], [`Error::Disconnected`],
    /// [`Error::ForeignProcess`].
    pub(in crate::manager) fn call(&self, message: &Message) -> Result<Answer> {
        self.exchange(message, |_| Ok(()))
    }

    /// Sends a request for a value that there is only once, and confirms its arrival. Otherwise
    /// like [`call`](ServerConnection::call).
    pub(in crate::manager) fn call_and_confirm(&self, message: &Message) -> Result<Answer> {
        self.exchange(message, |session| session.write_by(&[1], None).map_err(to_error))
    }

    /// Sends a request, and calls `on_values` with the session if values are the answer.
    fn exchange(&self, message: &Message, on_values: impl FnOnce(&FramedStream) -> Result<()>) -> Result<Answer> {
        let bytes = message.bytes().len() as u64;
        if bytes > self.max_message {
            return Err(Error::TooLarge { bytes, cap: self.max_message });
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
