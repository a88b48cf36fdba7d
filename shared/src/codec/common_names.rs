//! The names that several messages have in common: the tasks of a chunk have the same structs and
//! variants as a rule, whose names travel once with all of them.

use std::cell::Cell;

use super::names::{Matches, Names};
use super::shapes::Table;

/// Collects the names of messages that travel together.
#[derive(Debug, Default)]
pub struct NameWriter {
    pub(super) table: Option<Box<Table>>,
}

impl NameWriter {
    /// Forgets the names so far: other messages begin.
    pub(crate) fn begin(&mut self) {
        if let Some(table) = &mut self.table {
            table.begin();
        }
    }

    /// Returns the names of the messages since [`begin`](NameWriter::begin).
    pub(crate) fn bytes(&self) -> &[u8] {
        self.table.as_deref().map(Table::names).unwrap_or_default()
    }
}

impl Drop for NameWriter {
    fn drop(&mut self) {
        if let Some(table) = self.table.take() {
            table.keep();
        }
    }
}

/// The names of messages that travel together, and which types they were found to fit.
pub struct NameReader<'de> {
    pub(super) names: Names<'de>,
    pub(super) matches: Cell<Matches>,
}

impl<'de> NameReader<'de> {
    /// Returns a reader of what a [`NameWriter`](super::NameWriter) has.
    pub(crate) fn new(names: &'de [u8]) -> Self {
        Self { names: Names(names), matches: Cell::default() }
    }
}
