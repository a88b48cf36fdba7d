//! Where the server can be reached, and how a session is opened there.

use std::io::ErrorKind;
#[cfg(feature = "manager-tcp")]
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
#[cfg(feature = "manager-tcp")]
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::manager::framed_stream::{FramedStream, to_error};
#[cfg(feature = "manager-tcp")]
use crate::manager::key::{CHALLENGE, Key, Proof};
#[cfg(feature = "manager-tcp")]
use crate::manager::random::random_bytes;
#[cfg(feature = "manager-tcp")]
use crate::sys::stream::tcp::tune;
use crate::sys::{socket, stream};

/// The longest time that connecting and the handshake may take.
#[cfg(feature = "manager-tcp")]
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the server can be reached.
#[derive(Debug, Clone)]
pub(in crate::manager) enum Endpoint {
    /// On this machine: the clients' end of the server's socket.
    Local(Arc<Descriptor>),
    /// By TCP: the address and the key.
    #[cfg(feature = "manager-tcp")]
    Tcp(SocketAddr, Key),
}

impl Endpoint {
    /// Returns whether sessions that were opened at `other` are as good, given that both are the
    /// same manager's.
    pub(super) fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(_), Self::Local(_)) => true,
            #[cfg(feature = "manager-tcp")]
            (Self::Tcp(address, key), Self::Tcp(other, other_key)) => address == other && key == other_key,
            #[cfg(feature = "manager-tcp")]
            _ => false,
        }
    }

    /// Opens a session.
    pub(super) fn open(&self) -> Result<FramedStream> {
        match self {
            Self::Local(socket) => {
                let (own, end) = stream::pair()?;
                socket::send(socket, &[1], &[end.as_fd()], true).map_err(|errno| to_error(errno.into()))?;
                Ok(FramedStream::new(own))
            }
            #[cfg(feature = "manager-tcp")]
            Self::Tcp(address, key) => open_tcp(*address, key),
        }
    }

    /// Opens a session where there was one before: if the server does not listen any more, it is
    /// gone.
    pub(super) fn reopen(&self) -> Result<FramedStream> {
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
