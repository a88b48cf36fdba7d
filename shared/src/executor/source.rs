//! How the items of a call are cut into chunks.

use crate::error::{Error, Result};

/// Returns the chunk size for a map of `len` tasks on `breadth` workers, where the caller sets
/// none: four chunks a worker, so that a worker which is done early can take over from one that is
/// not. It is that of CPython's `Pool.map` (`_map_async` in `multiprocessing/pool.py`).
pub(crate) fn default_chunksize(len: usize, breadth: usize) -> usize {
    len.div_ceil(breadth.max(1) * 4).max(1)
}

/// Refuses a source that reports that it has no end.
pub(super) fn check_end(items: &impl Iterator) -> Result<()> {
    if items.size_hint().0 == usize::MAX {
        return Err(Error::Config(
            "the source of the items has no end, so this call would never return: `imap` and `imap_unordered` take items only as their results are taken".into(),
        ));
    }
    Ok(())
}

/// Items as they come, or collected to be counted.
pub(super) enum Source<I: Iterator> {
    Direct(I),
    Collected(std::vec::IntoIter<I::Item>),
}

impl<I: Iterator> Source<I> {
    /// Returns the items, their number, and the chunk size. Items whose number is not known are
    /// collected first, unless the chunk size is given.
    pub(super) fn plan(items: I, chunksize: Option<usize>, breadth: usize) -> (Self, usize, usize) {
        let (min, max) = items.size_hint();
        if max == Some(min) || chunksize.is_some() {
            return (Self::Direct(items), min, chunksize.unwrap_or_else(|| default_chunksize(min, breadth)));
        }
        let items: Vec<_> = items.collect();
        let len = items.len();
        (Self::Collected(items.into_iter()), len, default_chunksize(len, breadth))
    }
}

impl<I: Iterator> Iterator for Source<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        match self {
            Self::Direct(items) => items.next(),
            Self::Collected(items) => items.next(),
        }
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
}
