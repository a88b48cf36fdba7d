//! The key that both sides of a TCP connection have, and the proof of it, which does not show it.
//!
//! ```text
//! server → client   magic, server's nonce
//! client → server   client's nonce, HMAC(key, "client", both nonces)
//! server → client   HMAC(key, "server", both nonces)
//! ```
//!
//! All messages have a fixed size. The client proves itself first, so that a stranger receives
//! nothing but random bytes. The labels keep a proof from being sent back as the other side's, the
//! nonces from being sent once more. (After the challenge and response of Python's
//! `multiprocessing.connection`, which proves each direction in a round of its own.)

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};
use sha2::Sha256;

use crate::error::{Error, Result};
use crate::fds::require_message;

/// A number that is used once.
pub(super) type Nonce = [u8; 32];
/// A proof, which can be computed only with the key.
pub(super) type Proof = [u8; 32];

const MAGIC: [u8; 8] = *b"mpmgr/1\n";
/// The size of the server's first message.
pub(super) const CHALLENGE: usize = 8 + 32;
/// The size of the client's message.
pub(super) const RESPONSE: usize = 32 + 32;

/// A secret. `Debug` does not show it, and it leaves the process only within the crate's own
/// messages.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key(Arc<[u8]>);

/// The side that proves that it has the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

impl Side {
    /// Returns what the side's proof begins with.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Client => b"multiproc manager 1: client",
            Self::Server => b"multiproc manager 1: server",
        }
    }
}

impl Key {
    /// Returns the key of these bytes, which must not be empty.
    pub(super) fn new(bytes: &[u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::Config("the manager's key is empty; use at least 16 random bytes".into()));
        }
        Ok(Self(bytes.into()))
    }

    /// Returns the state of HMAC for the proof of `side`.
    fn mac(&self, side: Side, server: &Nonce, client: &Nonce) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of any length.
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).ok()?;
        for part in [side.label(), server, client] {
            mac.update(part);
        }
        Some(mac)
    }

    /// Returns what `side` sends to prove that it has the key.
    fn proof(&self, side: Side, server: &Nonce, client: &Nonce) -> Option<Proof> {
        Some(self.mac(side, server, client)?.finalize().into_bytes().into())
    }

    /// Returns whether `proof` is what `side` would send; takes the same time whatever is wrong
    /// with it.
    fn verify(&self, side: Side, server: &Nonce, client: &Nonce, proof: &Proof) -> bool {
        self.mac(side, server, client).is_some_and(|mac| mac.verify_slice(proof).is_ok())
    }

    /// Returns the server's answer to a client's response: its own proof, if the client's is right.
    pub(super) fn admit(&self, server: &Nonce, response: &[u8; RESPONSE]) -> Option<Proof> {
        let (client, proof) = halves(response)?;
        if self.verify(Side::Client, server, client, proof) { self.proof(Side::Server, server, client) } else { None }
    }

    /// Returns the client's response to a challenge; `None` if that is none.
    pub(super) fn respond(&self, challenge: &[u8; CHALLENGE], client: &Nonce) -> Option<[u8; RESPONSE]> {
        let proof = self.proof(Side::Client, nonce_of(challenge)?, client)?;
        let mut response = [0; RESPONSE];
        response[..32].copy_from_slice(client);
        response[32..].copy_from_slice(&proof);
        Some(response)
    }

    /// Returns whether the server has proven itself to the client that received `challenge` and
    /// sent `client`.
    pub(super) fn verify_server(&self, challenge: &[u8; CHALLENGE], client: &Nonce, proof: &Proof) -> bool {
        nonce_of(challenge).is_some_and(|server| self.verify(Side::Server, server, client, proof))
    }
}

/// Returns the server's first message.
pub(super) fn challenge(server: &Nonce) -> [u8; CHALLENGE] {
    let mut challenge = [0; CHALLENGE];
    challenge[..8].copy_from_slice(&MAGIC);
    challenge[8..].copy_from_slice(server);
    challenge
}

/// Returns the server's nonce.
fn nonce_of(challenge: &[u8; CHALLENGE]) -> Option<&Nonce> {
    challenge.strip_prefix(&MAGIC)?.first_chunk()
}

/// Returns the client's nonce and proof.
fn halves(response: &[u8; RESPONSE]) -> Option<(&Nonce, &Proof)> {
    Some((response.first_chunk()?, response.last_chunk()?))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        require_message().map_err(ser::Error::custom)?;
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|bytes| Self(bytes.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::protocol::random_bytes;

    #[test]
    fn only_the_holder_of_the_key_is_verified() {
        let (key, other) = (Key::new(b"right").unwrap(), Key::new(b"wrong").unwrap());
        let (server, client): (Nonce, Nonce) = (random_bytes().unwrap(), random_bytes().unwrap());
        let challenge = challenge(&server);
        let response = key.respond(&challenge, &client).unwrap();
        let proof = key.admit(&server, &response).unwrap();
        assert!(key.verify_server(&challenge, &client, &proof));
        assert!(!other.verify_server(&challenge, &client, &proof));
        assert_eq!(key.admit(&server, &other.respond(&challenge, &client).unwrap()), None);
        // A recorded response is of no use for the next connection.
        assert_eq!(key.admit(&random_bytes().unwrap(), &response), None);
        // Nor is the client's own proof as the server's, or the other way round.
        let (nonce, own) = halves(&response).unwrap();
        assert!(!key.verify_server(&challenge, nonce, own));
        let mut reflected = response;
        reflected[32..].copy_from_slice(&proof);
        assert_eq!(key.admit(&server, &reflected), None);
    }

    #[test]
    fn any_changed_bit_is_refused() {
        let key = Key::new(&[7; 16]).unwrap();
        let (server, client): (Nonce, Nonce) = (random_bytes().unwrap(), random_bytes().unwrap());
        let response = key.respond(&challenge(&server), &client).unwrap();
        for bit in 0..RESPONSE * 8 {
            let mut changed = response;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.admit(&server, &changed), None, "bit {bit}");
        }
    }

    #[test]
    fn a_key_is_not_shown_and_not_serialized_elsewhere() {
        let key = Key::new(b"secret").unwrap();
        assert_eq!(format!("{key:?}"), "Key(…)");
        assert!(serde_json::to_string(&key).is_err());
        assert!(matches!(Key::new(b""), Err(Error::Config(_))));
    }
}
