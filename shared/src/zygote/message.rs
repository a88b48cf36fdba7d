//! The messages between the program and its zygote, one socket message each.

use serde::{Deserialize, Serialize};

use crate::exit_status::ExitStatus;

/// Bytes that any message fits into.
pub(super) const MAX_MESSAGE_LEN: usize = 64;

/// A request of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Open a group of workers, with this channel (one descriptor).
    Open,
    /// Start a worker (three descriptors: its segment, the notifier, its socket for handles), by
    /// exec if `exec` is set. With `keep`, the processes that it has started stay when it is
    /// killed.
    Start { worker: u64, exec: bool, keep: bool },
    /// Send a signal to a worker, if it is running; with `handled`, only to a handler that the
    /// worker has set.
    Signal { worker: u64, signal: i32, handled: bool },
}

/// A report of the zygote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The worker has been forked.
    Started { worker: u64, pid: u32 },
    /// The worker could not be started, because of this error number.
    Refused { worker: u64, errno: i32 },
    /// The worker has ended and was reaped.
    Exited { worker: u64, status: ExitStatus },
}

/// Encodes a message into `buffer`; returns its length.
pub(super) fn encode<M: Serialize>(message: &M, buffer: &mut [u8; MAX_MESSAGE_LEN]) -> usize {
    // The messages are a few integers each, at most 10 bytes apiece in this encoding: they fit.
    postcard::to_slice(message, buffer).map_or(0, |bytes| bytes.len())
}

/// Decodes a message. Returns `None` for bytes that are none, which the receiver ignores.
pub(super) fn decode<M: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<M> {
    postcard::from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn largest_messages_fit() {
        let mut buffer = [0; MAX_MESSAGE_LEN];
        let requests = [
            Request::Start { worker: u64::MAX, exec: true, keep: true },
            Request::Signal { worker: u64::MAX, signal: i32::MIN, handled: true },
            Request::Open,
        ];
        for request in requests {
            let len = encode(&request, &mut buffer);
            assert_eq!(decode::<Request>(&buffer[..len]), Some(request));
        }
        let report = Report::Exited { worker: u64::MAX, status: ExitStatus::Signaled(i32::MIN) };
        let len = encode(&report, &mut buffer);
        assert_eq!(decode::<Report>(&buffer[..len]), Some(report));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..MAX_MESSAGE_LEN)) {
            let mut buffer = [0; MAX_MESSAGE_LEN];
            if let Some(request) = decode::<Request>(&bytes) {
                let len = encode(&request, &mut buffer);
                prop_assert_eq!(decode::<Request>(&buffer[..len]), Some(request));
            }
            if let Some(report) = decode::<Report>(&bytes) {
                let len = encode(&report, &mut buffer);
                prop_assert_eq!(decode::<Report>(&buffer[..len]), Some(report));
            }
        }
    }
}
