//! The items of a call, and how they are cut into chunks.

use super::chunk_sizes::ChunkSizes;
use crate::error::{Error, Result};

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
    /// Returns the items, their number, and the sizes of their chunks. Items whose number is not
    /// known are collected first, unless the chunk size is given.
    pub(super) fn plan(items: I, chunksize: Option<usize>, breadth: usize) -> (Self, usize, ChunkSizes) {
        let (min, max) = items.size_hint();
        if let Some(chunksize) = chunksize {
            return (Self::Direct(items), min, ChunkSizes::equal(chunksize));
        }
        if max == Some(min) {
            return (Self::Direct(items), min, ChunkSizes::of_map(min, breadth));
        }
        let items: Vec<_> = items.collect();
        let len = items.len();
        (Self::Collected(items.into_iter()), len, ChunkSizes::of_map(len, breadth))
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
