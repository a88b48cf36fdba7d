//! Random numbers: what identifies a manager, and the nonces of the TCP handshake.

use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The number that tells a manager from all others, also from those of other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManagerId(u128);

impl ManagerId {
    /// Returns a new identifier.
    pub(super) fn random() -> Result<Self> {
        random_bytes().map(u128::from_ne_bytes).map(Self)
    }
}

/// Returns bytes that cannot be guessed, such as a fresh nonce.
pub(super) fn random_bytes<const LEN: usize>() -> Result<[u8; LEN]> {
    const { assert!(LEN <= 256) };
    let mut bytes = [0; LEN];
    // Up to 256 bytes come whole, or not at all if a signal comes before the system has any:
    // getrandom(2).
    retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))
        .map_err(|error| Error::io("cannot get random bytes", error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_managers_have_the_same_identifier() {
        assert_ne!(ManagerId::random().unwrap(), ManagerId::random().unwrap());
    }
}
