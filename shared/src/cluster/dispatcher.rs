//! Rank 0: gives the chunks of its engine to the ranks that run them, and the outcomes back to the
//! engine.

use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::cluster::Rank;
use crate::cluster::balancer::{Balancer, Weight};
use crate::cluster::inbox::Message;
use crate::cluster::peer::{AssignedChunk, Peer};
use crate::cluster::protocol::{Head, LARGE, Malformed, RecordKind, Records, quit_message};
use crate::cluster::timing::{Activity, Heartbeat, PollInterval, sleep};
use crate::cluster::transport::Transport;
use crate::engine::{Chunk, Engine, Order, Outcome, Parts, Status};
use crate::error::{Error, Origin};

/// The most chunks that are taken from the backlog at a time.
const BATCH: usize = 1024;

/// The dispatcher on rank 0.
pub(super) struct Dispatcher {
    engine: Arc<Engine>,
    transport: Transport,
    /// Peer 0 is rank 1.
    peers: Vec<Peer>,
    balancer: Balancer,
    /// Chunks whose outcome is known.
    finished: Vec<Chunk>,
    heartbeat: Heartbeat,
    last_check: Instant,
}

impl Dispatcher {
    /// Returns a dispatcher for `ranks`.
    pub(super) fn new(engine: Arc<Engine>, transport: Transport, ranks: &[Rank], heartbeat: Heartbeat) -> Self {
        let balancer = Balancer::new(ranks.iter().map(|rank| rank.processes));
        let peers = ranks.iter().cloned().map(Peer::new).collect();
        Self { engine, transport, peers, balancer, finished: Vec::new(), heartbeat, last_check: Instant::now() }
    }

    /// Works until the engine is at its end. Returns the transport, and which ranks are lost.
    pub(super) fn run(mut self) -> (Transport, Vec<bool>) {
        let mut interval = PollInterval::new();
        let status = loop {
            let mut moved = self.receive_all();
            moved |= self.pass_orders();
            moved |= self.hand_out();
            self.flush();
            if self.last_check.elapsed() >= self.heartbeat.check_interval() {
                self.check_peers();
            }
            match self.engine.status() {
                Status::Open => {}
                status => break status,
            }
            if moved || self.transport.has_moved() {
                interval.reset();
            } else {
                self.sleep(&interval);
            }
        };
        if status == Status::Ended {
            let left: Vec<_> = self.peers.iter_mut().flat_map(Peer::take_all).collect();
            self.engine.bring_back(left.into_iter().map(|assigned| assigned.chunk.failed(&Error::Cancelled)));
        }
        (self.transport, self.peers.iter().map(Peer::is_lost).collect())
    }

    fn sleep(&mut self, interval: &PollInterval) {
        if self.balancer.total_chunks() > 0 {
            // New tasks are found soon enough: a wake-up for each would cost more than it hastens.
            let activity = if self.transport.is_moving() { Activity::Transfer } else { Activity::Tasks };
            sleep(interval.sleep_time(activity));
        } else if self.engine.io_thread_sleeps() {
            thread::park_timeout(self.heartbeat.check_interval());
        }
    }

    /// Handles all messages that have come; returns whether there were any.
    fn receive_all(&mut self) -> bool {
        let mut any = false;
        while let Some((from, message)) = self.transport.receive() {
            any = true;
            let at = from.wrapping_sub(1);
            if self.peers.get(at).is_none_or(Peer::is_lost) {
                continue;
            }
            let handled = match message {
                Message::Batch(message) => self.handle(at, &message),
                Message::Large { head, payload } => self.handle_large(at, &head, payload),
            };
            if handled.is_err() {
                self.lose(at);
            }
        }
        if !self.finished.is_empty() {
            self.engine.bring_back(mem::take(&mut self.finished));
        }
        any
    }

    /// Handles a message of a peer.
    fn handle(&mut self, at: usize, message: &[u8]) -> Result<(), Malformed> {
        let mut back = Vec::new();
        for record in Records(message) {
            let (kind, head, payload) = record?;
            match kind {
                RecordKind::Done => {
                    let (frames, rest) = split(payload, head.first)?;
                    let parts = Parts { frames: frames.to_vec(), rest: rest.to_vec(), ..Parts::default() };
                    self.finish(at, head, parts)?;
                }
                RecordKind::Returned => {
                    let assigned = self.peers[at].take(head.slot)?;
                    self.balancer.subtract(at, assigned.weight);
                    back.push(assigned.unassign());
                }
                RecordKind::Cost => self.engine.record_cost(head.function, head.first),
                RecordKind::Counters => {
                    self.engine.record_server(at, postcard::from_bytes(payload).map_err(|_| Malformed)?);
                }
                RecordKind::Heartbeat => self.peers[at].end_return(),
                _ => return Err(Malformed),
            }
        }
        if !back.is_empty() {
            self.engine.put_back(back);
        }
        Ok(())
    }

    /// Handles a record of a peer whose payload is large, which is the outcome of a chunk.
    fn handle_large(&mut self, at: usize, head: &[u8], frames: Vec<u8>) -> Result<(), Malformed> {
        let (record, rest) = Head::split(head)?;
        if record.kind() != Some(RecordKind::Done) {
            return Err(Malformed);
        }
        let (head, rest) = split(rest, record.first)?;
        self.finish(at, record, Parts { head: head.to_vec(), frames, rest: rest.to_vec(), ..Parts::default() })
    }

    /// Takes a chunk from a peer, with what came of it; `parts` but for what the record says.
    fn finish(&mut self, at: usize, record: Head, parts: Parts) -> Result<(), Malformed> {
        let AssignedChunk { mut chunk, arguments, weight } = self.peers[at].take(record.slot)?;
        self.balancer.subtract(at, weight);
        let parts = Parts { failures: record.count, pid: record.pid, ..parts };
        match Outcome::assemble(parts, chunk.tasks().count) {
            Some(outcome) => chunk.set_outcome(outcome),
            None => chunk = chunk.failed(&Error::Decode("the rank's results cannot be read".into())),
        }
        self.finished.push(chunk);
        if let Some(arguments) = arguments {
            self.transport.reuse(arguments);
        }
        Ok(())
    }

    /// Passes on to the ranks what was ordered about chunks that they have.
    fn pass_orders(&mut self) -> bool {
        let orders = self.engine.take_orders();
        for order in &orders {
            let (kind, job) = match *order {
                Order::Cancel(job) => (RecordKind::Cancel, job),
                Order::Abandon(job) => (RecordKind::Abandon, job),
                Order::Forget(job) => (RecordKind::Forget, job),
                Order::CancelPending => (RecordKind::CancelPending, 0),
            };
            for (at, peer) in self.peers.iter_mut().enumerate() {
                let concerned =
                    if kind == RecordKind::Forget { peer.forget_state(job) } else { self.balancer.chunks(at) > 0 };
                if concerned {
                    peer.outbox().push(Head { job, ..Head::new(kind) }, &[]);
                }
            }
        }
        !orders.is_empty()
    }

    /// Gives the ranks the chunks for which they have room.
    fn hand_out(&mut self) -> bool {
        let balancer = &mut self.balancer;
        let mut weights = Vec::new();
        let handed = self.engine.hand_out(BATCH, |offer| {
            let at = balancer.choose(offer)?;
            let weight = Weight::of(offer);
            balancer.add(at, weight);
            weights.push(weight);
            Some(at)
        });
        let any = !handed.is_empty();
        for ((at, chunk), weight) in handed.into_iter().zip(weights) {
            if let Some((head, state)) = self.peers[at].missing_state(chunk.job()) {
                self.send_state(at, head, state);
            }
            if let Some((head, arguments)) = self.peers[at].assign(chunk, weight) {
                self.send_large(at, head, arguments);
            } else if self.peers[at].outbox().is_full() {
                self.send(at);
            }
        }
        any
    }

    /// Sends a peer the state of a job, behind what waits for it.
    fn send_state(&mut self, at: usize, head: Head, state: Arc<Vec<u8>>) {
        if state.len() < LARGE {
            return self.peers[at].outbox().push(head, &state);
        }
        self.send_large(at, head, state);
    }

    /// Sends a peer a record whose payload is large, behind what waits for it.
    fn send_large(&mut self, at: usize, head: Head, payload: Arc<Vec<u8>>) {
        self.send(at);
        if !self.peers[at].is_lost() && !self.transport.send_large(at + 1, bytemuck::bytes_of(&head), &payload) {
            self.lose(at);
        }
    }

    fn flush(&mut self) {
        for at in 0..self.peers.len() {
            self.send(at);
        }
    }

    /// Sends a peer what waits for it.
    fn send(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        if peer.is_lost() {
            return;
        }
        if let Some(message) = peer.outbox().take()
            && !self.transport.send(at + 1, message)
        {
            self.lose(at);
        }
    }

    /// Does what is due from time to time: finds lost ranks, evens out the load.
    fn check_peers(&mut self) {
        self.last_check = Instant::now();
        for at in 0..self.peers.len() {
            if !self.peers[at].is_lost() && self.heartbeat.is_lost(self.transport.silent_for(at + 1)) {
                self.lose(at);
            }
        }
        if let Some((at, count)) = self.balancer.imbalance()
            && self.peers[at].ask_to_return(count as u32)
        {
            self.send(at);
        }
    }

    /// Gives up a rank: the tasks that it had fail, or are begun again elsewhere, and it gets no
    /// more.
    fn lose(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        let Rank { rank, host, .. } = peer.rank();
        let (rank, host, silent_for) = (*rank, host.clone(), self.transport.silent_for(at + 1));
        let error = Error::RankLost { rank, host, silent_for, origin: Origin::default() };
        let chunks = peer.lose();
        // If the rank is there after all, it stays, and out of the way.
        self.transport.set_heartbeat(at + 1, quit_message(false));
        self.balancer.remove_rank(at);
        let mut again = Vec::new();
        let failed: Vec<_> = chunks
            .into_iter()
            .filter_map(|mut assigned| match assigned.chunk.lose_next(error.clone()) {
                Some(error) => Some(assigned.chunk.failed(&error)),
                None => {
                    again.push(assigned.unassign());
                    None
                }
            })
            .collect();
        self.engine.put_back(again);
        // Before anybody gets the error, so that the numbers of workers and of tasks that run are
        // true by then.
        let workers = self.balancer.total_workers();
        self.engine.lose_server(at, workers);
        if workers == 0 {
            self.engine.break_down(error);
        }
        self.engine.bring_back(failed);
    }
}

/// Splits bytes after the first `len`.
fn split(bytes: &[u8], len: u64) -> Result<(&[u8], &[u8]), Malformed> {
    bytes.split_at_checked(usize::try_from(len).map_err(|_| Malformed)?).ok_or(Malformed)
}
