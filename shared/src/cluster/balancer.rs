//! Load balancing: which rank gets the next chunk.
//!
//! Each rank gets a chunk for every worker that has none, and work in advance for a bounded time,
//! so that its workers need not wait for a message to come and go. The rank with the least to do
//! for each of its workers comes first.

use crate::engine::Offer;

/// Work in advance for a worker, in nanoseconds: some twenty times what a message takes to come and
/// go between machines, and little enough that a long task behind others does not wait long while
/// another rank is idle.
const MAX_AHEAD: u64 = 20_000_000;

/// The most chunks and bytes that a rank may have, however short their tasks seem.
const MAX_CHUNKS: usize = 1 << 16;
const MAX_BYTES: usize = 64 << 20;

/// The work that a rank has.
#[derive(Debug, Clone, Copy, Default)]
struct RankLoad {
    workers: usize,
    chunks: usize,
    bytes: usize,
    /// Estimated nanoseconds.
    load: u64,
}

/// What a chunk counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    bytes: usize,
    load: u64,
}

impl Weight {
    /// Returns the weight of a chunk. A function that has not run yet counts as long, so that its
    /// first tasks spread over the ranks.
    pub(super) fn of(offer: &Offer) -> Self {
        let cost = offer.cost.unwrap_or(MAX_AHEAD).max(1);
        Self { bytes: offer.bytes, load: cost.saturating_mul(offer.tasks.into()) }
    }
}

/// The work that all ranks have.
#[derive(Debug)]
pub(super) struct Balancer(Vec<RankLoad>);

impl Balancer {
    /// Returns a balancer for ranks with these numbers of workers.
    pub(super) fn new(workers: impl IntoIterator<Item = usize>) -> Self {
        Self(workers.into_iter().map(|workers| RankLoad { workers, ..RankLoad::default() }).collect())
    }

    /// Returns the rank for a chunk, if one has room.
    pub(super) fn choose(&self, offer: &Offer) -> Option<usize> {
        let weight = Weight::of(offer);
        let has_room = |rank: &RankLoad| {
            let spare = rank.chunks < rank.workers;
            let ahead = rank.load.saturating_add(weight.load) <= MAX_AHEAD.saturating_mul(rank.workers as u64);
            let bounded = rank.chunks < MAX_CHUNKS && rank.bytes.saturating_add(weight.bytes) <= MAX_BYTES;
            rank.workers > 0 && (spare || (ahead && bounded))
        };
        let ranks = self.0.iter().enumerate().filter(|(_, rank)| has_room(rank));
        // A rank with an idle worker comes before one without; then the work of each worker counts.
        let order = |rank: &RankLoad| (rank.chunks >= rank.workers, rank.load / rank.workers as u64, rank.chunks);
        ranks.min_by_key(|(_, rank)| order(rank)).map(|(at, _)| at)
    }

    /// Records that a rank has got a chunk.
    pub(super) fn add(&mut self, at: usize, weight: Weight) {
        let rank = &mut self.0[at];
        rank.chunks += 1;
        rank.bytes += weight.bytes;
        rank.load = rank.load.saturating_add(weight.load);
    }

    /// Records that a rank has a chunk no more.
    pub(super) fn subtract(&mut self, at: usize, weight: Weight) {
        let rank = &mut self.0[at];
        rank.chunks -= 1;
        rank.bytes -= weight.bytes;
        rank.load = rank.load.saturating_sub(weight.load);
    }

    /// Records that a rank is lost.
    pub(super) fn remove_rank(&mut self, at: usize) {
        self.0[at] = RankLoad::default();
    }

    /// Returns the number of chunks that a rank has.
    pub(super) fn chunks(&self, at: usize) -> usize {
        self.0[at].chunks
    }

    /// Returns the number of chunks that all ranks have.
    pub(super) fn total_chunks(&self) -> usize {
        self.0.iter().map(|rank| rank.chunks).sum()
    }

    /// Returns the number of workers of all ranks.
    pub(super) fn total_workers(&self) -> usize {
        self.0.iter().map(|rank| rank.workers).sum()
    }

    /// Returns a rank with chunks that wait while another has idle workers, and half of their
    /// number. `None` if no worker is idle, or nothing waits.
    pub(super) fn imbalance(&self) -> Option<(usize, usize)> {
        if self.0.iter().all(|rank| rank.chunks >= rank.workers) {
            return None;
        }
        let waiting = |rank: &RankLoad| rank.chunks.saturating_sub(rank.workers);
        let (at, longest) = self.0.iter().enumerate().max_by_key(|(_, rank)| waiting(rank))?;
        let surplus = waiting(longest).div_ceil(2);
        (surplus > 0).then_some((at, surplus))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(cost: Option<u64>) -> Offer {
        Offer { tasks: 1, bytes: 8, cost }
    }

    /// Assigns chunks like `offer` until no rank has room; returns how many each got.
    fn fill(balancer: &mut Balancer, offer: &Offer) -> Vec<usize> {
        let mut given = vec![0; balancer.0.len()];
        while let Some(at) = balancer.choose(offer) {
            balancer.add(at, Weight::of(offer));
            given[at] += 1;
        }
        given
    }

    #[test]
    fn an_unknown_function_goes_to_each_worker_once() {
        assert_eq!(fill(&mut Balancer::new([1, 4, 2]), &offer(None)), [1, 4, 2]);
    }

    #[test]
    fn long_tasks_do_not_wait_behind_others() {
        assert_eq!(fill(&mut Balancer::new([2, 2]), &offer(Some(1_000_000_000))), [2, 2]);
    }

    #[test]
    fn short_tasks_come_in_advance_but_for_a_bounded_time() {
        assert_eq!(fill(&mut Balancer::new([1, 3]), &offer(Some(1_000_000))), [20, 60]);
        let given = fill(&mut Balancer::new([1]), &offer(Some(1)));
        assert_eq!(given, [MAX_CHUNKS]);
    }

    #[test]
    fn large_arguments_are_bounded_but_each_worker_gets_one() {
        let large = Offer { tasks: 1, bytes: MAX_BYTES, cost: Some(1000) };
        assert_eq!(fill(&mut Balancer::new([2, 1]), &large), [2, 1]);
    }

    #[test]
    fn the_first_chunks_spread_over_the_ranks() {
        let mut balancer = Balancer::new([2, 2]);
        let mut given = [0; 2];
        for _ in 0..2 {
            let at = balancer.choose(&offer(Some(10))).unwrap();
            balancer.add(at, Weight::of(&offer(Some(10))));
            given[at] += 1;
        }
        assert_eq!(given, [1, 1]);
    }

    #[test]
    fn a_lost_rank_gets_nothing() {
        let mut balancer = Balancer::new([2, 1]);
        balancer.remove_rank(0);
        assert_eq!((balancer.total_workers(), fill(&mut balancer, &offer(None))), (1, vec![0, 1]));
        balancer.remove_rank(1);
        assert_eq!(balancer.choose(&offer(None)), None);
    }

    #[test]
    fn what_comes_back_makes_room() {
        let mut balancer = Balancer::new([1]);
        let long = offer(None);
        balancer.add(0, Weight::of(&long));
        assert_eq!(balancer.choose(&long), None);
        balancer.subtract(0, Weight::of(&long));
        assert_eq!((balancer.choose(&long), balancer.total_chunks()), (Some(0), 0));
    }

    #[test]
    fn chunks_that_wait_are_asked_back_for_workers_that_are_free() {
        let mut balancer = Balancer::new([1, 2]);
        let short = offer(Some(1000));
        (0..9).for_each(|_| balancer.add(0, Weight::of(&short)));
        assert_eq!(balancer.imbalance(), Some((0, 4)));
        (0..2).for_each(|_| balancer.add(1, Weight::of(&short)));
        assert_eq!(balancer.imbalance(), None);
    }
}
