//! Messages between ranks: the only file that uses MPI.
//!
//! Two threads of a process make the calls, one at a time, under a lock: that of the [`Transport`],
//! which has other work between two calls, and one that does nothing but to send heartbeats and to
//! look for messages, so that a rank which has much to do is not taken for one that is gone. No
//! call waits: what is sent and received goes on in the background, and each look moves it on. Open
//! MPI's waiting calls spin, and would wait for ever for a rank that is gone.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mpi::Threading;
use mpi::environment::Universe;
use mpi::ffi;
use mpi::topology::Communicator;
use mpi::traits::AsRaw;

use crate::cluster::timing::Heartbeat;
use crate::error::{Context, Error, Result};

/// Messages go in pieces of up to this many bytes: MPI counts in 31 bits, and each piece is a sign
/// of life while a large message comes.
const PIECE: usize = 1 << 20;

/// The time between two looks for messages that counts, as a multiple of the time between two looks
/// of the thread for heartbeats: if more has passed, this process was stopped, or had no CPU.
const MAX_PAUSE: u32 = 2;

/// The tag of a message's last piece, mostly its only one, and of those before it.
const LAST: c_int = 1;
const MORE: c_int = 2;
/// The tag of the head of a large payload, which follows it: so neither side has to copy the
/// payload into a message, or out of one.
const HEAD: c_int = 3;

/// The tag of a heartbeat, which may come between the pieces of a message.
const ALONE: c_int = 4;

/// Heartbeats are sent to a rank as long as no more pieces than these are on their way to it: one
/// that is gone takes none.
const MAX_UNSENT: usize = 64;

/// A piece on its way out.
struct Sending {
    request: ffi::MPI_Request,
    to: usize,
    /// Kept until MPI is done with it.
    _message: Arc<Vec<u8>>,
}

/// A piece on its way in.
struct Receiving {
    request: ffi::MPI_Request,
    from: usize,
    tag: c_int,
    done: bool,
    piece: Vec<u8>,
}

/// A message that has come.
pub(super) enum Message {
    /// Records.
    Batch(Vec<u8>),
    /// A single record, whose payload is large.
    Large { head: Vec<u8>, payload: Vec<u8> },
}

/// The messages between this process and the other ranks.
pub(super) struct Transport {
    /// Finalizes MPI when it is dropped.
    _universe: Universe,
    rank: usize,
    size: usize,
    messages: Arc<Mutex<Messages>>,
    /// The thread that sends heartbeats, which ends when the sender is dropped.
    heartbeats: Option<(Sender<()>, JoinHandle<()>)>,
}

/// What both threads work on.
struct Messages {
    comm: ffi::MPI_Comm,
    size: usize,
    sending: Vec<Sending>,
    receiving: VecDeque<Receiving>,
    /// For each rank, the pieces of a message whose last one is still to come.
    pieces: Vec<Vec<u8>>,
    /// When a piece last came from each rank.
    last_received: Vec<Instant>,
    /// When this process last looked for messages.
    last_look: Instant,
    /// What is sent to each rank if nothing else is, and when something last was.
    heartbeats: Vec<Option<Arc<Vec<u8>>>>,
    last_sent: Vec<Instant>,
    /// When heartbeats are due, once there are some.
    times: Option<Heartbeat>,
}

// SAFETY: the handles of MPI in it, some of which are pointers, belong to the process, and may be
// used by any of its threads, one at a time, once MPI has granted `Threading::Serialized`.
unsafe impl Send for Messages {}

impl Transport {
    /// Initialises MPI. The calling thread finalizes it.
    pub(super) fn new() -> Result<Self> {
        let refused =
            || Error::InvalidState("MPI was initialised by this process before, which can be done once".into());
        if mpi::environment::is_initialized() {
            return Err(refused());
        }
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized).ok_or_else(refused)?;
        if threading < Threading::Serialized {
            return Err(Error::InvalidState(format!("{} can be used by one thread only", library())));
        }
        let world = universe.world();
        let (comm, rank, size) = (world.as_raw(), world.rank() as usize, world.size() as usize);
        // SAFETY: `comm` is the world, which lives as long as the universe; the handler is one of
        // MPI's own.
        unsafe { ffi::MPI_Comm_set_errhandler(comm, ffi::RSMPI_ERRORS_RETURN) };
        let now = Instant::now();
        let messages = Messages {
            comm,
            size,
            sending: Vec::new(),
            receiving: VecDeque::new(),
            pieces: vec![Vec::new(); size],
            last_received: vec![now; size],
            last_look: now,
            heartbeats: vec![None; size],
            last_sent: vec![now; size],
            times: None,
        };
        let messages = Arc::new(Mutex::new(messages));
        Ok(Self { _universe: universe, rank, size, messages, heartbeats: None })
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        lock(&self.messages)
    }

    /// Has a thread send `heartbeat` to the ranks with which this one has to do, as often as
    /// `times` say: rank 0 with all, the others with rank 0.
    pub(super) fn start_heartbeats(&mut self, heartbeat: Vec<u8>, times: Heartbeat) -> Result<()> {
        let others = if self.rank == 0 { 1..self.size } else { 0..1 };
        let heartbeat = Arc::new(heartbeat);
        let mut messages = self.lock();
        messages.heartbeats[others].fill(Some(heartbeat));
        messages.times = Some(times);
        drop(messages);
        let (stop, stopped) = channel();
        let messages = self.messages.clone();
        let beat = move || {
            while stopped.recv_timeout(times.beat_interval()) == Err(RecvTimeoutError::Timeout) {
                lock(&messages).keep_alive(times);
            }
        };
        let thread = thread::Builder::new().name("multiproc-heartbeat".into()).spawn(beat);
        self.heartbeats = Some((stop, thread.context("cannot start a thread")?));
        Ok(())
    }

    /// Sends this from now on in place of the heartbeat.
    pub(super) fn set_heartbeat(&mut self, to: usize, message: Vec<u8>) {
        self.lock().heartbeats[to] = Some(Arc::new(message));
    }

    /// Ends the thread that sends heartbeats: nobody may send to a rank that finalizes MPI.
    pub(super) fn stop_heartbeats(&mut self) {
        self.lock().times = None;
        if let Some((stop, thread)) = self.heartbeats.take() {
            drop(stop);
            // It runs no code of the program, so it does not panic.
            let _ = thread.join();
        }
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
        let messages = self.lock();
        messages.last_look.saturating_duration_since(messages.last_received[rank])
    }

    /// Sends a message. Returns whether MPI accepted it.
    pub(super) fn send(&mut self, to: usize, message: Vec<u8>) -> bool {
        self.lock().send(to, Arc::new(message), LAST)
    }

    /// Sends a single record, whose payload is not copied. Returns whether MPI accepted it.
    pub(super) fn send_large(&mut self, to: usize, head: &[u8], payload: Arc<Vec<u8>>) -> bool {
        let mut messages = self.lock();
        messages.send(to, payload, MORE) && messages.send(to, Arc::new(head.to_vec()), HEAD)
    }

    /// Returns whether everything that was sent has left, except to ranks for which `gone` is true.
    pub(super) fn all_sent(&mut self, gone: impl Fn(usize) -> bool) -> bool {
        let mut messages = self.lock();
        messages.look();
        messages.sending.iter().all(|sending| gone(sending.to))
    }

    /// Returns the next message that has come, after the rank that has sent it.
    pub(super) fn receive(&mut self) -> Option<(usize, Message)> {
        let mut messages = self.lock();
        messages.look();
        messages.take_next()
    }

    /// Finalizes MPI, together with all other ranks.
    pub(super) fn finalize(self) {
        drop(self);
    }

    /// Leaves MPI without finalizing it, which would wait for ranks that are gone. Buffers that it
    /// may still use are leaked.
    pub(super) fn leak(mut self) {
        self.stop_heartbeats();
        std::mem::forget(self);
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.stop_heartbeats();
    }
}

impl Messages {
    /// Records that this process looks for messages now. If it has not done so for a while, most of
    /// that does not count as the other ranks' silence.
    fn record_look(&mut self) {
        let pause = self.last_look.elapsed();
        self.last_look += pause;
        let max = self.times.map_or(pause, |times| MAX_PAUSE * times.beat_interval());
        let excess = pause.saturating_sub(max);
        self.last_received.iter_mut().for_each(|last| *last += excess);
    }

    /// Sends a message whose last piece has the tag `last`. Returns whether MPI accepted it.
    fn send(&mut self, to: usize, message: Arc<Vec<u8>>, last: c_int) -> bool {
        let mut taken = true;
        self.last_sent[to] = Instant::now();
        for Range { start, end } in pieces(message.len()) {
            let tag = if end == message.len() { last } else { MORE };
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
            if last != ALONE {
                self.send_heartbeats();
            }
        }
        taken
    }

    /// Sends the heartbeats that are due, and looks for messages if no other thread has just done
    /// so.
    fn keep_alive(&mut self, times: Heartbeat) {
        self.send_heartbeats();
        if self.last_look.elapsed() >= times.beat_interval() {
            self.look();
        }
    }

    /// Sends the heartbeats that are due. The other thread may wait for the lock while pieces come,
    /// so whichever has it does this.
    fn send_heartbeats(&mut self) {
        let Some(times) = self.times else { return };
        for to in 0..self.size {
            let due = times.is_due(self.last_sent[to]);
            if let Some(heartbeat) = self.heartbeats[to].clone().filter(|_| due)
                && self.sending.iter().filter(|sending| sending.to == to).count() < MAX_UNSENT
            {
                // A rank that cannot be reached shows by its silence.
                self.send(to, heartbeat, ALONE);
            }
        }
    }

    /// Moves on what is sent and received.
    fn look(&mut self) {
        self.record_look();
        self.sending.retain_mut(|sending| !is_done(&mut sending.request));
        while self.begin_receiving() {
            self.send_heartbeats();
        }
        for at in 0..self.receiving.len() {
            let receiving = &mut self.receiving[at];
            if !receiving.done && is_done(&mut receiving.request) {
                receiving.done = true;
                self.last_received[receiving.from] = Instant::now();
            }
            // Each test may move much.
            self.send_heartbeats();
        }
    }

    /// Returns the next message that is complete, after the rank that has sent it.
    fn take_next(&mut self) -> Option<(usize, Message)> {
        loop {
            // The pieces of one rank in their order.
            let mut waiting = Vec::new();
            let ready = self.receiving.iter().position(|receiving| {
                let first = !waiting.contains(&receiving.from);
                waiting.push(receiving.from);
                receiving.done && first
            })?;
            let Receiving { from, tag, piece, .. } = self.receiving.remove(ready)?;
            let before = &mut self.pieces[from];
            if tag == HEAD {
                return Some((from, Message::Large { head: piece, payload: std::mem::take(before) }));
            }
            if tag == ALONE || tag == LAST && before.is_empty() {
                return Some((from, Message::Batch(piece)));
            }
            before.extend_from_slice(&piece);
            if tag == LAST {
                return Some((from, Message::Batch(std::mem::take(before))));
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
            self.receiving.push_back(Receiving { request, from, tag: status.MPI_TAG, done: false, piece });
        }
        true
    }
}

fn lock(messages: &Mutex<Messages>) -> MutexGuard<'_, Messages> {
    messages.lock().unwrap_or_else(PoisonError::into_inner)
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
