//! Encodes and decodes the values that a manager stores. In them a proxy of the same manager is a
//! number, and any other handle is an error: the manager's process has no use for its descriptors.

use std::cell::RefCell;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::codec::{self, Source};
use crate::error::Result;
use crate::fds::forbid;
use crate::manager::client::ServerConnection;
use crate::manager::message::Message;
use crate::manager::protocol::Request;
use crate::sys::memory::on_large_pages;

thread_local! {
    static CURRENT: RefCell<Option<Arc<ServerConnection>>> = const { RefCell::new(None) };
}

const NO_HANDLES: &str = "a handle (connection, queue, lock, …) cannot be kept by a manager; its own lists, \
     dictionaries, namespaces and queues can";

/// Restores the former connection, also after a panic.
struct Restore(Option<Arc<ServerConnection>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

/// Returns the connection to the manager whose value this thread encodes or decodes now, if it
/// does.
pub(super) fn current() -> Option<Arc<ServerConnection>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `code`, which encodes or decodes a value that the manager behind `connection` stores.
fn within<R>(connection: &Arc<ServerConnection>, code: impl FnOnce() -> R) -> R {
    let _restore = Restore(CURRENT.replace(Some(connection.clone())));
    forbid(NO_HANDLES, code)
}

/// Returns the message of a request with the values that `fill` writes.
pub(super) fn encode(
    connection: &Arc<ServerConnection>,
    request: &Request,
    fill: impl FnOnce(&mut ValueWriter) -> Result<()>,
) -> Result<Message> {
    connection.check()?;
    let mut writer = ValueWriter(Message::new(request)?);
    within(connection, || fill(&mut writer))?;
    Ok(writer.0)
}

/// Decodes a value.
pub(super) fn decode<T: DeserializeOwned + 'static>(connection: &Arc<ServerConnection>, bytes: &[u8]) -> Result<T> {
    within(connection, || codec::decode_guarded(Source::Slice(bytes)))
}

/// Decodes a key of a dictionary, or a name.
pub(super) fn decode_key<T: DeserializeOwned>(connection: &Arc<ServerConnection>, bytes: &[u8]) -> Result<T> {
    within(connection, || codec::guard_decoding(|| codec::decode_plain(bytes)))
}

/// Writes the values of a request.
pub(in crate::manager) struct ValueWriter(Message);

impl ValueWriter {
    /// Appends a value.
    pub(in crate::manager) fn value<T: Serialize + 'static>(&mut self, value: &T) -> Result<()> {
        self.0.append(|out| {
            if let Some(bytes) = codec::view(value) {
                out.reserve(bytes.len());
                on_large_pages(out);
            }
            codec::guard_encoding::<T>(|| codec::encode_ref(value, out))
        })
    }

    /// Appends a key of a dictionary, or a name. Equal keys must be equal bytes.
    pub(in crate::manager) fn key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<()> {
        self.0.append(|out| codec::guard_encoding::<K>(|| codec::encode_plain(key, out)))
    }

    /// Appends a value as the manager has sent it.
    pub(super) fn encoded(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.append_bytes(bytes)
    }
}
