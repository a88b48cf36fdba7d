//! The order of results: those of chunks, which arrive in any order, are taken in order of
//! submission, or as they arrive.

use std::collections::VecDeque;

/// Outcomes that have arrived and were not taken yet, with the numbers of their chunks.
pub(super) enum ResultOrder<T> {
    /// In order of submission: the first is of chunk `taken`, and those that have not arrived are
    /// `None`.
    Ordered { results: VecDeque<Option<T>>, taken: u64 },
    /// In order of arrival.
    Unordered(VecDeque<(u64, T)>),
}

impl<T> ResultOrder<T> {
    /// Returns an empty one, which gives results back in order of submission if `ordered`, else in
    /// order of arrival.
    pub(super) fn new(ordered: bool) -> Self {
        if ordered { Self::Ordered { results: VecDeque::new(), taken: 0 } } else { Self::Unordered(VecDeque::new()) }
    }

    /// Returns whether results are given back in order of submission.
    #[inline]
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self, Self::Ordered { .. })
    }

    /// Adds the result of chunk `number`; `only` says that the job has no other.
    #[inline]
    pub(super) fn add(&mut self, number: u64, result: T, only: bool) {
        match self {
            Self::Ordered { results, taken } => {
                debug_assert!(number >= *taken, "a result arrives once");
                let at = (number - *taken) as usize;
                if results.len() <= at {
                    if only {
                        // Of a million calls under way each has room for its own result, and no
                        // more.
                        results.reserve_exact(1);
                    }
                    results.resize_with(at + 1, || None);
                }
                results[at] = Some(result);
            }
            Self::Unordered(results) => results.push_back((number, result)),
        }
    }

    /// Returns `true` if the next result has arrived.
    #[inline]
    pub(super) fn has_next(&self) -> bool {
        match self {
            Self::Ordered { results, .. } => matches!(results.front(), Some(Some(_))),
            Self::Unordered(results) => !results.is_empty(),
        }
    }

    /// Takes the next result, if it has arrived, with its chunk's number.
    #[inline]
    pub(super) fn take_next(&mut self) -> Option<(u64, T)> {
        match self {
            Self::Ordered { results, taken } => {
                let next = results.front_mut()?.take()?;
                results.pop_front();
                *taken += 1;
                Some((*taken - 1, next))
            }
            Self::Unordered(results) => results.pop_front(),
        }
    }

    /// Iterates over the results that have arrived and were not taken yet.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let (ordered, unordered) = match self {
            Self::Ordered { results, .. } => (Some(results), None),
            Self::Unordered(results) => (None, Some(results)),
        };
        ordered.into_iter().flatten().flatten().chain(unordered.into_iter().flatten().map(|(_, result)| result))
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
