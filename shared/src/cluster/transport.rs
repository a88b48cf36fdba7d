//! Messages between ranks: the only file that uses MPI.
//!
//! One thread of a process makes all calls. None of them waits: what is sent and received goes on
//! in the background, and [`receive`](Transport::receive) moves it on. Open MPI's waiting calls
//! spin, and would wait for ever for a rank that is gone.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi;
use mpi::topology::Communicator;
use mpi::traits::AsRaw;

use crate::error::{Error, Result};

/// Messages go in pieces of up to this many bytes: MPI counts in 31 bits, and each piece is a sign
/// of life while a large message comes.
const PIECE: usize = 4 << 20;

/// A process that has not looked for messages for this long was stopped: nothing that it does
/// between two looks takes so much time.
const STOPPED_AFTER: Duration = Duration::from_millis(500);

/// The tag of a message's last piece, mostly its only one, and of those before it.
const LAST: c_int = 1;
const MORE: c_int = 2;

/// A piece on its way out.
struct Sending {
    request: ffi::MPI_Request,
    to: usize,
    /// Kept until MPI is done with it.
    _message: Rc<Vec<u8>>,
}

/// A piece on its way in.
struct Receiving {
    request: ffi::MPI_Request,
    from: usize,
    last: bool,
    done: bool,
    piece: Vec<u8>,
}

/// The messages between this process and the other ranks.
pub(super) struct Transport {
    comm: ffi::MPI_Comm,
    universe: Option<Universe>,
    rank: usize,
    size: usize,
    sending: Vec<Sending>,
    receiving: VecDeque<Receiving>,
    /// For each rank, the pieces of a message whose last one is still to come.
    pieces: Vec<Vec<u8>>,
    /// When a piece last came from each rank.
    last_received: Vec<Instant>,
    /// When this process last looked for messages.
    last_look: Instant,
}

impl Transport {
    /// Initialises MPI. The calling thread makes all calls from now on.
    pub(super) fn new() -> Result<Self> {
        let refused =
            || Error::InvalidState("MPI was initialised by this process before, which can be done once".into());
        if mpi::environment::is_initialized() {
            return Err(refused());
        }
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled).ok_or_else(refused)?;
        let world = universe.world();
        let (comm, rank, size) = (world.as_raw(), world.rank() as usize, world.size() as usize);
        // SAFETY: `comm` is the world, which lives as long as the universe; the handler is one of
        // MPI's own.
        unsafe { ffi::MPI_Comm_set_errhandler(comm, ffi::RSMPI_ERRORS_RETURN) };
        let (pieces, last_received) = (vec![Vec::new(); size], vec![Instant::now(); size]);
        let (sending, receiving) = (Vec::new(), VecDeque::new());
        Ok(Self {
            comm,
            universe: Some(universe),
            rank,
            size,
            sending,
            receiving,
            pieces,
            last_received,
            last_look: Instant::now(),
        })
    }

    /// Returns the rank of this process.
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    /// Returns the number of ranks.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Returns for how long this process has looked in vain for something from a rank.
    pub(super) fn silent_for(&self, rank: usize) -> Duration {
        self.last_look.saturating_duration_since(self.last_received[rank])
    }

    /// Records that this process looks for messages now. If it has not done so for a while, because
    /// it was stopped, that does not count as the other ranks' silence.
    fn record_look(&mut self) {
        let pause = self.last_look.elapsed();
        self.last_look += pause;
        if pause > STOPPED_AFTER {
            self.last_received.iter_mut().for_each(|last| *last += pause);
        }
    }

    /// Sends a message. Returns whether MPI accepted it.
    pub(super) fn send(&mut self, to: usize, message: Vec<u8>) -> bool {
        let message = Rc::new(message);
        let mut taken = true;
        for Range { start, end } in pieces(message.len()) {
            let tag = if end == message.len() { LAST } else { MORE };
            let mut request = MaybeUninit::uninit();
            let piece = &message[start..end];
            // SAFETY: the piece is within a vector that nothing changes, and that `sending` keeps
            // until the request is done.
            let code = unsafe {
                ffi::MPI_Isend(
                    piece.as_ptr().cast(),
                    piece.len() as c_int,
                    ffi::RSMPI_UINT8_T,
                    to as c_int,
                    tag,
                    self.comm,
                    request.as_mut_ptr(),
                )
            };
            taken &= succeeded(code);
            if succeeded(code) {
                // SAFETY: a call that succeeded has filled it in.
                let request = unsafe { request.assume_init() };
                self.sending.push(Sending { request, to, _message: message.clone() });
            }
        }
        taken
    }

    /// Returns whether everything that was sent has left, except to ranks for which `gone` is true.
    pub(super) fn all_sent(&mut self, gone: impl Fn(usize) -> bool) -> bool {
        self.sending.retain_mut(|sending| !is_done(&mut sending.request));
        self.sending.iter().all(|sending| gone(sending.to))
    }

    /// Returns the next message that has come, after the rank that has sent it.
    pub(super) fn receive(&mut self) -> Option<(usize, Vec<u8>)> {
        self.record_look();
        self.sending.retain_mut(|sending| !is_done(&mut sending.request));
        while self.begin_receiving() {}
        for receiving in &mut self.receiving {
            if !receiving.done && is_done(&mut receiving.request) {
                receiving.done = true;
                self.last_received[receiving.from] = Instant::now();
            }
        }
        loop {
            // The pieces of one rank in their order.
            let mut waiting = Vec::new();
            let ready = self.receiving.iter().position(|receiving| {
                let first = !waiting.contains(&receiving.from);
                waiting.push(receiving.from);
                receiving.done && first
            })?;
            let Receiving { from, last, piece, .. } = self.receiving.remove(ready)?;
            let before = &mut self.pieces[from];
            if last && before.is_empty() {
                return Some((from, piece));
            }
            before.extend_from_slice(&piece);
            if last {
                return Some((from, std::mem::take(before)));
            }
        }
    }

    /// Begins to receive a piece, if there is one; returns whether there was.
    fn begin_receiving(&mut self) -> bool {
        let (mut found, mut len) = (0, 0);
        let (mut message, mut status) = (MaybeUninit::uninit(), MaybeUninit::<ffi::MPI_Status>::uninit());
        // SAFETY: all pointers are to locals that live through the call.
        let code = unsafe {
            ffi::MPI_Improbe(
                ffi::RSMPI_ANY_SOURCE,
                ffi::RSMPI_ANY_TAG,
                self.comm,
                &mut found,
                message.as_mut_ptr(),
                status.as_mut_ptr(),
            )
        };
        if !succeeded(code) || found == 0 {
            return false;
        }
        // SAFETY: the probe found a message, so that it has filled in both.
        let (mut message, status) = unsafe { (message.assume_init(), status.assume_init()) };
        // SAFETY: the status is of a message found, and the count a local.
        unsafe { ffi::MPI_Get_count(&status, ffi::RSMPI_UINT8_T, &mut len) };
        let mut piece = vec![0u8; len.max(0) as usize];
        let mut request = MaybeUninit::uninit();
        // SAFETY: the buffer is as long as the message, on the heap, and kept with the request
        // until that is done.
        let code = unsafe {
            ffi::MPI_Imrecv(piece.as_mut_ptr().cast(), len, ffi::RSMPI_UINT8_T, &mut message, request.as_mut_ptr())
        };
        let from = status.MPI_SOURCE as usize;
        if succeeded(code) && from < self.size {
            // SAFETY: a call that succeeded has filled it in.
            let request = unsafe { request.assume_init() };
            self.receiving.push_back(Receiving { request, from, last: status.MPI_TAG == LAST, done: false, piece });
        }
        true
    }

    /// Finalizes MPI, together with all other ranks.
    pub(super) fn finalize(mut self) {
        self.universe.take();
    }

    /// Leaves MPI without finalizing it, which would wait for ranks that are gone. Buffers that it
    /// may still use are leaked.
    pub(super) fn leak(mut self) {
        std::mem::forget(self.universe.take());
        std::mem::forget(self);
    }
}

/// Returns the name and version of the MPI library.
pub(super) fn library() -> String {
    let version = mpi::environment::library_version().unwrap_or_default();
    let name = version.trim().split([',', '\n']).next().unwrap_or_default();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the ranges of a message's pieces: at least one, because an empty message is one, too.
fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len.div_ceil(PIECE).max(1)).map(move |piece| piece * PIECE..len.min((piece + 1) * PIECE))
}

fn succeeded(code: c_int) -> bool {
    code == ffi::MPI_SUCCESS as c_int
}

/// Returns whether MPI is done with a request; one that failed counts as done.
fn is_done(request: &mut ffi::MPI_Request) -> bool {
    let mut done = 0;
    // SAFETY: the request was made by MPI and is used until it is done only; all pointers are to
    // what lives through the call.
    let code = unsafe { ffi::MPI_Test(request, &mut done, ffi::RSMPI_STATUS_IGNORE) };
    !succeeded(code) || done != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_message() {
        let ends = |len| pieces(len).map(|piece| (piece.start, piece.end)).collect::<Vec<_>>();
        assert_eq!(ends(0), [(0, 0)]);
        assert_eq!(ends(5), [(0, 5)]);
        assert_eq!(ends(PIECE), [(0, PIECE)]);
        assert_eq!(ends(PIECE + 1), [(0, PIECE), (PIECE, PIECE + 1)]);
    }
}
