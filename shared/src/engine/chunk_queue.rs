//! A queue of chunks out of which those of a job can be taken without a look at all others.

use std::collections::{BTreeSet, VecDeque};

use crate::engine::chunk::Chunk;
use crate::engine::job::Job;

/// The position of the first chunk of an empty queue, with room on both sides.
const MIDDLE: u64 = 1 << 63;

/// Chunks in order. One that was taken out of the middle leaves a hole until the front gets there,
/// or holes are more than chunks.
///
/// The index by job is made for the first job that is taken out, and kept up to date while it is
/// of use: most programs never cancel, and a queue without it costs nothing more than a deque.
#[derive(Default)]
pub(super) struct ChunkQueue {
    /// The first and the last are no holes.
    places: VecDeque<Option<Chunk>>,
    holes: usize,
    /// The position of the first place.
    start: u64,
    /// Job and position of each chunk, if there is an index.
    by_job: Option<BTreeSet<(u64, u64)>>,
    /// Changes of the index since it was last used.
    unused: usize,
    /// Places looked at one by one, to make the index or to remove holes.
    #[cfg(test)]
    visited: usize,
}

impl ChunkQueue {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.holes
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    #[inline]
    pub(super) fn front(&self) -> Option<&Chunk> {
        self.places.front()?.as_ref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Chunk> {
        self.places.iter().flatten()
    }

    #[inline]
    pub(super) fn push_back(&mut self, chunk: Chunk) {
        if self.places.is_empty() {
            self.start = MIDDLE;
        }
        let position = self.start + self.places.len() as u64;
        self.index(chunk.job().id, position, true);
        self.places.push_back(Some(chunk));
    }

    pub(super) fn push_front(&mut self, chunk: Chunk) {
        if self.places.is_empty() {
            self.start = MIDDLE;
        }
        self.start -= 1;
        self.index(chunk.job().id, self.start, true);
        self.places.push_front(Some(chunk));
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Chunk> {
        let chunk = self.places.pop_front()??;
        self.index(chunk.job().id, self.start, false);
        self.start += 1;
        self.trim();
        Some(chunk)
    }

    /// Removes up to `max` chunks from the back and returns them, in order.
    pub(super) fn split_off_last(&mut self, max: usize) -> Vec<Chunk> {
        let mut last = Vec::new();
        while last.len() < max
            && let Some(Some(chunk)) = self.places.pop_back()
        {
            self.index(chunk.job().id, self.start + self.places.len() as u64, false);
            last.push(chunk);
            self.trim();
        }
        last.reverse();
        last
    }

    /// Removes the chunks of a job and returns them, in order.
    pub(super) fn remove_job(&mut self, job: &Job) -> Vec<Chunk> {
        if self.is_empty() {
            return Vec::new();
        }
        let by_job = self.by_job.get_or_insert_with(|| {
            #[cfg(test)]
            {
                self.visited += self.places.len();
            }
            let places = (self.start..).zip(&self.places);
            places.filter_map(|(position, place)| Some((place.as_ref()?.job().id, position))).collect()
        });
        self.unused = 0;
        let found: Vec<(u64, u64)> = by_job.range((job.id, 0)..=(job.id, u64::MAX)).copied().collect();
        for entry in &found {
            by_job.remove(entry);
        }
        let at = |position: u64| (position - self.start) as usize;
        let chunks: Vec<Chunk> =
            found.iter().filter_map(|(_, position)| self.places.get_mut(at(*position))?.take()).collect();
        self.holes += chunks.len();
        self.trim();
        chunks
    }

    /// Removes all chunks and returns them, in order.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Chunk> + use<> {
        std::mem::take(self).places.into_iter().flatten()
    }

    /// Records in the index, if there is one, that a chunk of `job` comes to `position` or leaves
    /// it. An index that has not been of use for as long as it takes to make one is given up.
    #[inline]
    fn index(&mut self, job: u64, position: u64, comes: bool) {
        let Some(by_job) = &mut self.by_job else { return };
        let changed = if comes { by_job.insert((job, position)) } else { by_job.remove(&(job, position)) };
        debug_assert!(changed, "the index has each chunk of the queue");
        self.unused += 1;
        if self.unused > self.places.len() {
            self.by_job = None;
        }
    }

    /// Removes holes at the ends, and all of them if they are more than chunks.
    fn trim(&mut self) {
        if self.holes == 0 {
            return;
        }
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            (self.start, self.holes) = (self.start + 1, self.holes - 1);
        }
        while let Some(None) = self.places.back() {
            self.places.pop_back();
            self.holes -= 1;
        }
        if self.holes > self.places.len() / 2 {
            #[cfg(test)]
            {
                self.visited += self.places.len();
            }
            self.places.retain(Option::is_some);
            (self.holes, self.by_job) = (0, None);
        }
    }

    /// Panics if its parts do not fit together.
    #[cfg(test)]
    pub(super) fn check(&self) {
        assert_eq!(self.places.iter().filter(|place| place.is_none()).count(), self.holes);
        assert!(!matches!(self.places.front(), Some(None)) && !matches!(self.places.back(), Some(None)));
        assert!(self.holes <= self.places.len() / 2);
        if let Some(by_job) = &self.by_job {
            let entry = |(position, place): (u64, &Option<Chunk>)| Some((place.as_ref()?.job().id, position));
            let chunks: BTreeSet<_> = (self.start..).zip(&self.places).filter_map(entry).collect();
            assert_eq!(*by_job, chunks);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::chunk::Tasks;
    use crate::task::{Function, Prepared};

    const MANY: u64 = 10_000;

    fn job(id: u64) -> Arc<Job> {
        Arc::new(Job::new(id, Prepared { function: Function(0), state: None, label: "" }, true, 0, true))
    }

    /// Returns a queue with a chunk of each job.
    fn queue(jobs: &[Arc<Job>]) -> ChunkQueue {
        let mut queue = ChunkQueue::default();
        let tasks = || Tasks { count: 1, ..Tasks::default() };
        jobs.iter().for_each(|job| queue.push_back(Chunk::new(job.clone(), job.id, tasks())));
        queue
    }

    fn removed(queue: &mut ChunkQueue, job: &Job) -> bool {
        queue.remove_job(job).iter().map(|chunk| chunk.job().id).eq([job.id])
    }

    #[test]
    fn removing_every_job_looks_at_each_chunk_a_few_times() {
        let jobs: Vec<_> = (1..=MANY).map(job).collect();
        let (forward, backward) = (jobs.iter(), jobs.iter().rev());
        // Each other one first leaves holes all over.
        let scattered = jobs.iter().step_by(2).chain(jobs.iter().skip(1).step_by(2));
        for order in [forward.collect::<Vec<_>>(), backward.collect(), scattered.collect()] {
            let mut queue = queue(&jobs);
            assert!(order.iter().all(|job| removed(&mut queue, job)));
            assert!(queue.is_empty());
            assert!(queue.visited as u64 <= 4 * MANY, "{} places were looked at", queue.visited);
        }
    }

    #[test]
    fn removing_jobs_while_others_pass_looks_at_each_chunk_a_few_times() {
        let jobs: Vec<_> = (1..=MANY).map(job).collect();
        let mut queue = queue(&jobs);
        for at in 0..MANY as usize / 2 {
            let chunk = queue.pop_front().unwrap();
            queue.push_back(chunk);
            assert!(removed(&mut queue, &jobs[MANY as usize - 1 - at]));
        }
        assert!(queue.visited as u64 <= 4 * MANY, "{} places were looked at", queue.visited);
        queue.check();
    }

    #[test]
    fn index_is_given_up_when_no_job_is_removed_for_long() {
        let jobs: Vec<_> = (1..=MANY).map(job).collect();
        let mut queue = queue(&jobs);
        assert!(removed(&mut queue, &jobs[7]));
        for _ in 0..MANY {
            let chunk = queue.pop_front().unwrap();
            queue.push_back(chunk);
        }
        assert!(queue.by_job.is_none());
        queue.check();
    }
}
