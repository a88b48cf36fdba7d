//! What the program and its zygote say to each other, one socket message each.

use serde::{Deserialize, Serialize};

use crate::exit_status::ExitStatus;

/// Room for any message.
pub(super) const MAX_MESSAGE_LEN: usize = 64;

/// From the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Request {
    /// Here is the channel of a new group (one descriptor).
    Open,
    /// Start a worker (three descriptors: its segment, the notifier, its socket for handles); exec it
    /// if asked. `keep` says to leave running what it has started when it is killed.
    Start { worker: u64, exec: bool, keep: bool },
    /// Send a signal to a worker, if it still lives; `handled` says only to a handler that it has
    /// set.
    Signal { worker: u64, signal: i32, handled: bool },
}

/// From the zygote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The worker has been forked.
    Started { worker: u64, pid: u32 },
    /// The system refused to fork, with this error number.
    Refused { worker: u64, errno: i32 },
    /// The worker has ended and was reaped.
    Exited { worker: u64, status: ExitStatus },
}

pub(super) fn encode<M: Serialize>(message: &M, buffer: &mut [u8; MAX_MESSAGE_LEN]) -> usize {
    // The messages are a few integers each, at most 10 bytes apiece in this encoding: they fit.
    postcard::to_slice(message, buffer).map_or(0, |bytes| bytes.len())
}

/// `None` if the bytes are no message: the sender is ignored, then.
pub(super) fn decode<M: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<M> {
    postcard::from_bytes(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_messages_fit() {
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
