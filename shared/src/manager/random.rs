//! Numbers that nobody can guess.

use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Error, Result};

/// Bytes that nobody can guess, such as a fresh nonce.
pub(super) fn random<const LEN: usize>() -> Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    // Up to 256 bytes come whole, or not at all if a signal comes before the system has any:
    // getrandom(2).
    retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))
        .map_err(|error| Error::io("cannot get random bytes", error))?;
    Ok(bytes)
}
