//! Writes one message: any value that serde can serialize.

use serde::Serialize;

use super::addresses;
use super::common_names::NameWriter;
use super::error::Error;
use super::format::{HAS_NAMES, IS_DEEP, MAX_DEPTH, SHALLOW, put_len};
use super::names::{Expected, NameList};
use super::numbers;
use super::shapes::{Table, is_same};

/// Levels between two checks of the stack that is left.
const STEP: u32 = 8;

/// Bytes of stack that one level of encoding is given. Without optimisation, an enum's code has
/// room for what each of its variants needs.
const WRITING_STACK: usize = 32 << 10;

/// Appends a message that is `value`, for a reader with these expectations. Its names stand in
/// the message, or go to `shared`.
#[inline]
pub(super) fn write<T: Serialize + ?Sized>(
    value: &T,
    expected: Expected,
    shared: Option<&mut NameWriter>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match shared {
        Some(NameWriter { table }) => write_with(value, expected, table, out, |_| &[]),
        None => {
            let mut own = NameWriter::default();
            write_with(value, expected, &mut own.table, out, Table::names)
        }
    }
}

/// Appends a message that has those of the table's names that `names` returns.
#[inline]
fn write_with<T: Serialize + ?Sized>(
    value: &T,
    expected: Expected,
    table: &mut Option<Box<Table>>,
    out: &mut Vec<u8>,
    names: impl FnOnce(&Table) -> &[u8],
) -> Result<(), Error> {
    let start = out.len();
    out.push(0);
    let mut encoder = Encoder { out: &mut *out, expected, table: &mut *table, depth: 0, deepest: 0 };
    let written = encoder.element(value);
    let deepest = encoder.deepest;
    match written {
        Ok(()) if table.is_none() && deepest <= SHALLOW => {}
        Ok(()) => end(start, table.as_deref().map(names).unwrap_or_default(), deepest, out),
        Err(_) => out.truncate(start),
    }
    written
}

/// Adds what follows the value of a message that began at `start`.
#[inline]
fn end(start: usize, names: &[u8], deepest: u32, out: &mut Vec<u8>) {
    if !names.is_empty() {
        out[start] |= HAS_NAMES;
        out.extend_from_slice(names);
        out.extend_from_slice(&(names.len() as u32).to_le_bytes());
    }
    if deepest > SHALLOW {
        out[start] |= IS_DEEP;
        out.extend_from_slice(&deepest.to_le_bytes());
    }
}

/// The serializer of a message's value.
pub(super) struct Encoder<'o> {
    pub(super) out: &'o mut Vec<u8>,
    /// What the reader of the whole message expects.
    expected: Expected,
    /// The names so far, once there are any.
    table: &'o mut Option<Box<Table>>,
    depth: u32,
    deepest: u32,
}

impl Encoder<'_> {
    /// Writes a value within another.
    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.put_known(value) { Ok(()) } else { value.serialize(self) }
    }

    /// Writes a value of a type that has a form of its own; returns whether it is one.
    #[inline]
    pub(super) fn put_known<T: ?Sized>(&mut self, value: &T) -> bool {
        numbers::put_run(value, self.out) || addresses::put(value, self.out)
    }

    /// Returns the names of this message.
    #[inline]
    pub(super) fn table(&mut self) -> &mut Table {
        self.table.get_or_insert_with(Table::take)
    }

    /// Returns the fields that the reader expects of the struct that is about to be written, if it
    /// expects this many.
    #[inline]
    pub(super) fn expected_fields(&self, len: usize) -> Option<NameList> {
        if self.depth > 0 {
            return None;
        }
        self.expected.fields().filter(|fields| fields.len() == len)
    }

    /// Writes a part of the value that [`enter`](Self::enter) began.
    #[inline]
    pub(super) fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.depth.is_multiple_of(STEP) { with_room(|| self.element(value)) } else { self.element(value) }
    }

    /// Writes the only part of a value.
    #[inline]
    pub(super) fn only_part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let outer = self.enter()?;
        self.part(value)?;
        self.leave(outer);
        Ok(())
    }

    /// Goes one level deeper. Returns the level that this one is on, for [`leave`](Self::leave).
    #[inline]
    pub(super) fn enter(&mut self) -> Result<u32, Error> {
        let outer = self.depth;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.depth > MAX_DEPTH { Err(Error::too_deep()) } else { Ok(outer) }
    }

    #[inline]
    pub(super) fn leave(&mut self, outer: u32) {
        self.depth = outer;
    }

    #[inline]
    pub(super) fn number<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        if N > size_of::<u64>() {
            self.out.push(tag);
            return self.out.extend_from_slice(&bytes);
        }
        // One piece, composed in registers: reserving room twice costs more, and reading back what
        // was just stored in pieces stalls.
        let mut wide = [0; size_of::<u64>()];
        wide[..N].copy_from_slice(&bytes);
        let piece = u128::from(u64::from_le_bytes(wide)) << 8 | u128::from(tag);
        self.out.extend_from_slice(&piece.to_le_bytes()[..=N]);
    }

    #[inline]
    pub(super) fn run(&mut self, tag: u8, bytes: &[u8]) {
        self.out.reserve(10 + bytes.len());
        self.tagged_len(tag, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    pub(super) fn variant(&mut self, (tag, own_tag): (u8, u8), index: u32, variant: &'static str) {
        if self.depth == 0
            && let Some(variants) = self.expected.variants()
            && variants.get(index as usize).is_some_and(|expected| is_same(expected, variant))
        {
            return self.tagged_len(own_tag, u64::from(index));
        }
        let offset = self.table().variant_offset(variant);
        self.tagged_len(tag, u64::from(offset));
    }

    /// Writes a tag and a length, or another number that is small as a rule.
    #[inline]
    fn tagged_len(&mut self, tag: u8, len: u64) {
        if len < 0x80 {
            self.out.extend_from_slice(&[tag, len as u8]);
        } else {
            self.out.push(tag);
            put_len(self.out, len);
        }
    }
}

/// Runs `write` where there is room for [`STEP`] more levels, on new memory if need be.
fn with_room<R>(write: impl FnOnce() -> R) -> R {
    if cfg!(miri) {
        return write();
    }
    stacker::maybe_grow(STEP as usize * WRITING_STACK, 2 << 20, write)
}
