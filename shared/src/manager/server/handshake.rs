//! Handshakes with clients that have come by TCP and have not proven yet that they have the key.
//!
//! Each costs a descriptor and no thread, and ends within [`TIMEOUT`]. If too many clients come at
//! once the oldest handshake is given up: a client with the key needs a moment only.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::error::{Context, Result};
use crate::manager::framed_stream::FramedStream;
use crate::manager::key::{Key, Nonce, RESPONSE, challenge};
use crate::manager::protocol::random_bytes;
use crate::sys::stream_socket::{self, tcp};

/// The longest time that a handshake may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most handshakes at a time.
const MAX_PENDING: usize = 64;
/// The pause after the system had no descriptor for a client.
const PAUSE: Duration = Duration::from_millis(20);

/// The listener for clients by TCP, and the handshakes with those that have come.
pub(super) struct Handshakes {
    listener: TcpListener,
    key: Key,
    /// By rising deadline.
    pending: VecDeque<Handshake>,
}

/// A handshake with a client that has been sent a challenge.
struct Handshake {
    stream: FramedStream,
    nonce: Nonce,
    response: [u8; RESPONSE],
    received: usize,
    deadline: Instant,
}

/// How far a handshake is.
enum Progress {
    Pending,
    Proven,
    Failed,
}

impl Handshakes {
    /// Returns the handshakes with the clients that will come to `listener`.
    pub(super) fn new(listener: TcpListener, key: Key) -> Result<Self> {
        listener.set_nonblocking(true).context("cannot set up the manager's listener")?;
        Ok(Self { listener, key, pending: VecDeque::new() })
    }

    /// Returns the descriptors to wait for: the listener's, then one for each handshake.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let pending = self.pending.iter().map(|handshake| handshake.stream.as_fd());
        std::iter::once(self.listener.as_fd()).chain(pending)
    }

    /// Returns when the first handshake is to be given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.front().map(|handshake| handshake.deadline)
    }

    /// Continues the handshakes whose descriptors are `ready`, in the order of
    /// [`fds`](Handshakes::fds). Returns the streams of clients that have proven themselves.
    pub(super) fn advance(&mut self, ready: &[bool]) -> Vec<FramedStream> {
        let mut proven = Vec::new();
        let now = Instant::now();
        let mut ready_streams = ready.iter().skip(1).chain(std::iter::repeat(&false));
        for mut handshake in std::mem::take(&mut self.pending) {
            let ready = *ready_streams.next().unwrap_or(&false);
            match if ready { handshake.advance(&self.key) } else { Progress::Pending } {
                Progress::Proven => proven.push(handshake.stream),
                Progress::Pending if now < handshake.deadline => self.pending.push_back(handshake),
                Progress::Pending | Progress::Failed => {}
            }
        }
        if ready.first() == Some(&true) {
            self.accept();
        }
        proven
    }

    /// Accepts as many clients as there is room for, so that the responses of those that are here
    /// are read before one of them has to go.
    fn accept(&mut self) {
        for _ in 0..MAX_PENDING.saturating_sub(self.pending.len()).max(1) {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if self.pending.len() == MAX_PENDING {
                        self.pending.pop_front();
                    }
                    self.pending.extend(Handshake::begin(stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // No descriptor is left. The listener stays ready, and this must not become a busy
                // wait.
                Err(_) => return std::thread::sleep(PAUSE),
            }
        }
    }
}

impl Handshake {
    /// Sends a challenge; returns `None` if the client has gone already.
    fn begin(stream: TcpStream) -> Option<Self> {
        let stream = FramedStream::new(tcp::tune(stream).ok()?);
        let nonce: Nonce = random_bytes().ok()?;
        // There is room for a first message, or something is wrong.
        stream.write_by(&challenge(&nonce), Some(Instant::now())).ok()?;
        Some(Self { stream, nonce, response: [0; RESPONSE], received: 0, deadline: Instant::now() + TIMEOUT })
    }

    /// Reads what has arrived of the response, and checks it once it is whole.
    fn advance(&mut self, key: &Key) -> Progress {
        match stream_socket::receive(&self.stream, &mut self.response[self.received..], Some(Instant::now())) {
            Err(error) if error.kind() == ErrorKind::TimedOut => return Progress::Pending,
            Ok(0) | Err(_) => return Progress::Failed,
            Ok(more) => self.received += more,
        }
        if self.received < RESPONSE {
            return Progress::Pending;
        }
        let proof = key.admit(&self.nonce, &self.response);
        let sent = proof.map(|proof| self.stream.write_by(&proof, Some(Instant::now())));
        if matches!(sent, Some(Ok(()))) { Progress::Proven } else { Progress::Failed }
    }
}
