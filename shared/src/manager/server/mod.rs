//! The manager's process: takes in clients, serves each on a thread of its own.
//!
//! Local clients come through the front door, a socket whose other end only proxies have: each
//! brings one end of a fresh socket pair. Others come by TCP, through the [gate]. A [session] reads
//! requests; the [objects] are locked one by one and never while anything is read or written, so
//! that a slow client holds up nobody.

mod answer;
mod dict;
#[cfg(feature = "manager-tcp")]
mod gate;
mod list;
mod objects;
mod queue;
mod session;
#[cfg(test)]
mod tests;

#[cfg(feature = "manager-tcp")]
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Result};
#[cfg(feature = "manager-tcp")]
use crate::manager::key::Key;
use crate::manager::parcel::Parcel;
use crate::manager::stream::Stream;
use crate::sys::socket::{Received, Socket};
use crate::sys::stream::patience;

#[cfg(feature = "manager-tcp")]
use gate::Gate;
use objects::Objects;

/// What a server starts from.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) manager: u128,
    pub(super) cap: u64,
    /// The inner side of the front door.
    pub(super) door: Parcel,
    /// Where to listen for TCP, if anywhere.
    #[cfg(feature = "manager-tcp")]
    pub(super) listener: Option<(Parcel, Key)>,
}

/// The function of the manager's process. It returns once nobody has a proxy any more.
pub(super) fn serve(setup: Setup) {
    // There is nobody to tell: the clients find their connections closed.
    let _ = Server::new(setup).and_then(Server::run);
}

struct Server {
    door: Socket,
    #[cfg(feature = "manager-tcp")]
    gate: Option<Gate>,
    objects: Arc<Objects>,
}

impl Server {
    fn new(setup: Setup) -> Result<Self> {
        let own = |parcel: &Parcel| parcel.0.as_fd().try_clone_to_owned().context("cannot duplicate a descriptor");
        #[cfg(feature = "manager-tcp")]
        let gate = match &setup.listener {
            Some((listener, key)) => Some(Gate::new(TcpListener::from(own(listener)?), key.clone())?),
            None => None,
        };
        let objects = Arc::new(Objects::new(setup.manager, setup.cap));
        Ok(Self {
            door: Socket::from_fd(own(&setup.door)?),
            #[cfg(feature = "manager-tcp")]
            gate,
            objects,
        })
    }

    #[cfg_attr(not(feature = "manager-tcp"), expect(unused_mut, reason = "only the gate changes"))]
    fn run(mut self) -> Result<()> {
        loop {
            let ready = self.wait().context("cannot wait for clients")?;
            if ready.first() == Some(&true) && !self.hear_door() {
                return Ok(());
            }
            #[cfg(feature = "manager-tcp")]
            if let Some(gate) = &mut self.gate {
                for stream in gate.step(ready.get(1..).unwrap_or_default()) {
                    session::start(stream, &self.objects);
                }
            }
        }
    }

    /// Waits for something to do; says at which of the descriptors it is: the door, then the
    /// gate's.
    fn wait(&self) -> nix::Result<Vec<bool>> {
        let (fds, deadline) = self.awaited();
        let mut fds: Vec<PollFd<'_>> = fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, patience(deadline)) {
            Err(Errno::EINTR) => Ok(vec![false; fds.len()]),
            Err(error) => Err(error),
            Ok(_) => Ok(fds.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
        }
    }

    /// The descriptors to wait for, and until when.
    fn awaited(&self) -> (Vec<BorrowedFd<'_>>, Option<Instant>) {
        #[cfg(feature = "manager-tcp")]
        if let Some(gate) = &self.gate {
            return (std::iter::once(self.door.as_fd()).chain(gate.fds()).collect(), gate.deadline());
        }
        (vec![self.door.as_fd()], None)
    }

    /// Lets in those who wait at the front door; `false` if nobody can come any more.
    fn hear_door(&self) -> bool {
        loop {
            match self.door.receive(&mut [0; 8]) {
                Ok(Received::Message(_, mut fds)) => {
                    if let Some(end) = fds.pop() {
                        session::start(Stream::new(end), &self.objects);
                    }
                }
                // The client finds its connection closed.
                Ok(Received::Truncated(_)) => {}
                Ok(Received::Nothing) => return true,
                Ok(Received::End) | Err(_) => return false,
            }
        }
    }
}
