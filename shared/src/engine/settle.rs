//! What comes back from workers: results to their jobs, chunks that are not done to the backlog.

use crate::engine::chunk::Chunk;
use crate::engine::core::{Core, Phase};
use crate::engine::job::{Aftermath, Job};
use crate::engine::link::{Doom, Harvest, Link, Stage};
use crate::error::Error;
use crate::trace::{self, TaskEvent};

impl Core {
    /// Takes a worker's results.
    pub(super) fn collect(&mut self, slot: usize) -> bool {
        self.collect_with(slot, Link::collect)
    }

    pub(super) fn collect_with(&mut self, slot: usize, collect: impl FnOnce(&mut Link) -> Harvest) -> bool {
        let Some(link) = self.links.get_mut(slot).and_then(Option::as_mut) else { return false };
        if link.in_flight.is_empty() && link.is_ready() {
            return false;
        }
        let harvest = collect(link);
        let moved = harvest.tasks > 0 || harvest.large > 0;
        if harvest.tasks > 0 {
            let front = link.in_flight.front().map(|sent| &sent.chunk);
            let function = harvest.chunks.first().or(front).map(|chunk| chunk.job.function.0);
            let sample = link.task_time();
            if link.id > self.last_failed {
                // One that came later works.
                self.failed_starts = 0;
            }
            if link.in_flight.is_empty() && link.stage == Stage::Serving {
                let too_large = self.config.max_memory.is_some_and(|most| link.memory() > most);
                if link.budget == 0 || too_large {
                    link.retire();
                } else {
                    self.idle.push(slot);
                }
            }
            if let Some(sample) = sample {
                self.took(function, sample);
            }
        }
        if harvest.corrupt {
            self.doom(slot, Doom::Corrupt);
        }
        if let Some(error) = harvest.init_failed {
            self.break_down(Error::Initializer(Box::new(error)));
        }
        self.note_events(harvest.events);
        for chunk in harvest.chunks {
            self.settle(chunk);
        }
        moved
    }

    /// Adds tasks to the traces that want them.
    fn note_events(&mut self, events: Vec<TaskEvent>) {
        trace::record(&events);
        self.events.extend(events);
    }

    /// Adds the task that a worker runs, if it is about to go: it gets no further.
    pub(super) fn note_cut_short(&mut self, slot: usize) {
        if self.config.trace
            && let Some(event) = self.link(slot).and_then(|link| link.cut_short())
        {
            self.note_events(vec![event]);
        }
    }

    /// A chunk came back from a worker: done, or to go on elsewhere.
    pub(super) fn settle(&mut self, chunk: Chunk) {
        if chunk.left() == 0 {
            self.finish(chunk);
        } else if let Some(error) = self.fate(&chunk) {
            let mut chunk = chunk;
            chunk.fail_rest(&error);
            self.finish(chunk);
        } else {
            self.backlog.push_front(chunk);
        }
    }

    /// Why a chunk must not run, if so.
    pub(super) fn fate(&self, chunk: &Chunk) -> Option<Error> {
        if chunk.job.is_abandoned() || self.phase == Phase::Ended {
            return Some(Error::Cancelled);
        }
        self.broken.clone()
    }

    /// Hands a chunk's outcome to its job.
    pub(super) fn finish(&mut self, chunk: Chunk) {
        let count = u64::from(chunk.tasks.count);
        let failed = u64::from(chunk.outcome.failures);
        self.outstanding -= count;
        self.counts.failed += failed;
        self.counts.completed += count - failed;
        if failed > 0 {
            self.counts.cancelled += chunk.outcome.cancelled();
        }
        let Chunk { job, index, outcome, .. } = chunk;
        let aftermath = job.finish(index, outcome);
        self.note(&job, aftermath);
    }

    /// Remembers whom a job's progress concerns.
    pub(super) fn note(&mut self, job: &Job, aftermath: Aftermath) {
        self.effects.wakers.extend(aftermath.wakers);
        self.effects.when_done.extend(aftermath.when_done);
        for (id, thread) in &self.followers {
            let told = self.effects.unpark.last().is_some_and(|last| last.id() == thread.id());
            if (*id == job.id || *id == 0) && !told {
                self.effects.unpark.push(thread.clone());
            }
        }
    }
}
