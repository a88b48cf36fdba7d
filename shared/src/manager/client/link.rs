//! This process' way to a manager, shared by all its proxies here.

use std::collections::VecDeque;
use std::io::ErrorKind;
#[cfg(feature = "manager-tcp")]
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::answer::Answer;
use super::context::within;
#[cfg(feature = "manager-tcp")]
use super::dial::dial;
use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::identity::parent_process;
#[cfg(feature = "manager-tcp")]
use crate::manager::key::Key;
use crate::manager::protocol::{Message, Request};
use crate::manager::stream::{Stream, failed};
use crate::sys::own::PerProcess;
use crate::sys::pid::Owner;
use crate::sys::{socket, stream};

/// Sessions kept for the next calls: as many threads call at the same time without opening new
/// ones.
const IDLE: usize = 8;

/// How to become a client.
#[derive(Debug, Clone)]
pub(in crate::manager) enum Route {
    /// The outer side of the manager's front door.
    Door(Arc<Descriptor>),
    /// Its address, and the key.
    #[cfg(feature = "manager-tcp")]
    Tcp(SocketAddr, Key),
}

/// A way to a manager, for this process: a copy of it would read answers to questions that it has
/// not asked. A call takes a session of its own, so that one that waits holds up no other.
#[derive(Debug)]
pub(in crate::manager) struct Link {
    pub(in crate::manager) manager: u128,
    /// The most bytes of a message.
    pub(in crate::manager) cap: u64,
    pub(in crate::manager) route: Route,
    owner: Owner,
    /// Sessions that are not in use.
    idle: Mutex<Vec<Stream>>,
}

/// The links of this process.
#[derive(Default)]
struct Links {
    known: Vec<Weak<Link>>,
    /// In a process that works for another: the last few, so that the next task with a proxy finds
    /// its sessions open.
    kept: VecDeque<Arc<Link>>,
}

static LINKS: PerProcess<Mutex<Links>> = PerProcess::new();

/// Links kept without a proxy.
const KEPT: usize = 4;

impl Link {
    /// The link to that manager by that kind of route, if this process has one; otherwise a new
    /// one.
    pub(in crate::manager) fn to(manager: u128, cap: u64, route: Route) -> Arc<Self> {
        let mut links = LINKS.get().lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |link: &Arc<Self>| link.manager == manager && link.route.is_like(&route);
        if let Some(link) = links.known.iter().filter_map(Weak::upgrade).find(fits) {
            return link;
        }
        links.known.retain(|link| link.strong_count() > 0);
        let link = Arc::new(Self { manager, cap, route, owner: Owner::here(), idle: Mutex::default() });
        links.known.push(Arc::downgrade(&link));
        if parent_process().is_some() {
            links.kept.push_back(link.clone());
            if links.kept.len() > KEPT {
                links.kept.pop_front();
            }
        }
        link
    }

    /// Asks the manager. `values` appends what goes with the request.
    pub(in crate::manager) fn call(
        self: &Arc<Self>,
        request: &Request,
        values: impl FnOnce(&mut Message) -> Result<()>,
    ) -> Result<Answer> {
        let session = |_: &Stream| Ok(());
        self.exchange(request, values, session)
    }

    /// As [`call`](Link::call), for a value that the manager hands over: says that it has come.
    pub(in crate::manager) fn call_and_confirm(self: &Arc<Self>, request: &Request) -> Result<Answer> {
        let confirm = |session: &Stream| session.write_by(&[1], None).map_err(failed);
        self.exchange(request, |_| Ok(()), confirm)
    }

    fn exchange(
        self: &Arc<Self>,
        request: &Request,
        values: impl FnOnce(&mut Message) -> Result<()>,
        then: impl FnOnce(&Stream) -> Result<()>,
    ) -> Result<Answer> {
        self.check()?;
        let mut message = Message::new(request)?;
        within(self, || values(&mut message))?;
        let bytes = message.bytes().len() as u64;
        if bytes > self.cap {
            return Err(Error::TooLarge { bytes, cap: self.cap });
        }
        // The values' own code may have forked.
        self.check()?;
        let session = self.session()?;
        // If one is broken, so are the others, or they are from before the break.
        let answer = ask(&session, self.cap, &message).inspect_err(|_| self.idle().clear())?;
        if answer.has_values() {
            then(&session)?;
        }
        self.keep(session);
        answer.checked()
    }

    /// A session that nobody uses.
    fn session(&self) -> Result<Stream> {
        let idle = self.idle().pop();
        idle.map_or_else(|| self.route.open().map_err(lost), Ok)
    }

    /// Keeps a session for the next call.
    pub(in crate::manager) fn keep(&self, session: Stream) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(session);
        }
    }

    /// Fails in a process that it does not belong to.
    pub(in crate::manager) fn check(&self) -> Result<()> {
        self.owner.check()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Stream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Route {
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Door(_), Self::Door(_)) => true,
            #[cfg(feature = "manager-tcp")]
            (Self::Tcp(address, key), Self::Tcp(other, other_key)) => address == other && key == other_key,
            #[cfg(feature = "manager-tcp")]
            _ => false,
        }
    }

    /// Opens a session.
    pub(in crate::manager) fn open(&self) -> Result<Stream> {
        match self {
            Self::Door(door) => {
                let (own, end) = stream::pair()?;
                socket::send(door, &[1], &[end.as_fd()], true).map_err(|errno| failed(errno.into()))?;
                Ok(Stream::new(own))
            }
            #[cfg(feature = "manager-tcp")]
            Self::Tcp(address, key) => dial(*address, key),
        }
    }
}

/// Asks who the manager is.
pub(in crate::manager) fn say_hello(session: &Stream) -> Result<()> {
    let message = Message::new(&Request::Hello)?;
    session.send(std::iter::once(message.bytes())).map_err(failed)
}

/// The answer to [`say_hello`]: the manager's number, and its cap on messages. `None` if it does
/// not come in time.
pub(in crate::manager) fn hear_welcome(session: &Stream, deadline: Option<Instant>) -> Result<Option<(u128, u64)>> {
    if !stream::await_readable(session, deadline).map_err(failed)? {
        return Ok(None);
    }
    read_answer(session, u64::MAX)?.checked()?.welcome().map(Some)
}

fn ask(session: &Stream, cap: u64, message: &Message) -> Result<Answer> {
    session.send(std::iter::once(message.bytes())).map_err(failed)?;
    read_answer(session, cap)
}

fn read_answer(session: &Stream, cap: u64) -> Result<Answer> {
    // The server's reply to a request over its cap is not over ours.
    Answer::read(session.receive(cap.max(4096))?.ok_or(Error::Disconnected)?)
}

/// For one who was connected before: that nobody listens any more means that the other side is
/// gone.
fn lost(error: Error) -> Error {
    match &error {
        Error::Io { source, .. } if matches!(source.kind(), ErrorKind::ConnectionRefused | ErrorKind::TimedOut) => {
            Error::Disconnected
        }
        _ => error,
    }
}
