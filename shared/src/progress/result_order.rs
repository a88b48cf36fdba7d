//! The order of results: those of chunks, which arrive in any order, are taken in order of
//! submission, or as they arrive.

use std::collections::VecDeque;

/// Outcomes that have arrived and were not taken yet.
pub(super) struct ResultOrder<T> {
    ordered: bool,
    /// If ordered, the first is of chunk `taken`, and those that have not arrived are `None`.
    results: VecDeque<Option<T>>,
    /// The chunks' numbers beside the results, unless these are ordered.
    numbers: VecDeque<u64>,
    taken: u64,
}

impl<T> ResultOrder<T> {
    /// Returns an empty one, which gives results back in order of submission if `ordered`, else in
    /// order of arrival.
    pub(super) fn new(ordered: bool) -> Self {
        Self { ordered, results: VecDeque::new(), numbers: VecDeque::new(), taken: 0 }
    }

    /// Adds the result of chunk `number`; `only` says that the job has no other.
    #[inline]
    pub(super) fn add(&mut self, number: u64, result: T, only: bool) {
        if !self.ordered {
            self.numbers.push_back(number);
            return self.results.push_back(Some(result));
        }
        debug_assert!(number >= self.taken, "a result arrives once");
        let at = (number - self.taken) as usize;
        if self.results.len() <= at {
            if only {
                // Of a million calls under way each has room for its own result, and no more.
                self.results.reserve_exact(1);
            }
            self.results.resize_with(at + 1, || None);
        }
        self.results[at] = Some(result);
    }

    /// Returns `true` if the next result has arrived.
    #[inline]
    pub(super) fn has_next(&self) -> bool {
        matches!(self.results.front(), Some(Some(_)))
    }

    /// Takes the next result, if it has arrived, with its chunk's number.
    #[inline]
    pub(super) fn take_next(&mut self) -> Option<(u64, T)> {
        let next = self.results.front_mut()?.take()?;
        self.results.pop_front();
        let number = self.numbers.pop_front().unwrap_or(self.taken);
        self.taken += 1;
        Some((number, next))
    }

    /// Iterates over the results that have arrived and were not taken yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.results.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(order: &mut ResultOrder<u32>) -> Vec<u32> {
        let taken = std::iter::from_fn(|| order.take_next());
        taken.inspect(|(number, result)| assert_eq!(*number, u64::from(*result))).map(|(_, result)| result).collect()
    }

    #[test]
    fn ordered_results_wait_for_those_before_them() {
        let mut order = ResultOrder::new(true);
        order.add(2, 2, false);
        order.add(1, 1, false);
        assert!(!order.has_next());
        assert!(taken(&mut order).is_empty());
        order.add(0, 0, false);
        assert_eq!(taken(&mut order), [0, 1, 2]);
        order.add(3, 3, false);
        assert_eq!(taken(&mut order), [3]);
    }

    #[test]
    fn unordered_results_come_as_they_arrive() {
        let mut order = ResultOrder::new(false);
        order.add(2, 2, false);
        order.add(0, 0, false);
        assert_eq!(taken(&mut order), [2, 0]);
    }
}
