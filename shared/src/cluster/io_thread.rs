//! The thread that makes all MPI calls: finds out which rank this is, does the rank's work, and
//! ends the ranks.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cluster::Rank;
use crate::cluster::dispatcher::Dispatcher;
use crate::cluster::inbox::Message;
use crate::cluster::launcher::Launcher;
use crate::cluster::protocol::{Greeting, Head, RecordKind, Records, heartbeat_message, push, quit_message};
use crate::cluster::requests::library;
use crate::cluster::server::Server;
use crate::cluster::timing::{Activity, Heartbeat, PollInterval, SHUTDOWN_TIMEOUT, join_timeout};
use crate::cluster::transport::Transport;
use crate::engine::{Config, Engine};
use crate::error::{Context, Error, Origin, Result};
use crate::identity::build_id;

/// Bytes of each of the two rings of a rank's worker, which take memory as far as messages have
/// filled them. They are larger than a pool's, because the thread that moves large values here also
/// looks for messages, and sleeps where a pool's waits busily: the worker has enough to copy until
/// it wakes up. (64 MiB there and back took a tenth less time than with 256 KiB.)
const RING: usize = 2 << 20;

/// The thread that makes all MPI calls, on rank 0.
pub(super) struct IoThread {
    thread: JoinHandle<i32>,
    /// Receives, once the ranks have ended or were left, whether the thread stays.
    ended: Receiver<bool>,
}

/// What a process is among the ranks.
pub(super) enum Role {
    /// The only rank.
    Alone,
    /// Rank 0, when all other ranks are there: their engine and descriptions.
    First(IoThread, Arc<Engine>, Vec<Rank>),
    /// A serving rank whose work is done, and which exits with this code.
    Served(i32),
}

/// A message of the thread to the one that has started it.
enum Started {
    /// MPI has started: all ranks have joined.
    Joined,
    Alone,
    First(Result<(Arc<Engine>, Vec<Rank>)>),
}

impl IoThread {
    /// Starts the thread. Returns when all ranks are there; on a serving rank, when its work is
    /// done.
    pub(super) fn start(
        config: Config,
        heartbeat: Heartbeat,
        launcher: Launcher,
        start_timeout: Option<Duration>,
    ) -> Result<Role> {
        let rank = launcher.rank();
        let (sender, started) = channel();
        let (over, ended) = channel();
        let builder = thread::Builder::new().name("multiproc-mpi".into());
        let thread = builder
            .spawn(move || run(config, heartbeat, &launcher, &sender, &over))
            .context("cannot start a thread")?;
        let timeout = join_timeout(start_timeout, rank);
        let first = match started.recv_timeout(timeout) {
            Ok(Started::Joined) => started.recv(),
            // Nothing ends a start of MPI. The thread stays in it until this process ends.
            Err(RecvTimeoutError::Timeout) if rank == 0 => return Err(not_joined(timeout)),
            Err(RecvTimeoutError::Timeout) => return Ok(Role::Served(1)),
            first => first.map_err(|_| RecvError),
        };
        match first {
            Ok(Started::Alone | Started::Joined) => {
                // It has nothing more to do, and does not panic.
                let _ = thread.join();
                Ok(Role::Alone)
            }
            Ok(Started::First(Ok((engine, ranks)))) => Ok(Role::First(Self { thread, ended }, engine, ranks)),
            Ok(Started::First(Err(error))) => {
                Self { thread, ended }.join();
                Err(error)
            }
            Err(_) => Ok(Role::Served(thread.join().unwrap_or(1))),
        }
    }

    /// Waits until the ranks have ended, or were left.
    pub(super) fn join(self) {
        if let Ok(false) | Err(_) = self.ended.recv() {
            // It runs no code of the program, so it does not panic.
            let _ = self.thread.join();
        }
    }
}

/// Returns the error of a start that takes too long.
fn not_joined(timeout: Duration) -> Error {
    Error::InvalidState(format!(
        "MPI has not started within {:.1} s: a rank has not come as far as the executor, or cannot reach the others. \
         If what stands before it in the program takes long, set `start_timeout`",
        timeout.as_secs_f64()
    ))
}

/// Runs in the thread. Returns the code with which a serving rank is to exit.
fn run(
    config: Config,
    heartbeat: Heartbeat,
    launcher: &Launcher,
    started: &Sender<Started>,
    over: &Sender<bool>,
) -> i32 {
    // The thread that has started this one waits for what is sent here.
    let report = |message| drop(started.send(message));
    let transport = match Transport::new() {
        Ok(transport) => transport,
        Err(error) => {
            report(Started::First(Err(error)));
            return 1;
        }
    };
    report(Started::Joined);
    if transport.size() == 1 {
        transport.finalize();
        match launcher.check_alone(&library()) {
            Ok(()) => report(Started::Alone),
            Err(error) => report(Started::First(Err(error))),
        }
        return 0;
    }
    let mut transport = transport;
    let unheard = transport.start_heartbeats(heartbeat_message(), heartbeat).err();
    if transport.rank() > 0 {
        return serve(config, transport, heartbeat, unheard);
    }
    let (ranks, failure) = greet(&mut transport, heartbeat, unheard);
    let workers = ranks.iter().map(|rank| rank.processes).sum();
    let engine = match failure {
        None => Engine::without_workers(config, workers),
        Some(error) => Err(error),
    };
    match engine {
        Ok(engine) => {
            let dispatcher = Dispatcher::new(engine.clone(), transport, &ranks, heartbeat);
            report(Started::First(Ok((engine, ranks))));
            let (transport, lost) = dispatcher.run();
            leave(shut_down(transport, &lost), heartbeat, over);
        }
        Err(error) => {
            let others = transport.size() - 1;
            let is_there = |rank: usize| ranks.iter().any(|other| other.rank == rank);
            let lost: Vec<bool> = (1..=others).map(|rank| !is_there(rank)).collect();
            let remaining = shut_down(transport, &lost);
            report(Started::First(Err(error)));
            leave(remaining, heartbeat, over);
        }
    }
    0
}

/// Ends the ranks that are not lost, and finalizes MPI if none is. Otherwise returns the transport
/// to those that remain.
fn shut_down(mut transport: Transport, lost: &[bool]) -> Option<Transport> {
    let gone = |rank: usize| rank > 0 && lost[rank - 1];
    let mut ended: Vec<bool> = lost.to_vec();
    if !lost.contains(&true) {
        transport.stop_heartbeats();
    }
    for rank in (1..=lost.len()).filter(|rank| !gone(*rank)) {
        transport.send(rank, quit_message(!lost.contains(&true)));
    }
    let until = Instant::now() + SHUTDOWN_TIMEOUT;
    let interval = PollInterval::new();
    while Instant::now() < until {
        while let Some((from, message)) = transport.receive() {
            let Message::Batch(message) = message else { continue };
            let is_last = Records(&message).any(|record| record.is_ok_and(|(kind, ..)| kind == RecordKind::Bye));
            if let (true, Some(ended)) = (is_last, ended.get_mut(from.wrapping_sub(1))) {
                *ended = true;
            }
        }
        if ended.iter().all(|ended| *ended) && transport.all_sent(gone) {
            break;
        }
        thread::sleep(interval.sleep_time(Activity::Tasks));
    }
    if ended.contains(&false) || lost.contains(&true) {
        return Some(transport);
    }
    transport.finalize();
    None
}

/// Reports that the ranks have ended, or keeps those that cannot.
fn leave(remaining: Option<Transport>, heartbeat: Heartbeat, over: &Sender<bool>) {
    // The executor waits for this, or was leaked.
    let _ = over.send(remaining.is_some());
    if let Some(transport) = remaining {
        keep(transport, heartbeat)
    }
}

/// Keeps the ranks that cannot finalize MPI, because others are lost, for as long as this process
/// runs: if they exited first, the launcher would end all of them, and this one with them.
fn keep(mut transport: Transport, heartbeat: Heartbeat) -> ! {
    loop {
        for rank in 1..transport.size() {
            transport.send(rank, quit_message(false));
        }
        let until = Instant::now() + heartbeat.interval();
        while Instant::now() < until {
            while transport.receive().is_some() {}
            thread::sleep(heartbeat.check_interval());
        }
    }
}

/// Receives the greetings of the other ranks. Returns those that have come, and the first reason
/// not to begin, which may be `failure`.
fn greet(transport: &mut Transport, heartbeat: Heartbeat, failure: Option<Error>) -> (Vec<Rank>, Option<Error>) {
    let own = build_id();
    let others = transport.size() - 1;
    let mut ranks: Vec<Rank> = Vec::new();
    let mut failure = failure.or_else(|| own.as_ref().err().cloned());
    while ranks.len() < others {
        let Some((from, message)) = transport.receive() else {
            // Those that start many workers have time: they send heartbeats.
            let is_missing = |rank: &usize| ranks.iter().all(|other| other.rank != *rank);
            let is_silent = |rank: &usize| transport.silent_for(*rank) > heartbeat.start_timeout();
            if let Some(missing) = (1..=others).filter(is_missing).find(is_silent) {
                let Rank { rank, host, .. } = Rank::unknown(missing);
                let silent_for = transport.silent_for(rank);
                let lost = Error::RankLost { rank, host, silent_for, origin: Origin::default() };
                return (ranks, failure.or(Some(lost)));
            }
            thread::sleep(Duration::from_micros(200));
            continue;
        };
        let Message::Batch(message) = message else { continue };
        let Some(Ok((RecordKind::Hello, _, payload))) = Records(&message).next() else { continue };
        let (rank, error) = match postcard::from_bytes::<Greeting>(payload) {
            Ok(Greeting { build, rank, .. }) if own.as_ref().is_ok_and(|own| *own != build) => {
                let error = Error::RankMismatch { rank: from, host: rank.host.clone() };
                (rank, Some(error))
            }
            Ok(Greeting { rank, failure, .. }) => (rank, failure),
            Err(_) => {
                let rank = Rank::unknown(from);
                let error = Error::RankMismatch { rank: from, host: rank.host.clone() };
                (rank, Some(error))
            }
        };
        failure = failure.or(error);
        ranks.push(Rank { rank: from, ..rank });
    }
    ranks.sort_by_key(|rank| rank.rank);
    (ranks, failure)
}

/// Does the work of a serving rank, unless `failure` is a reason not to. Returns the code with
/// which to exit.
fn serve(config: Config, mut transport: Transport, heartbeat: Heartbeat, failure: Option<Error>) -> i32 {
    let rank = transport.rank();
    let config = Config { name: format!("rank{rank}"), reject_at: u64::MAX, ring: RING, ..config };
    // Its pool grows so far while there is work for more workers.
    let processes = config.max_processes;
    let (build, mut failure) = match build_id() {
        Ok(build) => (build, failure),
        Err(error) => (String::new(), Some(error)),
    };
    let engine = Engine::start(config.clone()).or_else(|error| {
        // Rank 0 receives the error, and gives this rank nothing to do.
        failure = Some(error);
        Engine::without_workers(config, 0)
    });
    let Ok(engine) = engine else { return 1 };
    let greeting = Greeting { build, rank: Rank::own(rank, processes), failure };
    let mut message = Vec::new();
    // Strings and numbers alone, so that postcard does not fail.
    push(&mut message, Head::new(RecordKind::Hello), &postcard::to_stdvec(&greeting).unwrap_or_default());
    transport.send(0, message);
    Server::new(engine, transport, heartbeat).serve()
}
