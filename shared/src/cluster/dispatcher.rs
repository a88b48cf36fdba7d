//! Rank 0: hands the chunks of its engine to the ranks that run them, and brings back what came of
//! them.

use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::Rank;
use crate::cluster::pace::Pace;
use crate::cluster::peer::{Entry, Peer};
use crate::cluster::protocol::{Garbled, Head, Kind, Parcels, push};
use crate::cluster::roster::{Roster, Weight};
use crate::cluster::transport::Transport;
use crate::engine::{Chunk, Engine, Order, Outcome, Outlook};
use crate::error::Error;

/// Chunks taken from the backlog at a time.
const BATCH: usize = 1024;

/// A message is sent once it has grown to this many bytes.
const ENOUGH: usize = 1 << 20;

/// How long the end of the ranks may take that can still be heard.
const FAREWELL: Duration = Duration::from_secs(5);

pub(super) struct Dispatcher {
    engine: Arc<Engine>,
    transport: Transport,
    /// Peer 0 is rank 1.
    peers: Vec<Peer>,
    roster: Roster,
    /// Chunks whose outcome is known.
    finished: Vec<Chunk>,
    silence: Duration,
    ticked: Instant,
}

impl Dispatcher {
    pub(super) fn new(engine: Arc<Engine>, transport: Transport, ranks: &[Rank], silence: Duration) -> Self {
        let roster = Roster::new(ranks.iter().map(|rank| rank.processes));
        let peers = ranks.iter().cloned().map(Peer::new).collect();
        Self { engine, transport, peers, roster, finished: Vec::new(), silence, ticked: Instant::now() }
    }

    /// Works until the engine is at its end; then ends the ranks, and MPI. Comes back with what
    /// cannot be ended in good order.
    pub(super) fn run(mut self) -> Option<Remains> {
        let mut pace = Pace::new();
        let outlook = loop {
            let mut moved = self.hear_all();
            moved |= self.pass_orders();
            moved |= self.hand_out();
            self.flush();
            if self.ticked.elapsed() >= tick(self.silence) {
                self.tick();
            }
            match self.engine.outlook() {
                Outlook::Open => {}
                outlook => break outlook,
            }
            if moved {
                pace.moved();
            } else {
                self.sleep(&pace);
            }
        };
        if outlook == Outlook::Ended {
            let left: Vec<_> = self.peers.iter_mut().flat_map(Peer::take_all).collect();
            self.engine.bring_back(left.into_iter().map(|chunk| chunk.lose(&Error::Cancelled)));
        }
        let lost: Vec<bool> = self.peers.iter().map(|peer| peer.lost).collect();
        dismiss(self.transport, &lost, self.silence)
    }

    fn sleep(&mut self, pace: &Pace) {
        if self.roster.all_chunks() > 0 {
            // Who has something new for the ranks is heard soon enough: each wake-up would cost more than it
            // hastens.
            thread::sleep(pace.nap(true));
        } else if self.engine.carrier_sleeps() {
            thread::park_timeout(tick(self.silence));
        }
    }

    /// Takes all messages; says whether there were any.
    fn hear_all(&mut self) -> bool {
        let mut any = false;
        while let Some((from, message)) = self.transport.receive() {
            any = true;
            let at = from.wrapping_sub(1);
            if self.peers.get(at).is_some_and(|peer| !peer.lost) && self.hear(at, &message).is_err() {
                self.lose(at);
            }
        }
        if !self.finished.is_empty() {
            self.engine.bring_back(mem::take(&mut self.finished));
        }
        any
    }

    fn hear(&mut self, at: usize, message: &[u8]) -> Result<(), Garbled> {
        let peer = &mut self.peers[at];
        let mut back = Vec::new();
        for parcel in Parcels(message) {
            let (kind, head, payload) = parcel?;
            match kind {
                Kind::Done => {
                    let Entry { mut chunk, weight } = peer.take(head.ticket)?;
                    self.roster.take_back(at, weight);
                    let len = usize::try_from(head.first).map_err(|_| Garbled)?;
                    let (frames, rest) = payload.split_at_checked(len).ok_or(Garbled)?;
                    let told = (head.count, head.pid);
                    match Outcome::assemble(frames.to_vec(), chunk.tasks().count, told, rest) {
                        Some(outcome) => chunk.arrive(outcome),
                        None => chunk = chunk.lose(&Error::Decode("the rank's results cannot be read".into())),
                    }
                    self.finished.push(chunk);
                }
                Kind::Returned => {
                    let Entry { chunk, weight } = peer.take(head.ticket)?;
                    self.roster.take_back(at, weight);
                    back.push(chunk);
                }
                Kind::Cost => self.engine.learn(head.function, head.first),
                Kind::Load => (peer.running, peer.busy_ns) = (head.count.into(), head.first),
                Kind::Beat => peer.asked_back = false,
                _ => return Err(Garbled),
            }
        }
        if !back.is_empty() {
            self.engine.put_back(back);
        }
        let (running, busy_ns) = self.peers.iter().fold((0, 0), |(running, busy_ns): (u64, u64), peer| {
            (running + peer.running, busy_ns.saturating_add(peer.busy_ns))
        });
        self.engine.note_outside(running, busy_ns);
        Ok(())
    }

    /// Tells the ranks what was ordered about chunks that they have.
    fn pass_orders(&mut self) -> bool {
        let orders = self.engine.orders();
        for order in &orders {
            let (kind, job) = match *order {
                Order::Cancel(job) => (Kind::Cancel, job),
                Order::Abandon(job) => (Kind::Abandon, job),
                Order::Forget(job) => (Kind::Forget, job),
                Order::CancelPending => (Kind::CancelPending, 0),
            };
            for (at, peer) in self.peers.iter_mut().enumerate() {
                let concerned =
                    if kind == Kind::Forget { peer.states.remove(&job) } else { self.roster.chunks(at) > 0 };
                if concerned {
                    push(&mut peer.outbox, Head { job, ..Head::new(kind) }, &[]);
                }
            }
        }
        !orders.is_empty()
    }

    /// Gives the ranks what they have room for.
    fn hand_out(&mut self) -> bool {
        let roster = &mut self.roster;
        let mut weights = Vec::new();
        let handed = self.engine.hand_out(BATCH, |offer| {
            let at = roster.choose(offer)?;
            let weight = Weight::of(offer);
            roster.give(at, weight);
            weights.push(weight);
            Some(at)
        });
        let any = !handed.is_empty();
        for ((at, chunk), weight) in handed.into_iter().zip(weights) {
            let peer = &mut self.peers[at];
            let job = chunk.job().clone();
            let function = job.function.0;
            if let Some(state) = job.state()
                && peer.states.insert(job.id)
            {
                push(&mut peer.outbox, Head { job: job.id, function, ..Head::new(Kind::State) }, &state.bytes);
            }
            let (count, first) = (chunk.tasks().count, chunk.first_task());
            let at_ticket = peer.keep(Entry { chunk, weight });
            let head = Head { ticket: at_ticket, count, job: job.id, function, first, ..Head::new(Kind::Run) };
            if let Some(Some(entry)) = peer.entries.get(at_ticket as usize) {
                push(&mut peer.outbox, head, &entry.chunk.tasks().payload);
            }
            if peer.outbox.len() >= ENOUGH {
                self.send(at);
            }
        }
        any
    }

    fn flush(&mut self) {
        for at in 0..self.peers.len() {
            self.send(at);
        }
    }

    fn send(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        if peer.outbox.is_empty() || peer.lost {
            return;
        }
        peer.said = Instant::now();
        let message = mem::take(&mut peer.outbox);
        if !self.transport.send(at + 1, message) {
            self.lose(at);
        }
    }

    /// What is to be done now and then: says that rank 0 is here, and looks who is not.
    fn tick(&mut self) {
        self.ticked = Instant::now();
        for at in 0..self.peers.len() {
            let peer = &mut self.peers[at];
            let due = peer.said.elapsed() >= self.silence / 4;
            if peer.lost {
                if due {
                    // Should it be there after all, it stays, and out of the way.
                    peer.said = Instant::now();
                    self.transport.send(at + 1, quit(false));
                }
                continue;
            }
            if self.transport.silent_for(at + 1) > self.silence {
                self.lose(at);
            } else if due {
                push(&mut peer.outbox, Head::new(Kind::Beat), &[]);
                self.send(at);
            }
        }
        if let Some((at, count)) = self.roster.unfair()
            && !mem::replace(&mut self.peers[at].asked_back, true)
        {
            push(&mut self.peers[at].outbox, Head { count: count as u32, ..Head::new(Kind::Return) }, &[]);
            self.send(at);
        }
    }

    /// A rank is gone: the tasks that it had fail, and it gets no more.
    fn lose(&mut self, at: usize) {
        let peer = &mut self.peers[at];
        peer.lost = true;
        let Rank { rank, host, .. } = &peer.rank;
        let error = Error::RankLost { rank: *rank, host: host.clone(), silent_for: self.transport.silent_for(at + 1) };
        peer.outbox.clear();
        let chunks: Vec<_> = peer.take_all().collect();
        self.roster.remove(at);
        self.engine.bring_back(chunks.into_iter().map(|chunk| chunk.lose(&error)));
        match self.roster.workers() {
            0 => self.engine.break_down(error),
            workers => self.engine.set_breadth(workers),
        }
    }
}

/// Time between two looks at who is here.
pub(super) fn tick(silence: Duration) -> Duration {
    (silence / 20).clamp(Duration::from_millis(1), Duration::from_millis(50))
}

/// The message that ends a rank.
fn quit(orderly: bool) -> Vec<u8> {
    let mut message = Vec::new();
    push(&mut message, Head { count: orderly.into(), ..Head::new(Kind::Quit) }, &[]);
    message
}

/// Ends the ranks that are not lost, and MPI: in good order if all of them can be heard. Comes back
/// with what is left otherwise.
pub(super) fn dismiss(mut transport: Transport, lost: &[bool], silence: Duration) -> Option<Remains> {
    let gone = |rank: usize| rank > 0 && lost[rank - 1];
    let mut bye: Vec<bool> = lost.to_vec();
    for rank in (1..=lost.len()).filter(|rank| !gone(*rank)) {
        transport.send(rank, quit(!lost.contains(&true)));
    }
    let until = Instant::now() + FAREWELL;
    let pace = Pace::new();
    while Instant::now() < until {
        while let Some((from, message)) = transport.receive() {
            let says_bye = Parcels(&message).any(|parcel| parcel.is_ok_and(|(kind, ..)| kind == Kind::Bye));
            if let (true, Some(bye)) = (says_bye, bye.get_mut(from.wrapping_sub(1))) {
                *bye = true;
            }
        }
        if bye.iter().all(|bye| *bye) && transport.all_sent(gone) {
            break;
        }
        thread::sleep(pace.nap(true));
    }
    if bye.contains(&false) || lost.contains(&true) {
        return Some(Remains { transport, silence });
    }
    transport.finalize();
    None
}

/// Ranks that cannot end in good order, because others are lost.
pub(super) struct Remains {
    transport: Transport,
    silence: Duration,
}

impl Remains {
    /// Has the ranks stay as long as this process: were they to exit first, the launcher would end
    /// all of them, and this one with them.
    pub(super) fn keep(mut self) -> ! {
        loop {
            for rank in 1..self.transport.size() {
                self.transport.send(rank, quit(false));
            }
            let until = Instant::now() + self.silence / 4;
            while Instant::now() < until {
                while self.transport.receive().is_some() {}
                thread::sleep(tick(self.silence));
            }
        }
    }
}
