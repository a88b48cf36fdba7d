//! What happens to the workers of a pool, for the program's subscriber of `tracing`.
//!
//! Events are collected under the pool's lock and emitted once it is released, because a subscriber
//! is foreign code, which may ask the pool. Without the feature `tracing` none are collected.
#![cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "nothing reads what is not collected"))]

use std::sync::Arc;

use crate::engine::state::State;
use crate::engine::worker_handle::{KillReason, WorkerState};
use crate::error::Error;
use crate::exit_status::ExitStatus;

/// A worker, as events name it.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) name: Arc<str>,
    pub(super) index: usize,
    pub(super) pid: u32,
}

/// What has happened.
#[derive(Debug)]
pub(super) enum Event {
    Started(Who),
    /// A worker has ended after it had done `tasks` tasks; `lost` if it was not to end.
    Ended {
        who: Who,
        exit: ExitStatus,
        state: WorkerState,
        tasks: u64,
        lost: bool,
    },
    /// A worker is being started in the place of one that has ended.
    Replaced {
        name: Arc<str>,
        index: usize,
    },
    /// A worker could not be started.
    NotStarted(Error),
    /// Tasks were not taken.
    Refused {
        tasks: u64,
        error: Error,
    },
    /// The process that starts workers has ended, and another was started.
    ZygoteRestarted(Error),
    /// The pool can run nothing any more.
    Broken(Error),
}

/// An event, and the pool that it is of.
#[derive(Debug)]
pub(super) struct PoolEvent {
    pool: String,
    event: Event,
}

impl State {
    /// Collects an event, if anything listens.
    pub(super) fn report(&mut self, event: impl FnOnce() -> Event) {
        #[cfg(feature = "tracing")]
        {
            use tracing::level_filters::LevelFilter;

            if LevelFilter::current() != LevelFilter::OFF {
                self.deferred.add_event(PoolEvent { pool: self.config.name.clone(), event: event() });
            }
        }
        #[cfg(not(feature = "tracing"))]
        let _ = event;
    }
}

impl KillReason {
    /// Returns the reason in a word or two.
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled(_) => "cancelled",
            Self::TimedOut(_) => "timed out",
            Self::Corrupt => "corrupt",
            Self::Stalled => "stalled",
        }
    }
}

#[cfg(feature = "tracing")]
impl PoolEvent {
    /// Passes the event to the subscriber.
    pub(super) fn emit(self) {
        use tracing::{error, info, warn};

        let Self { pool, event } = self;
        match event {
            Event::Started(Who { name, index, pid }) => {
                info!(target: "multiproc", pool, worker = &*name, index, pid, "worker started");
            }
            Event::Ended { who: Who { name, index, pid }, exit, state, tasks, lost } => {
                let killed = if let WorkerState::Killed(reason) = state { Some(reason.as_str()) } else { None };
                let (worker, status) = (&*name, tracing::field::display(exit));
                if lost {
                    warn!(target: "multiproc", pool, worker, index, pid, status, killed, tasks, lost, "worker ended");
                } else {
                    info!(target: "multiproc", pool, worker, index, pid, status, killed, tasks, lost, "worker ended");
                }
            }
            Event::Replaced { name, index } => {
                info!(target: "multiproc", pool, worker = &*name, index, "worker replaced");
            }
            Event::NotStarted(error) => warn!(target: "multiproc", pool, %error, "worker not started"),
            Event::Refused { tasks, error } => warn!(target: "multiproc", pool, tasks, %error, "tasks refused"),
            Event::ZygoteRestarted(error) => warn!(target: "multiproc", pool, %error, "zygote restarted"),
            Event::Broken(error) => error!(target: "multiproc", pool, %error, "pool broken"),
        }
    }
}

#[cfg(not(feature = "tracing"))]
impl PoolEvent {
    pub(super) fn emit(self) {}
}
