//! The order of results: outcomes of chunks, which arrive in any order, are taken in order of
//! submission, or as they arrive.

use std::collections::VecDeque;

use crate::engine::outcome::Outcome;

/// Outcomes that have arrived and were not taken yet.
pub(super) struct ResultOrder {
    ordered: bool,
    /// If ordered, the first is of chunk `taken`, and those that have not arrived are `None`.
    outcomes: VecDeque<Option<Outcome>>,
    taken: u64,
}

impl ResultOrder {
    /// Returns an empty one, which gives outcomes back in order of submission if `ordered`, else in
    /// order of arrival.
    pub(super) fn new(ordered: bool) -> Self {
        Self { ordered, outcomes: VecDeque::new(), taken: 0 }
    }

    /// Adds the outcome of chunk `number`; `only` says that the job has no other.
    pub(super) fn add(&mut self, number: u64, outcome: Outcome, only: bool) {
        if !self.ordered {
            return self.outcomes.push_back(Some(outcome));
        }
        debug_assert!(number >= self.taken, "an outcome arrives once");
        let at = (number - self.taken) as usize;
        if self.outcomes.len() <= at {
            if only {
                // Of a million calls under way each has room for its own outcome, and no more.
                self.outcomes.reserve_exact(1);
            }
            self.outcomes.resize_with(at + 1, || None);
        }
        self.outcomes[at] = Some(outcome);
    }

    /// Returns `true` if the next outcome has arrived.
    pub(super) fn has_next(&self) -> bool {
        matches!(self.outcomes.front(), Some(Some(_)))
    }

    /// Takes the next outcome, if it has arrived.
    pub(super) fn take_next(&mut self) -> Option<Outcome> {
        let next = self.outcomes.front_mut()?.take()?;
        self.outcomes.pop_front();
        self.taken += 1;
        Some(next)
    }

    /// Iterates over the outcomes that have arrived and were not taken yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Returns an outcome that `failures` tells apart.
    fn outcome(failures: u32) -> Outcome {
        let mut outcome = Outcome::default();
        (0..failures).for_each(|_| outcome.add_error(Error::Cancelled));
        outcome
    }

    fn taken(order: &mut ResultOrder) -> Vec<u32> {
        std::iter::from_fn(|| order.take_next()).map(|outcome| outcome.failures()).collect()
    }

    #[test]
    fn ordered_outcomes_wait_for_those_before_them() {
        let mut order = ResultOrder::new(true);
        order.add(2, outcome(2), false);
        order.add(1, outcome(1), false);
        assert!(!order.has_next());
        assert!(taken(&mut order).is_empty());
        order.add(0, outcome(0), false);
        assert_eq!(taken(&mut order), [0, 1, 2]);
        order.add(3, outcome(3), false);
        assert_eq!(taken(&mut order), [3]);
    }

    #[test]
    fn unordered_outcomes_come_as_they_arrive() {
        let mut order = ResultOrder::new(false);
        order.add(2, outcome(2), false);
        order.add(0, outcome(0), false);
        assert_eq!(taken(&mut order), [2, 0]);
    }
}
