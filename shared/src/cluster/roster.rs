//! Which rank gets the next chunk.
//!
//! Each rank gets a chunk for every worker that has none, and work in advance for a bounded time,
//! so that its workers need not wait for a message to come and go. The one with the least to do for
//! each of its workers comes first.

use crate::engine::Offer;

/// Work in advance for a worker, in nanoseconds: some twenty times what a message takes to come and
/// go between machines, and little enough that a long task behind others does not wait long while
/// another rank is idle.
const AHEAD: u64 = 20_000_000;

/// Chunks and bytes that a rank may have, however short their tasks seem.
const MOST_CHUNKS: usize = 1 << 16;
const MOST_BYTES: usize = 64 << 20;

/// What a rank has to do.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    workers: usize,
    chunks: usize,
    bytes: usize,
    /// Estimated nanoseconds.
    load: u64,
}

/// What a chunk counted for when it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    bytes: usize,
    load: u64,
}

impl Weight {
    /// A function never seen counts as long, so that its first tasks spread over the ranks.
    pub(super) fn of(offer: &Offer) -> Self {
        let cost = offer.cost.unwrap_or(AHEAD).max(1);
        Self { bytes: offer.bytes, load: cost.saturating_mul(offer.tasks.into()) }
    }
}

/// What all ranks have to do.
#[derive(Debug)]
pub(super) struct Roster(Vec<Place>);

impl Roster {
    pub(super) fn new(workers: impl IntoIterator<Item = usize>) -> Self {
        Self(workers.into_iter().map(|workers| Place { workers, ..Place::default() }).collect())
    }

    /// The rank for a chunk, if one has room.
    pub(super) fn choose(&self, offer: &Offer) -> Option<usize> {
        let weight = Weight::of(offer);
        let has_room = |place: &Place| {
            let spare = place.chunks < place.workers;
            let ahead = place.load.saturating_add(weight.load) <= AHEAD.saturating_mul(place.workers as u64);
            let bounded = place.chunks < MOST_CHUNKS && place.bytes.saturating_add(weight.bytes) <= MOST_BYTES;
            place.workers > 0 && (spare || (ahead && bounded))
        };
        let places = self.0.iter().enumerate().filter(|(_, place)| has_room(place));
        // A rank with a worker free comes before one without; then counts what each worker has to do.
        let order = |place: &Place| (place.chunks >= place.workers, place.load / place.workers as u64, place.chunks);
        places.min_by_key(|(_, place)| order(place)).map(|(at, _)| at)
    }

    pub(super) fn give(&mut self, at: usize, weight: Weight) {
        let place = &mut self.0[at];
        place.chunks += 1;
        place.bytes += weight.bytes;
        place.load = place.load.saturating_add(weight.load);
    }

    pub(super) fn take_back(&mut self, at: usize, weight: Weight) {
        let place = &mut self.0[at];
        place.chunks -= 1;
        place.bytes -= weight.bytes;
        place.load = place.load.saturating_sub(weight.load);
    }

    /// A rank is no more.
    pub(super) fn remove(&mut self, at: usize) {
        self.0[at] = Place::default();
    }

    /// Chunks that a rank has.
    pub(super) fn chunks(&self, at: usize) -> usize {
        self.0[at].chunks
    }

    /// Chunks that all ranks have.
    pub(super) fn all_chunks(&self) -> usize {
        self.0.iter().map(|place| place.chunks).sum()
    }

    /// Workers of all ranks.
    pub(super) fn workers(&self) -> usize {
        self.0.iter().map(|place| place.workers).sum()
    }

    /// A rank with chunks that wait while another has workers free, and half of how many wait.
    /// `None` if nobody is idle, or nothing waits.
    pub(super) fn unfair(&self) -> Option<(usize, usize)> {
        if self.0.iter().all(|place| place.chunks >= place.workers) {
            return None;
        }
        let waiting = |place: &Place| place.chunks.saturating_sub(place.workers);
        let (at, most) = self.0.iter().enumerate().max_by_key(|(_, place)| waiting(place))?;
        let surplus = waiting(most).div_ceil(2);
        (surplus > 0).then_some((at, surplus))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(cost: Option<u64>) -> Offer {
        Offer { tasks: 1, bytes: 8, cost }
    }

    /// Gives chunks like `offer` until nobody has room; says who got how many.
    fn fill(roster: &mut Roster, offer: &Offer) -> Vec<usize> {
        let mut given = vec![0; roster.0.len()];
        while let Some(at) = roster.choose(offer) {
            roster.give(at, Weight::of(offer));
            given[at] += 1;
        }
        given
    }

    #[test]
    fn an_unknown_function_goes_to_each_worker_once() {
        assert_eq!(fill(&mut Roster::new([1, 4, 2]), &offer(None)), [1, 4, 2]);
    }

    #[test]
    fn long_tasks_do_not_wait_behind_others() {
        assert_eq!(fill(&mut Roster::new([2, 2]), &offer(Some(1_000_000_000))), [2, 2]);
    }

    #[test]
    fn short_tasks_come_in_advance_but_for_a_bounded_time() {
        assert_eq!(fill(&mut Roster::new([1, 3]), &offer(Some(1_000_000))), [20, 60]);
        let given = fill(&mut Roster::new([1]), &offer(Some(1)));
        assert_eq!(given, [MOST_CHUNKS]);
    }

    #[test]
    fn large_arguments_are_bounded_but_each_worker_gets_one() {
        let large = Offer { tasks: 1, bytes: MOST_BYTES, cost: Some(1000) };
        assert_eq!(fill(&mut Roster::new([2, 1]), &large), [2, 1]);
    }

    #[test]
    fn the_first_chunks_spread_over_the_ranks() {
        let mut roster = Roster::new([2, 2]);
        let mut given = [0; 2];
        for _ in 0..2 {
            let at = roster.choose(&offer(Some(10))).unwrap();
            roster.give(at, Weight::of(&offer(Some(10))));
            given[at] += 1;
        }
        assert_eq!(given, [1, 1]);
    }

    #[test]
    fn a_lost_rank_gets_nothing() {
        let mut roster = Roster::new([2, 1]);
        roster.remove(0);
        assert_eq!((roster.workers(), fill(&mut roster, &offer(None))), (1, vec![0, 1]));
        roster.remove(1);
        assert_eq!(roster.choose(&offer(None)), None);
    }

    #[test]
    fn what_comes_back_makes_room() {
        let mut roster = Roster::new([1]);
        let long = offer(None);
        roster.give(0, Weight::of(&long));
        assert_eq!(roster.choose(&long), None);
        roster.take_back(0, Weight::of(&long));
        assert_eq!((roster.choose(&long), roster.all_chunks()), (Some(0), 0));
    }

    #[test]
    fn chunks_that_wait_are_asked_back_for_workers_that_are_free() {
        let mut roster = Roster::new([1, 2]);
        let short = offer(Some(1000));
        (0..9).for_each(|_| roster.give(0, Weight::of(&short)));
        assert_eq!(roster.unfair(), Some((0, 4)));
        (0..2).for_each(|_| roster.give(1, Weight::of(&short)));
        assert_eq!(roster.unfair(), None);
    }
}
