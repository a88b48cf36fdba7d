//! Handles: values that stand for an object of the kernel (a pipe's end, shared memory, a file of
//! the program) and can be sent to another process.
//!
//! Such a value is a [`Descriptor`] and little else. Serialized as an argument or result of a task
//! or a message of a [`Connection`](crate::Connection), it adds its descriptor to the [`handles`]
//! of that message, which the thread has in a [`context`], and writes only its index there. The
//! descriptors are [sent](send) beside the message, by `SCM_RIGHTS`. Serialized anywhere else, it
//! is an error.
//!
//! [`Fd`] makes such a value of any descriptor that the program has.

mod context;
mod descriptor;
mod fd;
mod handles;
#[cfg(all(test, not(multiproc_loom)))]
mod tests;

#[cfg(feature = "manager-tcp")]
pub(crate) use context::require_message;
pub(crate) use context::{
    Packed, Scope, deserialize, forbid, is_unpacking_handles, pack, packed, packed_count, packed_since,
    require_packing, serialize, unpack,
};
#[cfg(feature = "tokio")]
pub(crate) use descriptor::watch_readable;
pub(crate) use descriptor::{Descriptor, close_inherited};
pub use fd::Fd;
pub(crate) use handles::{Handles, Travel};

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::error::{Context, Error, Result};
use crate::kind::ObjectKind;
use crate::sys::poll::await_readable;
use crate::sys::socket::{self, Received};

use handles::MAX_HANDLES;

/// An encoded value and the handles in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    pub(crate) handles: Handles,
}

/// The bit of a handle's byte for one owner at a time.
const MOVED: u8 = 0x80;

/// Encodes the byte that is sent beside a handle's descriptor.
fn encode_kind(kind: ObjectKind, travel: Travel) -> u8 {
    kind.code() | if travel == Travel::Moved { MOVED } else { 0 }
}

/// Decodes what [`encode_kind`] encoded.
fn decode_kind(byte: u8) -> (Option<ObjectKind>, Travel) {
    (ObjectKind::of_code(byte & !MOVED), if byte & MOVED == 0 { Travel::Shared } else { Travel::Moved })
}

/// Returns the bytes for handles that are sent, and their descriptors.
fn describe(handles: &Handles) -> Result<(Vec<u8>, Vec<BorrowedFd<'_>>)> {
    let all = handles.all().ok_or_else(|| {
        Error::Encode(
            "a handle with one owner (such as a Connection or an Fd) went to one process already, and cannot go to another"
                .into(),
        )
    })?;
    let kinds = all.iter().map(|handle| encode_kind(handle.kind, handle.travel)).collect();
    let descriptors = all.into_iter().map(|handle| handle.descriptor.as_fd()).collect();
    Ok((kinds, descriptors))
}

/// Returns the handles of these descriptors and bytes, as far as there are both.
fn described(descriptors: Vec<OwnedFd>, kinds: &[u8]) -> Handles {
    let each = descriptors.into_iter().map(Descriptor::new).zip(kinds);
    Handles::received(each.map(|(descriptor, byte)| {
        let (kind, travel) = decode_kind(*byte);
        (descriptor, kind, travel)
    }))
}

/// Sends `handles` in one message; with `wait`, waits for room. Those with one owner are the
/// receiver's afterwards.
pub(crate) fn send(channel: impl AsFd, handles: &mut Handles, wait: bool) -> Result<()> {
    let (kinds, descriptors) = describe(handles)?;
    socket::send(channel, &kinds, &descriptors, wait).map_err(|errno| match errno {
        Errno::EPIPE | Errno::ECONNRESET => Error::Disconnected,
        errno => Error::io("cannot send a handle", errno),
    })?;
    handles.sent();
    Ok(())
}

/// The result of [`receive`].
pub(crate) enum Arrived {
    Handles(Handles),
    /// A message without handles.
    Empty,
    Nothing,
    End,
}

/// Receives one message, without waiting: what [`send`] sent, or one without handles.
pub(crate) fn receive(channel: impl AsFd) -> Result<Arrived> {
    let mut kinds = [0; MAX_HANDLES];
    Ok(match socket::receive(channel, &mut kinds).context("cannot receive a handle")? {
        Received::Message(_, descriptors) if descriptors.is_empty() => Arrived::Empty,
        Received::Message(len, descriptors) => Arrived::Handles(described(descriptors, &kinds[..len])),
        // None of them, so that the value that needs them is refused, and the next message does not
        // get these.
        Received::Truncated(_) => Arrived::Handles(Handles::default()),
        Received::Nothing => Arrived::Nothing,
        Received::End => Arrived::End,
    })
}

/// Receives handles that were sent before this process could learn of them, without waiting. There
/// are none if they were lost on their way, or never sent.
pub(crate) fn receive_sent(channel: impl AsFd) -> Handles {
    let arrived = match receive(&channel) {
        // The kernel reports the death of a peer that had not read all ahead of what it had sent,
        // once.
        Ok(Arrived::End) => receive(&channel),
        arrived => arrived,
    };
    match arrived {
        Ok(Arrived::Handles(handles)) => handles,
        Ok(Arrived::Empty | Arrived::Nothing | Arrived::End) | Err(_) => Handles::default(),
    }
}

/// Receives handles, and waits for them.
pub(crate) fn wait(channel: impl AsFd) -> Result<Handles> {
    loop {
        match receive(&channel)? {
            Arrived::Handles(handles) => return Ok(handles),
            Arrived::Empty => {}
            Arrived::Nothing => {
                // Whatever ends this wait, the next call of `receive` returns it.
                let _ = await_readable(&channel, None);
            }
            Arrived::End => return Err(Error::Disconnected),
        }
    }
}

/// Bytes before those of a value: the number of its handles, and the kind of each.
pub(crate) const MAX_VALUE_HEAD: usize = 1 + MAX_HANDLES;

/// Sends a value in one message with its handles, and with `memory` if it needs some, without
/// waiting. Returns `false` if there is no room now.
pub(crate) fn try_send_value(
    channel: impl AsFd,
    value: &[u8],
    handles: &mut Handles,
    memory: Option<&Descriptor>,
) -> Result<bool> {
    let (kinds, mut descriptors) = describe(handles)?;
    descriptors.extend(memory.map(AsFd::as_fd));
    let message = [&[kinds.len() as u8][..], &kinds, value].concat();
    match socket::send(channel, &message, &descriptors, false) {
        Ok(()) => {}
        Err(Errno::EAGAIN) => return Ok(false),
        Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(Error::Disconnected),
        Err(errno) => return Err(Error::io("cannot send a value", errno)),
    }
    handles.sent();
    Ok(true)
}

/// The result of [`receive_value`].
pub(crate) enum ArrivedValue {
    /// The bytes from `start` to `end` of the buffer.
    Value {
        start: usize,
        end: usize,
        handles: Handles,
        memory: Option<Descriptor>,
    },
    Nothing,
    End,
}

/// Receives what [`try_send_value`] sent, without waiting.
pub(crate) fn receive_value(channel: impl AsFd, buffer: &mut [u8]) -> Result<ArrivedValue> {
    let (end, mut descriptors) = match socket::receive(channel, buffer).context("cannot receive a value")? {
        Received::Message(len, descriptors) => (len, descriptors),
        Received::Truncated(_) => {
            let lost = "a value is lost, as this process has no descriptors left for its handles";
            return Err(Error::Decode(lost.into()));
        }
        Received::Nothing => return Ok(ArrivedValue::Nothing),
        Received::End => return Ok(ArrivedValue::End),
    };
    let start = 1 + usize::from(buffer[0]);
    let memory = if descriptors.len() == start { descriptors.pop().map(Descriptor::new) } else { None };
    if descriptors.len() + 1 != start || start > end {
        return Err(Error::Decode("what came is no value of a channel".into()));
    }
    Ok(ArrivedValue::Value { start, end, handles: described(descriptors, &buffer[1..start]), memory })
}
