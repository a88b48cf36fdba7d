//! From arguments to chunks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::engine::{Engine, Job, Tasks};
use crate::error::{Error, Result};
use crate::protocol::push_item;
use crate::task::Arguments;

/// A chunk is closed early once it holds this many bytes: large arguments should not wait for each other.
const ENOUGH: usize = 1 << 20;

/// Runs a caller's serialization code; its panic becomes an error of the task.
fn encode<Args: Arguments>(args: Args, out: &mut Vec<u8>, cap: u64) -> Result<()> {
    let before = out.len();
    let outcome = catch_unwind(AssertUnwindSafe(|| args.encode(out)));
    outcome.unwrap_or_else(|_| Err("serializing the arguments panicked".into())).map_err(Error::Encode)?;
    let bytes = (out.len() - before) as u64;
    if bytes > cap { Err(Error::TooLarge { bytes, cap }) } else { Ok(()) }
}

/// Gathers tasks of one job into chunks and submits them.
pub(super) struct Feeder<'a> {
    engine: &'a Engine,
    job: &'a Arc<Job>,
    chunksize: usize,
    tasks: Tasks,
}

impl<'a> Feeder<'a> {
    pub(super) fn new(engine: &'a Engine, job: &'a Arc<Job>, chunksize: usize) -> Self {
        Self { engine, job, chunksize, tasks: Tasks::default() }
    }

    /// Adds a task. Says whether a chunk was submitted.
    pub(super) fn add<Args: Arguments>(&mut self, args: Args) -> bool {
        let cap = self.engine.config.max_message;
        if self.chunksize == 1 {
            match encode(args, &mut self.tasks.payload, cap) {
                Ok(()) => self.tasks.count = 1,
                Err(error) => {
                    self.tasks = Tasks::default();
                    self.engine.submit_failed(self.job, error, false);
                }
            }
            return self.flush();
        }
        match push_item(&mut self.tasks.payload, |out| encode(args, out, cap)) {
            Ok(()) => self.tasks.count += 1,
            Err(error) => {
                self.flush();
                self.engine.submit_failed(self.job, error, false);
                return true;
            }
        }
        if self.tasks.count as usize >= self.chunksize || self.tasks.payload.len() >= ENOUGH {
            return self.flush();
        }
        false
    }

    /// Submits what there is.
    pub(super) fn flush(&mut self) -> bool {
        if self.tasks.count == 0 {
            return false;
        }
        let mut tasks = std::mem::take(&mut self.tasks);
        if tasks.count == 1 && self.chunksize > 1 {
            // A chunk of one is its task's bytes without the length.
            tasks.payload.drain(..8);
        }
        self.engine.submit(self.job, tasks, false);
        true
    }

    /// Adds all of `items`; no more will come.
    pub(super) fn add_all<Args: Arguments>(mut self, items: impl Iterator<Item = Args>) {
        for args in items {
            if self.add(args) {
                // Results are taken in while arguments go out, or a worker might have to wait for room.
                self.engine.nudge();
            }
        }
        self.flush();
        self.engine.seal(self.job);
    }
}

/// Submits a job of a single task.
pub(crate) fn submit_one<Args: Arguments>(engine: &Engine, job: &Arc<Job>, args: Args) {
    let mut payload = Vec::new();
    match encode(args, &mut payload, engine.config.max_message) {
        Ok(()) => engine.submit(job, Tasks { count: 1, payload }, true),
        Err(error) => engine.submit_failed(job, error, true),
    }
}

/// The chunk size for a map of `len` tasks on `workers` workers, unless the caller sets one: four chunks a worker, so that a
/// worker that is done early can take over from one that is not. It is that of CPython's `Pool.map` (`_map_async` in
/// `multiprocessing/pool.py`).
pub(super) fn default_chunksize(len: usize, workers: usize) -> usize {
    len.div_ceil(workers * 4).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_chunks_are_cpythons() {
        // divmod(len, 4 * workers), plus one if there is a rest.
        assert_eq!(default_chunksize(10, 2), 2);
        assert_eq!(default_chunksize(16, 2), 2);
        assert_eq!(default_chunksize(17, 2), 3);
        assert_eq!(default_chunksize(1_000_000, 2), 125_000);
        assert_eq!(default_chunksize(0, 2), 1);
    }
}
