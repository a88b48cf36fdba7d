//! A serving rank: runs the chunks that come in its pool, and sends back their outcomes.

use std::collections::HashMap;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::inbox::Message;
use crate::cluster::local_jobs::LocalJobs;
use crate::cluster::protocol::{Head, LARGE, Malformed, Outbox, RecordKind, Records};
use crate::cluster::timing::{Activity, Heartbeat, PollInterval, SHUTDOWN_TIMEOUT, sleep};
use crate::cluster::transport::Transport;
use crate::engine::{Chunk, Engine, Parts, RemoteOutcomes, Snapshot, Tasks};

/// The time between two looks at the counters while no task runs: each drives the pool, to notice a
/// worker that has ended, and costs as much as a look for messages.
const IDLE_COUNT: Duration = Duration::from_secs(1);

/// The server on a serving rank.
pub(super) struct Server {
    engine: Arc<Engine>,
    transport: Transport,
    outcomes: Arc<RemoteOutcomes>,
    jobs: LocalJobs,
    /// The time of a task of each function, as it was sent to rank 0.
    sent_costs: HashMap<u64, u64>,
    /// The counters as they were sent to rank 0.
    sent_counters: Snapshot,
    outbox: Outbox,
    heartbeat: Heartbeat,
    /// Set when rank 0 has ended the work: whether MPI can be finalized.
    quit: Option<bool>,
}

impl Server {
    /// Returns a server that runs chunks in `engine`.
    pub(super) fn new(engine: Arc<Engine>, transport: Transport, heartbeat: Heartbeat) -> Self {
        Self {
            engine,
            transport,
            outcomes: Arc::default(),
            jobs: LocalJobs::default(),
            sent_costs: HashMap::new(),
            sent_counters: Snapshot::default(),
            outbox: Outbox::default(),
            heartbeat,
            quit: None,
        }
    }

    /// Serves until rank 0 ends the work, or is gone. Returns the code with which to exit.
    pub(super) fn serve(mut self) -> i32 {
        let launcher = parent_id();
        let (mut interval, mut last_check) = (PollInterval::new(), Instant::now());
        let mut last_count = last_check;
        let finalize = loop {
            let received = match self.receive_all() {
                Ok(received) => received,
                Err(Malformed) => return self.exit_alone(),
            };
            if let Some(finalize) = self.quit {
                break finalize;
            }
            let busy = self.engine.is_busy();
            let nap = if received { Duration::ZERO } else { interval.sleep_time(self.activity(busy)) };
            let moved = busy && self.engine.step_or_sleep(nap);
            if !received && (!busy || nap.is_zero()) {
                sleep(nap);
            }
            let sent = self.send_outcomes();
            if received || moved || sent || self.transport.has_moved() {
                interval.reset();
            }
            if last_check.elapsed() >= self.heartbeat.check_interval() {
                last_check = Instant::now();
                if self.has_lost_rank_0() || parent_id() != launcher {
                    return self.exit_alone();
                }
                // Long tasks, and starts and losses of workers, which nothing else reports.
                if busy || last_count.elapsed() >= IDLE_COUNT {
                    last_count = last_check;
                    self.push_counters();
                }
                self.send();
            }
        };
        self.engine.terminate();
        if finalize {
            self.transport.stop_heartbeats();
        }
        self.outbox.push(Head::new(RecordKind::Bye), &[]);
        self.send();
        let until = Instant::now() + SHUTDOWN_TIMEOUT;
        while !self.transport.all_sent(|_| false) {
            if Instant::now() > until {
                return self.exit_alone();
            }
            thread::sleep(Duration::from_micros(100));
        }
        if finalize {
            self.transport.finalize();
            return 0;
        }
        self.stay(launcher)
    }

    /// Returns what there is to do beside looking for messages. `busy` is whether tasks run.
    fn activity(&self, busy: bool) -> Activity {
        match busy {
            _ if self.transport.is_moving() => Activity::Transfer,
            true => Activity::Tasks,
            false => Activity::Idle,
        }
    }

    /// Stays, with nothing to do, as long as rank 0 is alive: an exit without finalizing MPI would
    /// make the launcher end all ranks.
    fn stay(mut self, launcher: u32) -> i32 {
        while !self.has_lost_rank_0() && parent_id() == launcher {
            while self.transport.receive().is_some() {}
            thread::sleep(self.heartbeat.check_interval());
        }
        self.exit_alone()
    }

    fn has_lost_rank_0(&self) -> bool {
        self.heartbeat.is_lost(self.transport.silent_for(0))
    }

    /// Ends without rank 0, which is gone. Returns the code with which to exit.
    fn exit_alone(self) -> i32 {
        self.engine.terminate();
        self.transport.leak();
        1
    }

    /// Handles all messages of rank 0 that have come; returns whether there were any.
    fn receive_all(&mut self) -> Result<bool, Malformed> {
        let mut any = false;
        while let Some((from, message)) = self.transport.receive() {
            if from == 0 {
                any = true;
                match message {
                    Message::Batch(message) => self.handle(&message)?,
                    Message::Large { head, payload } => self.handle_large(&head, payload)?,
                }
            }
        }
        Ok(any)
    }

    /// Handles a record of rank 0 whose payload is large: arguments, or the state of a job.
    fn handle_large(&mut self, head: &[u8], payload: Vec<u8>) -> Result<(), Malformed> {
        let (head, _) = Head::split(head)?;
        match head.kind() {
            Some(RecordKind::State) => self.add_state(&head, payload),
            Some(RecordKind::Run) => {
                let chunk = self.accept(&head, payload)?;
                self.engine.submit_remote([chunk]);
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn add_state(&mut self, head: &Head, state: Vec<u8>) {
        self.jobs.add_state(head, || self.engine.remote_job(head.function, Some(state), head.limits(), &self.outcomes));
    }

    /// Handles a message of rank 0.
    fn handle(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut chunks = Vec::new();
        for record in Records(message) {
            let (kind, head, payload) = record?;
            if kind == RecordKind::Run {
                chunks.push(self.accept(&head, payload.to_vec())?);
                continue;
            }
            // What follows chunks may concern them.
            self.engine.submit_remote(std::mem::take(&mut chunks));
            let job = self.jobs.find(head.job);
            match (kind, job) {
                (RecordKind::State, _) => self.add_state(&head, payload.to_vec()),
                (RecordKind::Forget, Some(job)) => {
                    self.engine.forget(&job);
                    self.jobs.remove_state(head.job);
                }
                (RecordKind::Cancel, Some(job)) => drop(self.engine.cancel(&job)),
                (RecordKind::Abandon, Some(job)) => self.engine.abandon(&job),
                // Nothing of it is left here.
                (RecordKind::Forget | RecordKind::Cancel | RecordKind::Abandon, None) => {}
                (RecordKind::CancelPending, _) => self.engine.cancel_pending(),
                (RecordKind::Return, _) => self.give_back(head.count),
                (RecordKind::Heartbeat, _) => {}
                (RecordKind::Quit, _) => self.quit = Some(head.count == 1),
                _ => return Err(Malformed),
            }
        }
        self.engine.submit_remote(chunks);
        Ok(())
    }

    /// Returns the chunk of a record, for the engine.
    fn accept(&mut self, head: &Head, payload: Vec<u8>) -> Result<Chunk, Malformed> {
        let names = u32::try_from(head.names).map_err(|_| Malformed)?;
        if names as usize > payload.len() {
            return Err(Malformed);
        }
        let job =
            self.jobs.add_chunk(head, || self.engine.remote_job(head.function, None, head.limits(), &self.outcomes));
        let tasks = Tasks { count: head.count, names, payload, ..Tasks::default() };
        Ok(Chunk::remote(job, head.slot.into(), head.first, tasks))
    }

    /// Returns up to `max` chunks that have not begun, for a rank that has nothing to do.
    fn give_back(&mut self, max: u32) {
        for slot in self.engine.give_back(max) {
            self.outbox.push(Head { slot: slot as u32, ..Head::new(RecordKind::Returned) }, &[]);
            self.jobs.remove_chunk(slot);
        }
        self.outbox.push(Head::new(RecordKind::Heartbeat), &[]);
    }

    /// Sends the outcomes of chunks; returns whether there were any.
    fn send_outcomes(&mut self) -> bool {
        let outcomes = self.outcomes.take_all();
        let any = !outcomes.is_empty();
        let mut functions = Vec::new();
        for (slot, outcome) in outcomes {
            self.send_outcome(slot as u32, outcome.dismantle());
            functions.extend(self.jobs.remove_chunk(slot));
        }
        if any {
            self.push_costs(functions);
            self.send();
        }
        any
    }

    /// Sends the outcome of the chunk in a slot, or has it wait for others.
    fn send_outcome(&mut self, slot: u32, Parts { failures, pid, head, frames, rest }: Parts) {
        let record = Head { slot, count: failures, pid, ..Head::new(RecordKind::Done) };
        if frames.len() < LARGE {
            let first = (head.len() + frames.len()) as u64;
            self.outbox.push_parts(Head { first, ..record }, &[&head, &frames, &rest]);
            if self.outbox.is_full() {
                self.send();
            }
            return;
        }
        self.send();
        let record = Head { first: head.len() as u64, ..record };
        let head = [bytemuck::bytes_of(&record), &head, &rest].concat();
        // If it cannot be sent, rank 0 is gone, which its silence will show.
        self.transport.send_large(0, &head, &Arc::new(frames));
    }

    /// Reports the time of tasks, where it has changed, and the counters of this rank.
    fn push_costs(&mut self, mut functions: Vec<u64>) {
        functions.sort_unstable();
        functions.dedup();
        for function in functions {
            let Some(cost) = self.engine.cost(function) else { continue };
            if self.sent_costs.insert(function, cost) != Some(cost) {
                self.outbox.push(Head { function, first: cost, ..Head::new(RecordKind::Cost) }, &[]);
            }
        }
        self.push_counters();
    }

    /// Reports the counters of this rank, where they have changed.
    fn push_counters(&mut self) {
        let now = self.engine.snapshot();
        if now == self.sent_counters {
            return;
        }
        // Numbers alone, so that postcard does not fail.
        self.outbox.push(Head::new(RecordKind::Counters), &postcard::to_stdvec(&now).unwrap_or_default());
        self.sent_counters = now;
    }

    fn send(&mut self) {
        if let Some(message) = self.outbox.take() {
            // If it cannot be sent, rank 0 is gone, which its silence will show.
            self.transport.send(0, message);
        }
    }
}
