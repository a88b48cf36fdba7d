//! The messages of a channel: the bytes of a value, or how many of them there are in the shared
//! memory that goes along.

use std::os::fd::OwnedFd;

use serde::de::DeserializeOwned;

use crate::codec::{self, Source};
use crate::error::{Error, Result};
use crate::fds::Descriptor;
use crate::kind::ObjectKind;
use crate::protocol::MAX_MESSAGE;
use crate::queue::store::no_memory;
use crate::sys::shm::{self, Bytes};

/// Bytes of the largest value that goes through the socket itself. The kernel's default buffer
/// holds six of them, or some 250 small ones.
const MAX_INLINE: usize = 32 * 1024;

/// Bytes before a value: its length if it goes along as shared memory, otherwise 0.
const HEAD: usize = 8;

/// Bytes of the largest message.
pub(super) const MAX_LEN: usize = HEAD + MAX_INLINE;

/// Returns the message for the bytes of a value, and the memory that goes along with it.
pub(super) fn wrap(bytes: &[u8]) -> Result<(Vec<u8>, Option<Descriptor>)> {
    let size = bytes.len() as u64;
    if size > MAX_MESSAGE {
        return Err(Error::too_large(size, MAX_MESSAGE));
    }
    if bytes.len() > MAX_INLINE {
        return Ok((size.to_le_bytes().to_vec(), Some(Descriptor::new(shared(bytes)?))));
    }
    Ok(([&[0; HEAD][..], bytes].concat(), None))
}

/// Returns shared memory with these bytes.
fn shared(bytes: &[u8]) -> Result<OwnedFd> {
    let memory = shm::create_growing(&ObjectKind::LargeValue.memory_name(), bytes.len())?;
    Bytes::open_range(&memory, 0, bytes.len())?.write(0, bytes);
    Ok(memory)
}

/// Decodes a message of the socket, or the memory that came with it.
pub(super) fn decode<T: DeserializeOwned + 'static>(message: &[u8], memory: Option<Descriptor>) -> Result<T> {
    let garbled = || Error::Decode("what came is no value of a channel".into());
    let (head, inline) = message.split_first_chunk::<HEAD>().ok_or_else(garbled)?;
    let Some(memory) = memory else { return codec::decode_guarded(Source::Slice(inline)) };
    let len = usize::try_from(u64::from_le_bytes(*head)).map_err(|_| garbled())?;
    let shared = Bytes::open_range(&memory, 0, len).map_err(|_| garbled())?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| no_memory(len))?;
    shared.read(0, len, &mut bytes);
    codec::decode_guarded(Source::Buffer(&mut bytes))
}
