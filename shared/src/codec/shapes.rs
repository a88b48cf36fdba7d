//! The names of a message's structs and variants, which stand behind its value, or behind several
//! messages.
//!
//! A *shape* is the keys that a struct was serialized with, in their order, or the name of a
//! variant. A message has each of its shapes once; its value refers to them by where they begin: a
//! count and as many texts, or one text, each after its length.

use std::cell::Cell;
use std::rc::Rc;

use indexmap::{Equivalent, IndexSet};

use super::format::put_len;

/// The index of a shape in the [`Table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(u32);

/// The shapes that a thread writes.
///
/// They are kept from message to message: where a message has the shapes of the one before, their
/// bytes are ready.
#[derive(Debug, Default)]
pub(super) struct Table {
    shapes: IndexSet<Shape>,
    /// For each shape: the latest message that had it, and its offset there.
    used: Vec<(u64, u32)>,
    /// The shape that a struct of this name and count of fields had last: most always have the
    /// same.
    recent: Vec<Option<ShapeId>>,
    /// Variants that were written lately: the text's address and length, the message, the offset of
    /// the name.
    variants: [(usize, usize, u64, u32); VARIANTS],
    /// The number of the current message.
    message: u64,
    /// The shapes of the current message, and then those that the message before it had in their
    /// place.
    order: Vec<(ShapeId, u32)>,
    /// The number of shapes in `order` that are the current message's.
    current: usize,
    /// The bytes of all of `order`.
    bytes: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    /// The struct's name, which is not written: it tells alike shapes of different types apart, for
    /// [`Table::predict`].
    name: &'static str,
    keys: Option<Rc<[&'static str]>>,
}

/// A shape that need not be in the table yet.
#[derive(Hash)]
struct Candidate<'a> {
    name: &'static str,
    keys: Option<&'a [&'static str]>,
}

impl Equivalent<Shape> for Candidate<'_> {
    fn equivalent(&self, shape: &Shape) -> bool {
        self.name == shape.name && self.keys == shape.keys.as_deref()
    }
}

/// Shapes that are kept from message to message: programs have fewer, unless they skip fields in
/// thousands of ways.
const KEPT: usize = 1024;

/// Places for the shapes that were last used.
const RECENT: usize = 64;

/// Places for the variants that were last used.
const VARIANTS: usize = 16;

/// Stands for the count of fields of a variant's shape.
const VARIANT: usize = usize::MAX;

thread_local! {
    /// The table of this thread, while no message is being written.
    static TABLE: Cell<Option<Box<Table>>> = const { Cell::new(None) };
}

impl Table {
    /// Takes the table of this thread, for a new message. A value's own code may write another
    /// message meanwhile, with another table.
    pub(super) fn take() -> Box<Self> {
        // A thread that ends has none any more.
        let mut table = TABLE.try_with(Cell::take).ok().flatten().unwrap_or_default();
        table.begin();
        table
    }

    /// Begins a message.
    pub(super) fn begin(&mut self) {
        if self.shapes.len() > KEPT {
            *self = Self { message: self.message, ..Self::default() };
        }
        self.message += 1;
        self.current = 0;
    }

    /// Keeps the table for the next message.
    pub(super) fn keep(self: Box<Self>) {
        let _ = TABLE.try_with(|table| table.set(Some(self)));
    }

    /// Predicts the shape of a struct of this name and with this many fields.
    #[inline]
    pub(super) fn predict(&self, name: &'static str, fields: usize) -> Option<ShapeId> {
        let id = (*self.recent.get(slot(name, fields))?)?;
        let shape = self.shapes.get_index(id.0 as usize)?;
        let same_count = shape.keys.as_ref().map_or(VARIANT, |keys| keys.len()) == fields;
        (same_count && is_same(shape.name, name)).then_some(id)
    }

    /// Returns the offset of the name of a variant in this message.
    #[inline]
    pub(super) fn variant_offset(&mut self, name: &'static str) -> u32 {
        let (address, len) = (name.as_ptr().addr(), name.len());
        let at = (address ^ len) % VARIANTS;
        let known = self.variants[at];
        if (known.0, known.1, known.2) == (address, len, self.message) {
            return known.3;
        }
        let id = self.variant(name);
        let offset = self.offset(id);
        self.variants[at] = (address, len, self.message, offset);
        offset
    }

    /// Returns the shape of a variant.
    #[inline]
    fn variant(&mut self, name: &'static str) -> ShapeId {
        match self.predict(name, VARIANT) {
            Some(id) => id,
            None => self.add(Candidate { name, keys: None }),
        }
    }

    /// Returns the keys of a shape.
    #[inline]
    pub(super) fn keys(&self, id: ShapeId) -> Rc<[&'static str]> {
        self.shapes.get_index(id.0 as usize).and_then(|shape| shape.keys.clone()).unwrap_or_default()
    }

    /// Returns the shape of a struct with exactly these keys.
    #[cold]
    pub(super) fn shape_of(&mut self, name: &'static str, keys: &[&'static str]) -> ShapeId {
        self.add(Candidate { name, keys: Some(keys) })
    }

    #[cold]
    fn add(&mut self, candidate: Candidate<'_>) -> ShapeId {
        let Candidate { name, keys } = candidate;
        let at = self.shapes.get_index_of(&candidate).unwrap_or_else(|| {
            self.used.push((0, 0));
            self.shapes.insert_full(Shape { name, keys: keys.map(Rc::from) }).0
        });
        let id = ShapeId(at as u32);
        self.recent.resize(RECENT, None);
        self.recent[slot(name, keys.map_or(VARIANT, <[_]>::len))] = Some(id);
        id
    }

    /// Returns the offset of the shape among the names of this message, which has it from now on.
    #[inline]
    pub(super) fn offset(&mut self, id: ShapeId) -> u32 {
        let (message, offset) = self.used[id.0 as usize];
        if message == self.message {
            return offset;
        }
        let offset = match self.order.get(self.current) {
            Some((same, offset)) if *same == id => *offset,
            _ => self.write(id),
        };
        self.current += 1;
        self.used[id.0 as usize] = (self.message, offset);
        offset
    }

    /// Writes a shape behind those of this message, over what an earlier message had there.
    #[cold]
    fn write(&mut self, id: ShapeId) -> u32 {
        if let Some((_, end)) = self.order.get(self.current) {
            self.bytes.truncate(*end as usize);
            self.order.truncate(self.current);
        }
        let offset = self.bytes.len() as u32;
        self.order.push((id, offset));
        if let Some(Shape { name, keys }) = self.shapes.get_index(id.0 as usize) {
            if let Some(keys) = keys {
                put_len(&mut self.bytes, keys.len() as u64);
            }
            for text in keys.as_deref().unwrap_or(&[*name]) {
                put_len(&mut self.bytes, text.len() as u64);
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
        offset
    }

    /// Returns the names of this message.
    #[inline]
    pub(super) fn names(&self) -> &[u8] {
        let end = self.order.get(self.current).map_or(self.bytes.len(), |(_, offset)| *offset as usize);
        &self.bytes[..end]
    }
}

#[inline]
fn slot(name: &'static str, fields: usize) -> usize {
    (name.as_ptr().addr() ^ name.len() ^ fields.wrapping_mul(7)) % RECENT
}

/// Returns whether two names are equal: most often they are the same text.
#[inline]
pub(super) fn is_same(one: &'static str, other: &'static str) -> bool {
    std::ptr::eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use super::super::names::Names;
    use super::*;

    #[test]
    fn prediction_is_the_latest_shape_of_that_name_and_count() {
        let mut table = Table::default();
        assert_eq!(table.predict("Order", 1), None);
        let one = table.shape_of("Order", &["a"]);
        let other = table.shape_of("Order", &["b"]);
        assert_ne!(one, other);
        assert_eq!(table.predict("Order", 1), Some(other));
        assert_eq!(table.predict("Order", 2), None);
        assert_eq!(table.shape_of("Order", &["a"]), one);
        assert_eq!(table.predict("Order", 1), Some(one));
        assert_ne!(table.variant("Order"), table.shape_of("Order", &[]));
    }

    #[test]
    fn message_has_its_own_shapes_and_no_others() {
        let wanted = |list: &[(&'static str, Option<&'static str>)]| {
            let mut table = Table::take();
            let places: Vec<_> = list
                .iter()
                .map(|(name, key)| {
                    let id = match key {
                        Some(key) => table.shape_of(name, &[key]),
                        None => table.variant(name),
                    };
                    assert_eq!(table.offset(id), table.offset(id));
                    table.offset(id)
                })
                .collect();
            let names = Names(table.names());
            for ((name, key), offset) in list.iter().zip(places) {
                match key {
                    Some(key) => assert_eq!(names.keys(offset).unwrap().next().unwrap(), Some(*key)),
                    None => assert_eq!(names.variant(offset).unwrap(), *name),
                }
            }
            let len = names.0.len();
            table.keep();
            len
        };
        for _ in 0..2 {
            assert_eq!(wanted(&[("A", None), ("B", Some("x")), ("C", None)]), 2 + 3 + 2);
            assert_eq!(wanted(&[("A", None)]), 2);
            assert_eq!(wanted(&[]), 0);
            assert_eq!(wanted(&[("A", None), ("B", Some("y"))]), 2 + 3);
            assert_eq!(wanted(&[("C", None), ("A", None)]), 4);
        }
    }

    #[test]
    fn table_of_thousands_of_shapes_is_given_up() {
        let keys: Vec<&'static str> = vec!["k"; 3000];
        for len in 0..3000 {
            let mut table = Table::take();
            let id = table.shape_of("Sparse", &keys[..len]);
            assert_eq!(table.offset(id), 0);
            assert!(table.shapes.len() <= KEPT + 1);
            table.keep();
        }
    }
}
