//! How many items each chunk of a call has.

/// Returns the chunk size for a map of `len` tasks on `breadth` workers, where the caller sets
/// none: four chunks a worker, so that a worker which is done early can take over from one that is
/// not. It is that of CPython's `Pool.map` (`_map_async` in `multiprocessing/pool.py`).
pub(crate) fn default_chunksize(len: usize, breadth: usize) -> usize {
    len.div_ceil(breadth.max(1) * 4).max(1)
}

/// The sizes of a call's chunks, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct ChunkSizes {
    /// The size of all; 0 if they are tapered.
    equal: usize,
    /// Items that were taken, and items that are left.
    taken: usize,
    left: usize,
    /// A tapered chunk has this part of what was taken, or of what is left.
    part: usize,
}

/// A map whose chunks would be larger than this has tapered ones.
///
/// A small map is cut as CPython's: so its tasks are as many to a worker as a reader expects.
const MAX_EQUAL: usize = 64;

impl ChunkSizes {
    /// Returns equal sizes; 0 counts as 1.
    pub(crate) fn equal(size: usize) -> Self {
        Self { equal: size.max(1), taken: 0, left: 0, part: 1 }
    }

    /// Returns the sizes for a map of `len` tasks on `breadth` workers, where the caller sets none.
    ///
    /// Large chunks are tapered towards both ends of the map. At the end, so that all workers are
    /// done at the same time: each chunk has half of an even share of what is left, as in factoring
    /// (Hummel, Schonberg and Flynn, 1992, <https://doi.org/10.1145/135226.135232>). At the start
    /// in the same way, because the longest tasks may come first, and to have every worker begin at
    /// once.
    pub(super) fn of_map(len: usize, breadth: usize) -> Self {
        match default_chunksize(len, breadth) {
            size @ ..=MAX_EQUAL => Self::equal(size),
            _ => Self { equal: 0, taken: 0, left: len, part: 2 * breadth.max(1) },
        }
    }

    /// Returns the size of the next chunk.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        if self.equal > 0 {
            return self.equal;
        }
        // A source may have more items than it said.
        let smaller = if self.left == 0 { self.taken } else { self.taken.min(self.left) };
        (smaller / self.part).max(1)
    }

    /// Counts the items of a chunk.
    #[inline]
    pub(crate) fn take(&mut self, items: usize) {
        self.taken = self.taken.saturating_add(items);
        self.left = self.left.saturating_sub(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_chunks_are_those_of_cpython() {
        // divmod(len, 4 * workers), plus one if there is a rest.
        assert_eq!(default_chunksize(10, 2), 2);
        assert_eq!(default_chunksize(16, 2), 2);
        assert_eq!(default_chunksize(17, 2), 3);
        assert_eq!(default_chunksize(1_000_000, 2), 125_000);
        assert_eq!(default_chunksize(0, 2), 1);
    }

    /// Returns the sizes of the chunks of a map.
    fn sizes(len: usize, breadth: usize) -> Vec<usize> {
        let (mut sizes, mut left) = (ChunkSizes::of_map(len, breadth), len);
        let next = || {
            let size = sizes.size().min(left);
            left -= size;
            sizes.take(size);
            (size > 0).then_some(size)
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn small_maps_have_equal_chunks() {
        assert_eq!(sizes(17, 2), [3, 3, 3, 3, 3, 2]);
        assert_eq!(sizes(512, 2), [64; 8]);
        assert!(sizes(0, 2).is_empty());
    }

    #[test]
    fn large_maps_have_chunks_that_grow_and_shrink() {
        for (len, breadth) in [(513, 2), (10_000, 2), (10_000, 3), (1_000_000, 16), (300, 1)] {
            let sizes = sizes(len, breadth);
            assert_eq!(sizes.iter().sum::<usize>(), len);
            assert!(sizes.is_sorted_by_key(|size| *size) || sizes.len() > 4 * breadth);
            let largest = sizes.iter().position(|size| size == sizes.iter().max().unwrap()).unwrap();
            assert!(sizes[..largest].is_sorted());
            assert!(sizes[largest..].is_sorted_by(|one, next| one >= next));
            // One by one while no worker has had two, and from where there are two for each.
            assert!(sizes[..4 * breadth].iter().chain(&sizes[sizes.len() - 2 * breadth..]).all(|size| *size == 1));
            let rounds = (len as f64).ln() * 4.0 * breadth as f64;
            assert!((sizes.len() as f64) < rounds, "{} chunks for {len} items on {breadth}", sizes.len());
        }
    }

    #[test]
    fn source_with_more_items_than_it_said_has_large_chunks() {
        let mut sizes = ChunkSizes::of_map(1000, 1);
        sizes.take(1000);
        assert_eq!(sizes.size(), 500);
    }
}
