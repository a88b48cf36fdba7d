//! The end of the ranks, and of MPI, as rank 0 brings it about.

use std::thread;
use std::time::Instant;

use crate::cluster::protocol::{Head, RecordKind, Records, push};
use crate::cluster::timing::{Heartbeat, PollInterval, SHUTDOWN_TIMEOUT};
use crate::cluster::transport::Transport;

/// Returns the message that ends a rank. `finalize` is whether MPI can be finalized.
pub(super) fn quit_message(finalize: bool) -> Vec<u8> {
    let mut message = Vec::new();
    push(&mut message, Head { count: finalize.into(), ..Head::new(RecordKind::Quit) }, &[]);
    message
}

/// Ends the ranks that are not lost, and finalizes MPI if none is. Returns the ranks that remain
/// otherwise.
pub(super) fn shut_down(mut transport: Transport, lost: &[bool], heartbeat: Heartbeat) -> Option<RemainingRanks> {
    let gone = |rank: usize| rank > 0 && lost[rank - 1];
    let mut ended: Vec<bool> = lost.to_vec();
    for rank in (1..=lost.len()).filter(|rank| !gone(*rank)) {
        transport.send(rank, quit_message(!lost.contains(&true)));
    }
    let until = Instant::now() + SHUTDOWN_TIMEOUT;
    let interval = PollInterval::new();
    while Instant::now() < until {
        while let Some((from, message)) = transport.receive() {
            let is_last = Records(&message).any(|record| record.is_ok_and(|(kind, ..)| kind == RecordKind::Bye));
            if let (true, Some(ended)) = (is_last, ended.get_mut(from.wrapping_sub(1))) {
                *ended = true;
            }
        }
        if ended.iter().all(|ended| *ended) && transport.all_sent(gone) {
            break;
        }
        thread::sleep(interval.sleep_time(true));
    }
    if ended.contains(&false) || lost.contains(&true) {
        return Some(RemainingRanks { transport, heartbeat });
    }
    transport.finalize();
    None
}

/// Ranks that cannot finalize MPI, because others are lost.
pub(super) struct RemainingRanks {
    transport: Transport,
    heartbeat: Heartbeat,
}

impl RemainingRanks {
    /// Has the ranks stay as long as this process: if they exited first, the launcher would end all
    /// of them, and this one with them.
    pub(super) fn keep(mut self) -> ! {
        loop {
            for rank in 1..self.transport.size() {
                self.transport.send(rank, quit_message(false));
            }
            let until = Instant::now() + self.heartbeat.interval();
            while Instant::now() < until {
                while self.transport.receive().is_some() {}
                thread::sleep(self.heartbeat.check_interval());
            }
        }
    }
}
