//! How far a pool is in its life, and whether it takes tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::engine::chunk::Chunk;
use crate::error::Error;

/// How far the pool is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Phase {
    /// Takes tasks.
    #[default]
    Open,
    /// Takes no more tasks, and ends its workers once it has none left.
    Closing,
    /// Has ended.
    Ended,
}

/// The phase of a pool, which only moves on, and the first reason why no task can run any more.
#[derive(Default)]
pub(super) struct Lifecycle {
    phase: Phase,
    broken: Option<Error>,
    /// Set as soon as tasks are refused, for threads without the lock.
    refuses: Arc<AtomicBool>,
}

impl Lifecycle {
    /// Returns the flag that is set once tasks are refused.
    pub(super) fn refuses(&self) -> Arc<AtomicBool> {
        self.refuses.clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(super) fn is_closing(&self) -> bool {
        self.phase == Phase::Closing
    }

    pub(super) fn has_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Returns why no task can run any more, if so.
    pub(super) fn broken(&self) -> Option<&Error> {
        self.broken.as_ref()
    }

    /// Returns `true` if workers may run tasks, now or later.
    pub(super) fn is_running(&self) -> bool {
        self.phase != Phase::Ended && self.broken.is_none()
    }

    /// Takes no more tasks from now on.
    pub(super) fn close(&mut self) {
        self.enter(Phase::Closing);
    }

    /// Has the pool ended from now on.
    pub(super) fn end(&mut self) {
        self.enter(Phase::Ended);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = self.phase.max(phase);
        self.refuses.store(true, Relaxed);
    }

    /// Lets no task run from now on. The first reason stays.
    pub(super) fn break_down(&mut self, error: Error) {
        self.broken.get_or_insert(error);
        self.refuses.store(true, Relaxed);
    }

    /// Returns why no further task is taken, if so.
    #[inline]
    pub(super) fn refusal(&self) -> Option<Error> {
        debug_assert_eq!(self.refuses.load(Relaxed), self.broken.is_some() || self.phase != Phase::Open);
        match (&self.broken, self.phase) {
            (Some(error), _) => Some(error.clone()),
            (None, Phase::Open) => None,
            (None, _) => Some(Error::Closed),
        }
    }

    /// Returns why a chunk that was taken must not run, if so.
    #[inline]
    pub(super) fn obstacle(&self, chunk: &Chunk) -> Option<Error> {
        if chunk.job().is_abandoned() || self.phase == Phase::Ended {
            return Some(Error::Cancelled);
        }
        self.broken.clone()
    }
}
