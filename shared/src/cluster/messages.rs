//! What is under way between this process and the other ranks. What has come waits in the
//! [`inbox`](crate::cluster::inbox) of its rank.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::inbox::{ALONE, HEAD, Inbox, LAST, MORE, Message, PAYLOAD, Spare, is_part};
use crate::cluster::requests::{Arrival, Buffer, Request, World};
use crate::cluster::timing::Heartbeat;

/// Messages go in pieces of up to this many bytes: MPI counts in 31 bits, and each piece is a sign
/// of life while a large message comes.
const PIECE: usize = 1 << 20;

/// The time between two looks for messages that counts, as a multiple of the time between two looks
/// of the thread for heartbeats: if more has passed, this process was stopped, or had no CPU.
const MAX_PAUSE: u32 = 2;

/// Heartbeats are sent to a rank as long as no more pieces than these are on their way to it: one
/// that is gone takes none.
const MAX_UNSENT: usize = 64;

/// A piece on its way out.
struct Sending {
    request: Request<Arc<Vec<u8>>>,
    to: usize,
    tag: c_int,
}

/// A piece on its way in.
struct Receiving {
    from: usize,
    tag: c_int,
    piece: Piece,
    done: bool,
}

/// Where a piece goes.
enum Piece {
    /// Into memory of its own.
    Own(Request<Vec<u8>>),
    /// So many bytes of a large payload, into its buffer.
    Payload(Request<Arc<Buffer>>, usize),
}

/// The messages between this process and the other ranks.
pub(super) struct Messages {
    world: World,
    sending: Vec<Sending>,
    receiving: VecDeque<Receiving>,
    /// One for each rank, as are the next four.
    inboxes: Vec<Inbox>,
    /// When a piece last came from each rank.
    last_received: Vec<Instant>,
    /// What is sent to each rank if nothing else is, and when something last was.
    heartbeats: Vec<Option<Arc<Vec<u8>>>>,
    last_sent: Vec<Instant>,
    /// When this process last looked for messages.
    last_look: Instant,
    /// Whether a part of a message has come or gone since this was last asked.
    moved: bool,
    /// When heartbeats are due, once there are some.
    times: Option<Heartbeat>,
    spare: Spare,
}

impl Messages {
    /// Returns the messages of a world.
    pub(super) fn new(world: World) -> Self {
        let (now, size) = (Instant::now(), world.size());
        Self {
            world,
            sending: Vec::new(),
            receiving: VecDeque::new(),
            inboxes: (0..size).map(|_| Inbox::default()).collect(),
            last_received: vec![now; size],
            heartbeats: vec![None; size],
            last_sent: vec![now; size],
            last_look: now,
            moved: false,
            times: None,
            spare: Spare::default(),
        }
    }

    /// Sends the ranks what they get if nothing else is sent to them, from now on. `times` say
    /// when.
    pub(super) fn set_heartbeats(&mut self, to: Range<usize>, message: Vec<u8>, times: Heartbeat) {
        self.heartbeats[to].fill(Some(Arc::new(message)));
        self.times = Some(times);
    }

    /// Sends a rank this from now on in place of its heartbeat.
    pub(super) fn set_heartbeat(&mut self, to: usize, message: Vec<u8>) {
        self.heartbeats[to] = Some(Arc::new(message));
    }

    /// Sends no more heartbeats.
    pub(super) fn end_heartbeats(&mut self) {
        self.times = None;
    }

    /// Returns for how long this process has looked in vain for something from a rank.
    pub(super) fn silent_for(&self, rank: usize) -> Duration {
        self.last_look.saturating_duration_since(self.last_received[rank])
    }

    /// Sends a message. Returns whether MPI accepted it.
    pub(super) fn send(&mut self, to: usize, message: Vec<u8>) -> bool {
        self.send_pieces(to, &Arc::new(message), (MORE, LAST))
    }

    /// Sends a single record, whose payload is not copied. Returns whether MPI accepted it.
    pub(super) fn send_large(&mut self, to: usize, head: &[u8], payload: &Arc<Vec<u8>>) -> bool {
        let head = [&payload.len().to_ne_bytes(), head].concat();
        self.send_pieces(to, &Arc::new(head), (HEAD, HEAD)) && self.send_pieces(to, payload, (PAYLOAD, PAYLOAD))
    }

    /// Returns whether everything that was sent has left, except to ranks for which `gone` is true.
    pub(super) fn all_sent(&mut self, gone: impl Fn(usize) -> bool) -> bool {
        self.look();
        self.sending.iter().all(|sending| gone(sending.to))
    }

    /// Returns the next message that has come, after the rank that has sent it.
    pub(super) fn receive(&mut self) -> Option<(usize, Message)> {
        self.look();
        self.take_next()
    }

    /// Returns whether a part of a message that has several has come or gone since the last call.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Keeps the memory of a payload that was sent, for one that comes, if nothing else has it.
    pub(super) fn reuse(&mut self, payload: Arc<Vec<u8>>) {
        self.spare.add(Some(payload));
    }

    /// Returns whether parts of a message are on their way, which only looks move on.
    pub(super) fn is_moving(&self) -> bool {
        self.sending.iter().any(|sending| is_part(sending.tag)) || self.inboxes.iter().any(Inbox::has_part)
    }

    /// Sends the heartbeats that are due, and looks for messages if no other thread has just done
    /// so.
    pub(super) fn keep_alive(&mut self, times: Heartbeat) {
        self.send_heartbeats();
        if self.last_look.elapsed() >= times.beat_interval() {
            self.look();
        }
    }

    /// Records that this process looks for messages now. If it has not done so for a while, most of
    /// that does not count as the other ranks' silence.
    fn record_look(&mut self) {
        let pause = self.last_look.elapsed();
        self.last_look += pause;
        let max = self.times.map_or(pause, |times| MAX_PAUSE * times.beat_interval());
        let excess = pause.saturating_sub(max);
        self.last_received.iter_mut().for_each(|last| *last += excess);
    }

    /// Sends a message, with one tag for its last piece and one for those before it. Returns
    /// whether MPI accepted it.
    fn send_pieces(&mut self, to: usize, message: &Arc<Vec<u8>>, (more, last): (c_int, c_int)) -> bool {
        let mut taken = true;
        self.last_sent[to] = Instant::now();
        for piece in pieces(message.len()) {
            let tag = if piece.end == message.len() { last } else { more };
            let request = self.world.send(message, piece, to, tag);
            taken &= request.is_some();
            self.sending.extend(request.map(|request| Sending { request, to, tag }));
            if tag != ALONE {
                self.send_heartbeats();
            }
        }
        taken
    }

    /// Sends the heartbeats that are due. The other thread may wait for the lock while pieces come,
    /// so whichever has it does this.
    fn send_heartbeats(&mut self) {
        let Some(times) = self.times else { return };
        for to in 0..self.heartbeats.len() {
            let due = times.is_due(self.last_sent[to]);
            if let Some(heartbeat) = self.heartbeats[to].clone().filter(|_| due)
                && self.sending.iter().filter(|sending| sending.to == to).count() < MAX_UNSENT
            {
                // A rank that cannot be reached shows by its silence.
                self.send_pieces(to, &heartbeat, (ALONE, ALONE));
            }
        }
    }

    /// Moves on what is sent and received.
    fn look(&mut self) {
        self.record_look();
        self.spare.clear();
        for sending in self.sending.extract_if(.., |sending| sending.request.is_done(&mut self.world)) {
            self.moved |= is_part(sending.tag);
            if sending.tag == PAYLOAD {
                self.spare.add(sending.request.into_memory());
            }
        }
        while self.begin_receiving() {
            self.send_heartbeats();
        }
        for at in 0..self.receiving.len() {
            let receiving = &mut self.receiving[at];
            let is_done = match &mut receiving.piece {
                Piece::Own(request) => request.is_done(&mut self.world),
                Piece::Payload(request, _) => request.is_done(&mut self.world),
            };
            if is_done && !receiving.done {
                receiving.done = true;
                self.moved |= is_part(receiving.tag);
                self.last_received[receiving.from] = Instant::now();
            }
            // Each test may move much.
            self.send_heartbeats();
        }
    }

    /// Begins to receive a piece, if there is one; returns whether there was.
    fn begin_receiving(&mut self) -> bool {
        let Some(arrival) = self.probe() else { return false };
        let (from, tag) = (arrival.from, arrival.tag);
        let Some(inbox) = self.inboxes.get_mut(from) else { return true };
        if tag == HEAD {
            inbox.set_head(arrival.receive(&mut self.world));
            return true;
        }
        let piece = match inbox.buffer() {
            Some(buffer) if tag == PAYLOAD => {
                let len = arrival.len();
                let request = arrival.receive_into(&mut self.world, buffer);
                request.map(|request| Piece::Payload(request, len))
            }
            _ => arrival.receive(&mut self.world).map(Piece::Own),
        };
        self.receiving.extend(piece.map(|piece| Receiving { from, tag, piece, done: false }));
        true
    }

    /// Returns the next message that is about to come. From a rank whose head of a large payload is
    /// not here yet, which is rare, none is taken, since it may be a piece of that payload.
    fn probe(&mut self) -> Option<Arrival> {
        let mut waits = false;
        for (from, inbox) in self.inboxes.iter_mut().enumerate() {
            match inbox.begin_payload(&mut self.world, &mut self.spare) {
                Some(true) => self.last_received[from] = Instant::now(),
                Some(false) => waits = true,
                None => {}
            }
        }
        if !waits {
            return self.world.probe(None);
        }
        let ready = self.inboxes.iter().enumerate().filter(|(_, inbox)| !inbox.awaits_head());
        ready.map(|(from, _)| from).find_map(|from| self.world.probe(Some(from)))
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
            let message = match piece {
                Piece::Own(request) => self.inboxes[from].add(request.into_memory().unwrap_or_default(), tag),
                Piece::Payload(request, len) => {
                    drop(request);
                    self.inboxes[from].add_payload(len)
                }
            };
            if let Some(message) = message {
                return Some((from, message));
            }
        }
    }
}

/// Returns the ranges of a message's pieces: at least one, because an empty message is one, too.
fn pieces(len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len.div_ceil(PIECE).max(1)).map(move |piece| piece * PIECE..len.min((piece + 1) * PIECE))
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
