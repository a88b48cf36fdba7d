//! Writes one message: any value that serde can serialize.

use std::cell::Cell;

use serde::{Serialize, Serializer};

use super::compound::{Fields, Pairs, Sequence};
use super::error::Error;
use super::format::*;
use super::names::Table;
use super::{numbers, stack};

/// Appends a message that is `value`.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    let start = out.len();
    out.push(0);
    let mut encoder =
        Encoder { out, table: Table::take(), depth: 0, deepest: 0, asked: Cell::new(false), human: false };
    let written = encoder.element(value);
    let Encoder { table, deepest, .. } = encoder;
    match written {
        Ok(()) => {
            let mut flags = 0;
            let names = table.names();
            if !names.is_empty() {
                flags |= HAS_NAMES;
                out.extend_from_slice(names);
                out.extend_from_slice(&(names.len() as u32).to_le_bytes());
            }
            if deepest > SHALLOW {
                flags |= IS_DEEP;
                out.extend_from_slice(&deepest.to_le_bytes());
            }
            out[start] = flags;
        }
        Err(_) => out.truncate(start),
    }
    table.keep();
    written
}

/// The serializer of a message's value.
pub(super) struct Encoder<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) table: Box<Table>,
    depth: u32,
    deepest: u32,
    /// Whether the value that is being written asked for which kind of reader it is written.
    asked: Cell<bool>,
    /// What it is told.
    human: bool,
}

impl Encoder<'_> {
    /// Writes a value within another.
    ///
    /// One that asks whether the form is human-readable is written in both forms. Its reader may
    /// ask, too, and is told that it is not; or it may be read from a buffer of serde's
    /// (`untagged`, `flatten`, `tag`), which says that it is.
    #[inline]
    pub(super) fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if numbers::put_run(value, self.out) {
            return Ok(());
        }
        let start = self.out.len();
        let outer = self.asked.replace(false);
        value.serialize(&mut *self)?;
        if self.asked.replace(outer) && !self.human {
            self.add_human_form(start, value)?;
        }
        Ok(())
    }

    #[cold]
    fn add_human_form<T: Serialize + ?Sized>(&mut self, start: usize, value: &T) -> Result<(), Error> {
        let end = self.out.len();
        self.human = true;
        let written = value.serialize(&mut *self);
        self.human = false;
        written?;
        let mut head = vec![BOTH_FORMS];
        put_len(&mut head, (end - start) as u64);
        put_len(&mut head, (self.out.len() - end) as u64);
        self.out.splice(start..start, head);
        Ok(())
    }

    /// Writes a part of the value that [`enter`](Self::enter) began.
    #[inline]
    pub(super) fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if self.depth.is_multiple_of(STEP) { stack::with_room(|| self.element(value)) } else { self.element(value) }
    }

    /// Writes the only part of a value.
    #[inline]
    fn only_part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
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
        if self.depth > DEEPEST { Err(Error::too_deep()) } else { Ok(outer) }
    }

    #[inline]
    pub(super) fn leave(&mut self, outer: u32) {
        self.depth = outer;
    }

    #[inline]
    fn number<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        // One piece: asking for room costs more than copying.
        let mut piece = [tag; 1 + size_of::<u128>()];
        piece[1..=N].copy_from_slice(&bytes);
        self.out.extend_from_slice(&piece[..=N]);
    }

    #[inline]
    fn run(&mut self, tag: u8, bytes: &[u8]) {
        self.out.reserve(10 + bytes.len());
        self.out.push(tag);
        put_len(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    #[inline]
    fn variant(&mut self, tag: u8, variant: &'static str) {
        let place = self.table.variant_place(variant);
        self.number(tag, place.to_le_bytes());
    }
}

macro_rules! numbers {
    ($($method:ident $number:ident $tag:ident),*) => {$(
        #[inline]
        fn $method(self, value: $number) -> Result<(), Error> {
            self.number($tag, value.to_le_bytes());
            Ok(())
        }
    )*};
}

impl<'a, 'o> Serializer for &'a mut Encoder<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Sequence<'a, 'o>;
    type SerializeTuple = Sequence<'a, 'o>;
    type SerializeTupleStruct = Sequence<'a, 'o>;
    type SerializeTupleVariant = Sequence<'a, 'o>;
    type SerializeMap = Pairs<'a, 'o>;
    type SerializeStruct = Fields<'a, 'o>;
    type SerializeStructVariant = Fields<'a, 'o>;

    numbers!(
        serialize_u8 u8 U8, serialize_u16 u16 U16, serialize_u32 u32 U32, serialize_u64 u64 U64, serialize_u128 u128 U128,
        serialize_i8 i8 I8, serialize_i16 i16 I16, serialize_i32 i32 I32, serialize_i64 i64 I64, serialize_i128 i128 I128,
        serialize_f32 f32 F32, serialize_f64 f64 F64
    );

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.push(if value { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.number(CHAR, u32::from(value).to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        self.run(STR, text.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.run(BYTES, bytes);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.out.push(NONE);
        Ok(())
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.out.push(SOME);
        self.only_part(value)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.push(UNIT);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Error> {
        self.variant(UNIT_VARIANT, variant);
        Ok(())
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Error> {
        if numbers::put_run(value, self.out) {
            return Ok(());
        }
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(VARIANT, variant);
        self.only_part(value).map_err(|error| error.in_field(variant))
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Sequence<'a, 'o>, Error> {
        Sequence::begin(self, len, true)
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Sequence<'a, 'o>, Error> {
        // A long one is an array; of a short one, the elements may have several types.
        Sequence::begin(self, Some(len), len >= 8)
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Sequence<'a, 'o>, Error> {
        Sequence::begin(self, Some(len), false)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Sequence<'a, 'o>, Error> {
        self.variant(VARIANT, variant);
        // Its reader counts the variant and what it holds.
        let outer = self.enter()?;
        let mut fields = Sequence::begin(self, Some(len), false)?;
        fields.outer = outer;
        Ok(fields)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Pairs<'a, 'o>, Error> {
        Pairs::begin(self, len)
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Fields<'a, 'o>, Error> {
        Fields::begin(self, name, len)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Fields<'a, 'o>, Error> {
        self.variant(VARIANT, variant);
        let outer = self.enter()?;
        let mut fields = Fields::begin(self, variant, len)?;
        fields.outer = outer;
        Ok(fields)
    }

    fn is_human_readable(&self) -> bool {
        self.asked.set(true);
        self.human
    }
}
