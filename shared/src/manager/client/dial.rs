//! Becoming a client by TCP.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::manager::key::{CHALLENGE, Key, Nonce, Proof};
use crate::manager::random::random;
use crate::manager::stream::{Stream, failed};
use crate::sys::tcp::tune;

/// How long connecting and proving may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to a manager's address and has both sides prove that they know the key.
///
/// # Errors
/// [`Error::Io`] if there is no connection, [`Error::Denied`] if one side does not believe the
/// other.
pub(super) fn dial(address: SocketAddr, key: &Key) -> Result<Stream> {
    let deadline = Some(Instant::now() + PATIENCE);
    let refused = |error: io::Error| Error::io("cannot connect to the manager", error);
    let stream = Stream::new(TcpStream::connect_timeout(&address, PATIENCE).and_then(tune).map_err(refused)?);
    let mut challenge = [0; CHALLENGE];
    stream.read_by(&mut challenge, deadline).map_err(failed)?;
    let nonce: Nonce = random()?;
    let no_manager = || Error::Denied(format!("what listens at {address} is no manager of this version"));
    let response = key.respond(&challenge, &nonce).ok_or_else(no_manager)?;
    stream.write_by(&response, deadline).map_err(failed)?;
    let mut proof: Proof = [0; 32];
    match stream.read_by(&mut proof, deadline).map_err(failed) {
        Ok(()) if key.trusts(&challenge, &nonce, &proof) => Ok(stream),
        Ok(()) => Err(Error::Denied(format!("what listens at {address} does not know the key"))),
        Err(Error::Disconnected) => Err(Error::Denied(format!("the manager at {address} refused the key"))),
        Err(other) => Err(other),
    }
}
