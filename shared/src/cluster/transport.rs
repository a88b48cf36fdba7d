//! The connection between ranks.
//!
//! Two threads of a process use MPI, one at a time, under a lock: that of the [`Transport`], which
//! has other work between two calls, and one that does nothing but to send heartbeats and to look
//! for messages, so that a rank which has much to do is not taken for one that is gone. No call
//! waits: what is sent and received goes on in the background, and each look moves it on. Open
//! MPI's waiting calls spin, and would wait for ever for a rank that is gone.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::cluster::inbox::Message;
use crate::cluster::messages::Messages;
use crate::cluster::requests::World;
use crate::cluster::timing::Heartbeat;
use crate::error::{Context, Result};

/// The messages between this process and the other ranks.
pub(super) struct Transport {
    rank: usize,
    size: usize,
    /// Shared with the thread that sends heartbeats while that runs.
    messages: Arc<Mutex<Messages>>,
    /// The thread that sends heartbeats, which ends when the sender is dropped.
    heartbeats: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Transport {
    /// Initialises MPI. The calling thread finalizes it.
    pub(super) fn new() -> Result<Self> {
        let world = World::start()?;
        let (rank, size) = (world.rank(), world.size());
        let messages = Arc::new(Mutex::new(Messages::new(world)));
        Ok(Self { rank, size, messages, heartbeats: None })
    }

    fn lock(&self) -> MutexGuard<'_, Messages> {
        lock(&self.messages)
    }

    /// Has a thread send `heartbeat` to the ranks with which this one has to do, as often as
    /// `times` say: rank 0 with all, the others with rank 0.
    pub(super) fn start_heartbeats(&mut self, heartbeat: Vec<u8>, times: Heartbeat) -> Result<()> {
        let others = if self.rank == 0 { 1..self.size } else { 0..1 };
        self.lock().set_heartbeats(others, heartbeat, times);
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
        self.lock().set_heartbeat(to, message);
    }

    /// Ends the thread that sends heartbeats: nobody may send to a rank that finalizes MPI.
    pub(super) fn stop_heartbeats(&mut self) {
        self.lock().end_heartbeats();
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
        self.lock().silent_for(rank)
    }

    /// Sends a message. Returns whether MPI accepted it.
    pub(super) fn send(&mut self, to: usize, message: Vec<u8>) -> bool {
        self.lock().send(to, message)
    }

    /// Sends a single record, whose payload is not copied. Returns whether MPI accepted it.
    pub(super) fn send_large(&mut self, to: usize, head: &[u8], payload: &Arc<Vec<u8>>) -> bool {
        self.lock().send_large(to, head, payload)
    }

    /// Returns whether everything that was sent has left, except to ranks for which `gone` is true.
    pub(super) fn all_sent(&mut self, gone: impl Fn(usize) -> bool) -> bool {
        self.lock().all_sent(gone)
    }

    /// Returns the next message that has come, after the rank that has sent it.
    pub(super) fn receive(&mut self) -> Option<(usize, Message)> {
        self.lock().receive()
    }

    /// Returns whether a part of a message that has several has come or gone since the last call.
    pub(super) fn has_moved(&mut self) -> bool {
        self.lock().has_moved()
    }

    /// Keeps the memory of a payload that was sent, for one that comes, if nothing else has it.
    pub(super) fn reuse(&mut self, payload: Arc<Vec<u8>>) {
        self.lock().reuse(payload);
    }

    /// Returns whether parts of a message are on their way, which only looks move on.
    pub(super) fn is_moving(&self) -> bool {
        self.lock().is_moving()
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

fn lock(messages: &Mutex<Messages>) -> MutexGuard<'_, Messages> {
    messages.lock().unwrap_or_else(PoisonError::into_inner)
}
