//! Tasks that travel further than to a worker of this process.
//!
//! On the one side is an engine without workers: it [hands out](Engine::hand_out) the chunks of its
//! backlog, and what came of them is [brought back](Engine::bring_back). On the other is an engine
//! with workers that takes such chunks for it, under tickets, and gathers what came of them: see
//! [`relay`](crate::engine::relay). What is between the two is not the engine's to know.
#![cfg_attr(not(feature = "mpi"), allow(dead_code))] // Only the feature `mpi` has something between them.

use std::mem;
use std::sync::Arc;
use std::thread::Thread;

use crate::engine::Engine;
use crate::engine::chunk::{Chunk, Tasks};
use crate::engine::config::Config;
use crate::engine::core::{Core, Phase};
use crate::engine::job::Job;
use crate::engine::outcome::Outcome;
use crate::error::{Error, Result};
use crate::sys::notifier::Notifier;

/// Why a handle is refused where the tasks may run on other machines.
pub(crate) const STAYS: &str = "a handle (connection, queue, lock, …) stands for something on this machine, and cannot go to another one; \
     a Manager that listens on TCP serves other machines";

/// What an engine without workers knows about those who run its tasks.
#[derive(Default)]
pub(super) struct Outside {
    /// Hands out chunks; sleeps while there are none if `asleep`.
    carrier: Option<Thread>,
    asleep: bool,
    orders: Vec<Order>,
    /// Tasks that run now, nanoseconds that tasks have run.
    running: u64,
}

/// What concerns chunks that were handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Cancel what is left of a job, and what runs of it.
    Cancel(u64),
    /// Nobody wants what has not begun of a job.
    Abandon(u64),
    /// Drop the state of a job.
    Forget(u64),
    /// Cancel whatever has not begun.
    CancelPending,
}

/// A chunk that is about to be handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) tasks: u32,
    pub(crate) bytes: usize,
    /// Nanoseconds that a task of this function takes, as last seen.
    pub(crate) cost: Option<u64>,
}

/// How far an engine is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Outlook {
    /// There is work, or there may be.
    Open,
    /// No work is left, and none will come.
    Done,
    /// What is left is cancelled.
    #[default]
    Ended,
}

impl Core {
    /// Whether tasks are run by others.
    pub(super) fn is_outside(&self) -> bool {
        self.outside.is_some()
    }

    /// Tells those who run the tasks.
    pub(super) fn order(&mut self, order: Order) {
        if let Some(outside) = &mut self.outside {
            outside.orders.push(order);
            self.wake_carrier();
        }
    }

    /// Has the carrier look, if it sleeps.
    pub(super) fn wake_carrier(&mut self) {
        if let Some(outside) = &mut self.outside
            && mem::take(&mut outside.asleep)
        {
            self.effects.unpark.extend(outside.carrier.clone());
        }
    }

    /// Why a chunk cannot go to those who run the tasks, if so.
    pub(super) fn not_for_travel(&self, chunk: &Chunk) -> Option<Error> {
        let stays = self.is_outside() && chunk.job.state().is_some_and(|state| !state.handles.is_empty());
        stays.then(|| Error::Encode(STAYS.into()))
    }

    /// Tasks that run now.
    pub(super) fn running_outside(&self) -> u64 {
        self.outside.as_ref().map_or(0, |outside| outside.running)
    }
}

impl Engine {
    /// An engine whose tasks others run, with `breadth` workers.
    pub(crate) fn without_workers(config: Config, breadth: usize) -> Result<Arc<Self>> {
        let config = Arc::new(Config { processes: breadth, max_processes: breadth, ..config });
        let notifier = Arc::new(Notifier::new()?);
        let mut core = Core::new(config, notifier, None);
        core.outside = Some(Outside::default());
        Ok(Arc::new(Self::over(core, true)))
    }

    /// Takes up to `most` chunks out of the backlog, each for the one of those who run them that
    /// `choose` names, until it names none.
    pub(crate) fn hand_out(&self, most: usize, mut choose: impl FnMut(&Offer) -> Option<usize>) -> Vec<(usize, Chunk)> {
        self.with(|core| {
            let mut handed = Vec::new();
            while handed.len() < most
                && let Some(chunk) = core.backlog.front()
            {
                if let Some(error) = core.fate(chunk) {
                    if let Some(mut chunk) = core.backlog.pop_front() {
                        chunk.fail_rest(&error);
                        core.finish(chunk);
                    }
                    continue;
                }
                let cost = core.costs.get(&chunk.job.function.0).copied();
                let offer = Offer { tasks: chunk.left(), bytes: chunk.tasks.payload.len(), cost };
                let Some(taker) = choose(&offer) else { break };
                handed.extend(core.backlog.pop_front().map(|chunk| (taker, chunk)));
            }
            handed
        })
    }

    /// Puts chunks back that were handed out and not begun, before all others.
    pub(crate) fn put_back(&self, chunks: Vec<Chunk>) {
        self.with(|core| chunks.into_iter().rev().for_each(|chunk| core.settle(chunk)));
    }

    /// Takes back chunks whose outcome is known, or fails what is left of them.
    pub(crate) fn bring_back(&self, chunks: impl IntoIterator<Item = Chunk>) {
        self.with(|core| chunks.into_iter().for_each(|chunk| core.finish(chunk)));
    }

    /// Notes what a task of a function takes, in nanoseconds.
    pub(crate) fn learn(&self, function: u64, cost: u64) {
        self.with(|core| core.took(Some(function), cost));
    }

    /// Notes how many tasks run now, and for how many nanoseconds tasks have run.
    pub(crate) fn note_outside(&self, running: u64, busy_ns: u64) {
        self.with(|core| {
            core.counts.spent = busy_ns;
            if let Some(outside) = &mut core.outside {
                outside.running = running;
            }
        });
    }

    /// How many workers there are from now on.
    pub(crate) fn set_breadth(&self, breadth: usize) {
        self.with(|core| (core.wanted, core.most) = (breadth, breadth));
    }

    /// What concerns chunks that were handed out, since this was last asked.
    pub(crate) fn orders(&self) -> Vec<Order> {
        self.with(|core| core.outside.as_mut().map(|outside| mem::take(&mut outside.orders)).unwrap_or_default())
    }

    /// How far the engine is in its life.
    pub(crate) fn outlook(&self) -> Outlook {
        self.with(|core| match core.phase {
            Phase::Ended => Outlook::Ended,
            Phase::Closing if core.outstanding == 0 => Outlook::Done,
            _ => Outlook::Open,
        })
    }

    /// From now on nothing can run.
    pub(crate) fn break_down(&self, error: Error) {
        self.with(|core| core.break_down(error));
    }

    /// The thread that carries chunks is about to sleep: whoever has something for it wakes it.
    /// `false` if there is something already.
    pub(crate) fn carrier_sleeps(&self) -> bool {
        self.with(|core| {
            let idle = core.backlog.is_empty() && core.phase == Phase::Open;
            let Some(outside) = &mut core.outside else { return false };
            let idle = idle && outside.orders.is_empty();
            outside.carrier = idle.then(std::thread::current);
            outside.asleep = idle;
            idle
        })
    }
}

impl Chunk {
    pub(crate) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) fn first_task(&self) -> u64 {
        self.first_task
    }

    /// Takes what came of all of its tasks.
    pub(crate) fn arrive(&mut self, outcome: Outcome) {
        self.done = self.tasks.count;
        self.outcome = outcome;
    }

    /// Fails all of its tasks.
    pub(crate) fn lose(mut self, error: &Error) -> Self {
        self.fail_rest(error);
        self
    }
}
