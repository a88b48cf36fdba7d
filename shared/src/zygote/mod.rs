//! The zygote: a small single-threaded process that forks the workers, reaps them and reports how
//! each ended.
//!
//! All three start methods have this shape. The program itself has threads as soon as it has a
//! pool, so it must not fork; and the kernel's parent-death signal is tied to the *thread* that
//! forked. A process of one thread solves both. It is an exec'd copy of the program for
//! [`ForkServer`](StartMethod::ForkServer) and [`Spawn`](StartMethod::Spawn), shared by all pools
//! as long as there is one, and a fork of the program for [`Fork`](StartMethod::Fork), one a pool.
//!
//! [`client`] is the program's side, with the process in [`zygote_process`]; [`serve`] is the
//! zygote's side, with the loop in [`server`]. [`Request`] and [`Report`] are the messages between
//! them, one socket message each. [`group`] records the workers of one pool. [`descendants`]
//! reports that a child has ended, and kills the processes that the tasks of a killed worker have
//! started.

mod client;
mod descendants;
mod group;
mod serve;
mod server;
mod zygote_process;

pub(crate) use client::ZygoteClient;
pub(crate) use serve::serve_executed;
pub(crate) use zygote_process::reap_leftover;

use serde::{Deserialize, Serialize};

use crate::exit_status::ExitStatus;

/// The name of a zygote in `ps` and `top`.
const TITLE: &str = "mp-zygote";

/// The way in which worker processes are started.
///
/// Python's counterpart: the argument of `multiprocessing.get_context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[doc(alias("set_start_method", "get_start_method", "get_all_start_methods"))]
pub enum StartMethod {
    /// A server process is exec'd once and forks every worker: quick, and safe in a program with
    /// threads. Workers share nothing with the parent; [`init`](crate::init) must be called. This
    /// is the default. Where threads run before that call, so that the server cannot be forked
    /// safely, each worker is exec'd instead.
    #[default]
    ForkServer,
    /// Each worker is exec'd: the slowest start, and a new process image for each worker.
    /// [`init`](crate::init) must be called.
    Spawn,
    /// Workers are forks of the parent as it was when the pool was built: they inherit its memory
    /// (large read-only data need not be sent) and its open files. Building a pool fails in a
    /// program with several threads.
    Fork,
}

/// Bytes that any message fits into.
const MAX_MESSAGE_LEN: usize = 64;

/// A request of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Request {
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
fn encode<M: Serialize>(message: &M, buffer: &mut [u8; MAX_MESSAGE_LEN]) -> usize {
    // The messages are a few integers each, at most 10 bytes apiece in this encoding: they fit.
    postcard::to_slice(message, buffer).map_or(0, |bytes| bytes.len())
}

/// Decodes a message. Returns `None` for bytes that are none, which the receiver ignores.
fn decode<M: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<M> {
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
