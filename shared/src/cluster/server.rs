//! A serving rank: has the chunks that come run in its pool, and sends back what came of them.

use std::collections::HashMap;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::dispatcher::tick;
use crate::cluster::pace::Pace;
use crate::cluster::protocol::{Garbled, Head, Kind, Parcels, push, push_with};
use crate::cluster::transport::Transport;
use crate::engine::{Engine, Job, Relay, Relayed, Tasks};

/// A message is sent once it has grown to this many bytes.
const ENOUGH: usize = 1 << 20;

/// How long the last word may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// A job of rank 0, here.
struct Local {
    job: Arc<Job>,
    function: u64,
    /// Chunks of it that are here.
    chunks: usize,
    /// It has state that later chunks need, too.
    keep: bool,
}

pub(super) struct Server {
    engine: Arc<Engine>,
    transport: Transport,
    relay: Arc<Relay>,
    jobs: HashMap<u64, Local>,
    /// The job of each ticket.
    tickets: Vec<u64>,
    /// What rank 0 was told that a task of a function takes.
    costs: HashMap<u64, u64>,
    /// How many tasks rank 0 was told that run.
    running: u64,
    outbox: Vec<u8>,
    said: Instant,
    silence: Duration,
    /// Rank 0 has said that it is over, and whether MPI can be ended in good order.
    quit: Option<bool>,
}

impl Server {
    pub(super) fn new(engine: Arc<Engine>, transport: Transport, silence: Duration) -> Self {
        Self {
            engine,
            transport,
            relay: Arc::default(),
            jobs: HashMap::new(),
            tickets: Vec::new(),
            costs: HashMap::new(),
            running: 0,
            outbox: Vec::new(),
            said: Instant::now(),
            silence,
            quit: None,
        }
    }

    /// Serves until rank 0 says that it is over, or is gone. Says with which code to exit.
    pub(super) fn serve(mut self) -> i32 {
        let launcher = parent_id();
        let (mut pace, mut ticked) = (Pace::new(), Instant::now());
        let orderly = loop {
            let heard = match self.hear_all() {
                Ok(heard) => heard,
                Err(Garbled) => return self.desert(),
            };
            if let Some(orderly) = self.quit {
                break orderly;
            }
            let busy = self.engine.is_busy();
            let nap = if heard { Duration::ZERO } else { pace.nap(busy) };
            let moved = if busy { self.engine.tend(nap) } else { sleep(nap) };
            let told = self.tell_outcomes();
            if heard || moved || told {
                pace.moved();
            }
            if ticked.elapsed() >= tick(self.silence) {
                ticked = Instant::now();
                if self.transport.silent_for(0) > self.silence || parent_id() != launcher {
                    return self.desert();
                }
                if busy && self.engine.snapshot().running != self.running {
                    // Long tasks, of which nothing else tells.
                    self.tell_load();
                }
                if self.said.elapsed() >= self.silence / 4 {
                    push(&mut self.outbox, Head::new(Kind::Beat), &[]);
                }
                self.send();
            }
        };
        self.engine.terminate();
        push(&mut self.outbox, Head::new(Kind::Bye), &[]);
        self.send();
        let until = Instant::now() + FAREWELL;
        while !self.transport.all_sent(|_| false) {
            if Instant::now() > until {
                return self.desert();
            }
            thread::sleep(Duration::from_micros(100));
        }
        if orderly {
            self.transport.finalize();
            return 0;
        }
        self.linger(launcher)
    }

    /// Stays, with nothing to do, as long as rank 0 is heard: to exit without MPI's end would make
    /// the launcher end all ranks.
    fn linger(mut self, launcher: u32) -> i32 {
        while self.transport.silent_for(0) <= self.silence && parent_id() == launcher {
            while self.transport.receive().is_some() {}
            thread::sleep(tick(self.silence));
        }
        self.desert()
    }

    /// Ends without rank 0, which is gone.
    fn desert(self) -> i32 {
        self.engine.terminate();
        self.transport.forsake();
        1
    }

    fn hear_all(&mut self) -> Result<bool, Garbled> {
        let mut any = false;
        while let Some((from, message)) = self.transport.receive() {
            if from == 0 {
                any = true;
                self.hear(&message)?;
            }
        }
        Ok(any)
    }

    fn hear(&mut self, message: &[u8]) -> Result<(), Garbled> {
        let mut chunks = Vec::new();
        for parcel in Parcels(message) {
            let (kind, head, payload) = parcel?;
            if kind == Kind::Run {
                chunks.push(self.accept(&head, payload));
                continue;
            }
            // What is said after chunks may be about them.
            self.engine.relay(std::mem::take(&mut chunks));
            let job = self.jobs.get(&head.job).map(|local| local.job.clone());
            match (kind, job) {
                (Kind::State, _) => {
                    self.local(&head, Some(payload)).keep = true;
                }
                (Kind::Forget, Some(job)) => {
                    self.engine.forget(&job);
                    self.local(&head, None).keep = false;
                    self.release(head.job, 0);
                }
                (Kind::Cancel, Some(job)) => drop(self.engine.cancel(&job)),
                (Kind::Abandon, Some(job)) => self.engine.abandon(&job),
                // Nothing of it is left here.
                (Kind::Forget | Kind::Cancel | Kind::Abandon, None) => {}
                (Kind::CancelPending, _) => self.engine.cancel_pending(),
                (Kind::Return, _) => self.give_back(head.count),
                (Kind::Beat, _) => {}
                (Kind::Quit, _) => self.quit = Some(head.count == 1),
                _ => return Err(Garbled),
            }
        }
        self.engine.relay(chunks);
        Ok(())
    }

    /// The job that a parcel is about. `state` is what it works with, if it is new here.
    fn local(&mut self, head: &Head, state: Option<&[u8]>) -> &mut Local {
        self.jobs.entry(head.job).or_insert_with(|| {
            let job = self.engine.relay_job(head.function, state.map(<[u8]>::to_vec), &self.relay);
            Local { job, function: head.function, chunks: 0, keep: false }
        })
    }

    /// Takes a chunk in.
    fn accept(&mut self, head: &Head, payload: &[u8]) -> Relayed {
        let local = self.local(head, None);
        local.chunks += 1;
        let job = local.job.clone();
        let ticket = head.ticket as usize;
        if self.tickets.len() <= ticket {
            self.tickets.resize(ticket + 1, 0);
        }
        self.tickets[ticket] = head.job;
        let tasks = Tasks { count: head.count, payload: payload.to_vec(), ..Tasks::default() };
        Relayed { job, ticket: head.ticket.into(), first_task: head.first, tasks }
    }

    /// So many chunks of a job have left; with the last of them it goes, unless later ones need its
    /// state.
    fn release(&mut self, job: u64, chunks: usize) {
        if let Some(local) = self.jobs.get_mut(&job) {
            local.chunks -= chunks;
            if local.chunks == 0 && !local.keep {
                self.jobs.remove(&job);
            }
        }
    }

    /// Gives chunks back that have not begun, for a rank that has nothing to do.
    fn give_back(&mut self, most: u32) {
        for ticket in self.engine.unrelay(most) {
            push(&mut self.outbox, Head { ticket: ticket as u32, ..Head::new(Kind::Returned) }, &[]);
            self.release(self.tickets[ticket as usize], 1);
        }
        push(&mut self.outbox, Head::new(Kind::Beat), &[]);
    }

    /// Sends what has come of chunks; says whether there was anything.
    fn tell_outcomes(&mut self) -> bool {
        let outcomes = self.relay.take();
        let any = !outcomes.is_empty();
        let mut functions = Vec::new();
        for (ticket, outcome) in outcomes {
            let job = self.tickets[ticket as usize];
            if let Some(local) = self.jobs.get(&job)
                && functions.last() != Some(&local.function)
            {
                functions.push(local.function);
            }
            let head = Head { ticket: ticket as u32, ..Head::new(Kind::Done) };
            push_with(&mut self.outbox, head, |out| {
                let start = out.len();
                let (count, pid, rest) = outcome.dismantle(out);
                let first = (out.len() - start) as u64;
                out.extend_from_slice(&rest);
                Head { count, pid, first, ..head }
            });
            self.release(job, 1);
            if self.outbox.len() >= ENOUGH {
                self.send();
            }
        }
        if any {
            self.tell_costs(functions);
            self.send();
        }
        any
    }

    /// Tells what tasks take and how busy this rank is.
    fn tell_costs(&mut self, mut functions: Vec<u64>) {
        functions.sort_unstable();
        functions.dedup();
        for function in functions {
            let Some(cost) = self.engine.cost(function) else { continue };
            if self.costs.insert(function, cost) != Some(cost) {
                push(&mut self.outbox, Head { function, first: cost, ..Head::new(Kind::Cost) }, &[]);
            }
        }
        self.tell_load();
    }

    /// Tells how busy this rank is.
    fn tell_load(&mut self) {
        let now = self.engine.snapshot();
        self.running = now.running;
        let head = Head { count: now.running as u32, first: now.busy_ns, ..Head::new(Kind::Load) };
        push(&mut self.outbox, head, &[]);
    }

    fn send(&mut self) {
        if !self.outbox.is_empty() {
            self.said = Instant::now();
            // If it does not go, rank 0 is gone, which its silence will tell.
            self.transport.send(0, std::mem::take(&mut self.outbox));
        }
    }
}

/// Nothing is to be looked after but messages, and nothing moves.
fn sleep(nap: Duration) -> bool {
    thread::sleep(nap);
    false
}
