//! Those who have come by TCP and have not proven yet that they know the key.
//!
//! They cost a descriptor each, no thread, and are let in or sent away within [`PATIENCE`]. If too
//! many come at once the oldest goes: one who knows the key needs a moment only.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use crate::error::{Context, Result};
use crate::manager::key::{Key, Nonce, RESPONSE, challenge};
use crate::manager::random::random;
use crate::manager::stream::Stream;
use crate::sys::{stream, tcp};

/// How long a newcomer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Newcomers at a time.
const MOST: usize = 64;
/// The pause after the system had no descriptor for a newcomer.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Gate {
    listener: TcpListener,
    key: Key,
    /// By rising deadline.
    arrivals: VecDeque<Arrival>,
}

/// Somebody who has been sent a challenge.
struct Arrival {
    stream: Stream,
    nonce: Nonce,
    response: [u8; RESPONSE],
    have: usize,
    deadline: Instant,
}

/// What has become of an arrival.
enum Verdict {
    Wait,
    Admitted,
    Refused,
}

impl Gate {
    pub(super) fn new(listener: TcpListener, key: Key) -> Result<Self> {
        listener.set_nonblocking(true).context("cannot set up the manager's listener")?;
        Ok(Self { listener, key, arrivals: VecDeque::new() })
    }

    /// What to wait for: the listener first, then everybody at the gate.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let arrivals = self.arrivals.iter().map(|arrival| arrival.stream.as_fd());
        std::iter::once(self.listener.as_fd()).chain(arrivals)
    }

    /// When somebody's time is up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.arrivals.front().map(|arrival| arrival.deadline)
    }

    /// Goes on with those for whom `ready`, in the order of [`fds`](Gate::fds), says that there is
    /// something. Returns whom to let in.
    pub(super) fn step(&mut self, ready: &[bool]) -> Vec<Stream> {
        let mut admitted = Vec::new();
        let (now, key) = (Instant::now(), self.key.clone());
        let mut ready_ones = ready.iter().skip(1).chain(std::iter::repeat(&false));
        let arrivals = std::mem::take(&mut self.arrivals);
        for mut arrival in arrivals {
            let ready = *ready_ones.next().unwrap_or(&false);
            match if ready { arrival.hear(&key) } else { Verdict::Wait } {
                Verdict::Admitted => admitted.push(arrival.stream),
                Verdict::Wait if now < arrival.deadline => self.arrivals.push_back(arrival),
                Verdict::Wait | Verdict::Refused => {}
            }
        }
        if ready.first() == Some(&true) {
            self.accept();
        }
        admitted
    }

    /// Takes in as many as there is room for, so that those who are here are heard before one of
    /// them has to go.
    fn accept(&mut self) {
        for _ in 0..MOST.saturating_sub(self.arrivals.len()).max(1) {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    if self.arrivals.len() == MOST {
                        self.arrivals.pop_front();
                    }
                    self.arrivals.extend(Arrival::challenge(stream));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // No descriptor is left. The listener stays ready, and this must not become a busy wait.
                Err(_) => return std::thread::sleep(PAUSE),
            }
        }
    }
}

impl Arrival {
    /// `None` if the newcomer has gone already.
    fn challenge(stream: TcpStream) -> Option<Self> {
        let stream = Stream::new(tcp::tune(stream).ok()?);
        let nonce: Nonce = random().ok()?;
        // There is room for a first message, or something is wrong.
        stream.write_by(&challenge(&nonce), Some(Instant::now())).ok()?;
        Some(Self { stream, nonce, response: [0; RESPONSE], have: 0, deadline: Instant::now() + PATIENCE })
    }

    fn hear(&mut self, key: &Key) -> Verdict {
        match stream::receive(&self.stream, &mut self.response[self.have..], Some(Instant::now())) {
            Err(error) if error.kind() == ErrorKind::TimedOut => return Verdict::Wait,
            Ok(0) | Err(_) => return Verdict::Refused,
            Ok(more) => self.have += more,
        }
        if self.have < RESPONSE {
            return Verdict::Wait;
        }
        let proof = key.admit(&self.nonce, &self.response);
        let sent = proof.map(|proof| self.stream.write_by(&proof, Some(Instant::now())));
        if matches!(sent, Some(Ok(()))) { Verdict::Admitted } else { Verdict::Refused }
    }
}
