//! Writes values with parts: sequences, maps, structs.
//!
//! How many parts there are is counted: what a type's `Serialize` announces need not be true.

use std::rc::Rc;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};

use super::encoder::Encoder;
use super::error::Error;
use super::expected::Wanted;
use super::format::{MAP, OWN_STRUCT, PACKED, SEQUENCE, STRUCT, number_size, put_len, put_unknown_len, settle_len};
use super::names::{ShapeId, Table, is_same};
use super::numbers;

/// A count that stands before its parts.
struct Count {
    at: usize,
    announced: Option<u64>,
    seen: u64,
}

impl Count {
    #[inline]
    fn begin(encoder: &mut Encoder<'_>, announced: Option<usize>) -> Self {
        let at = encoder.out.len();
        let announced = announced.map(|len| len as u64);
        match announced {
            Some(len) => put_len(encoder.out, len),
            None => put_unknown_len(encoder.out),
        }
        Self { at, announced, seen: 0 }
    }

    #[inline]
    fn end(&self, encoder: &mut Encoder<'_>) {
        if self.announced != Some(self.seen) {
            settle_len(encoder.out, self.at, self.seen);
        }
    }
}

/// What is known of the elements of a sequence so far.
enum Packing {
    /// There was none yet; numbers are to be packed.
    Possible,
    /// All were numbers with this tag, and were written without it.
    Packed(u8),
    /// Each has its tag.
    Tagged,
}

/// A sequence that is being written.
pub(super) struct Sequence<'a, 'o> {
    encoder: &'a mut Encoder<'o>,
    /// The level that the sequence is on.
    pub(super) outer: u32,
    tag_at: usize,
    first_at: usize,
    count: Count,
    packing: Packing,
}

impl<'a, 'o> Sequence<'a, 'o> {
    #[inline]
    pub(super) fn begin(encoder: &'a mut Encoder<'o>, len: Option<usize>, pack: bool) -> Result<Self, Error> {
        let outer = encoder.enter()?;
        let tag_at = encoder.out.len();
        encoder.out.push(SEQUENCE);
        let count = Count::begin(encoder, len);
        let first_at = encoder.out.len();
        let packing = if pack { Packing::Possible } else { Packing::Tagged };
        Ok(Self { encoder, outer, tag_at, first_at, count, packing })
    }

    #[inline]
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let index = self.count.seen;
        self.count.seen += 1;
        if !matches!(self.packing, Packing::Tagged) && self.pack(value) {
            return Ok(());
        }
        self.encoder.part(value).map_err(|error| error.in_element(index))
    }

    /// Writes a number without a tag, if it and all before it are of one type.
    #[inline]
    fn pack<T: ?Sized>(&mut self, value: &T) -> bool {
        match (numbers::number(value), &self.packing) {
            (Some((tag, bytes)), Packing::Packed(before)) if tag == *before => {
                self.encoder.out.extend_from_slice(bytes);
                true
            }
            (Some((tag, bytes)), Packing::Possible) => {
                self.encoder.out[self.tag_at] = PACKED + tag;
                self.encoder.out.extend_from_slice(bytes);
                self.packing = Packing::Packed(tag);
                true
            }
            _ => {
                self.give_tags();
                false
            }
        }
    }

    /// Gives each element its tag, now that they are not all of one type.
    #[cold]
    fn give_tags(&mut self) {
        if let Packing::Packed(tag) = self.packing {
            let out = &mut *self.encoder.out;
            let numbers = out.split_off(self.first_at);
            out[self.tag_at] = SEQUENCE;
            for number in numbers.chunks(number_size(tag).unwrap_or(1)) {
                out.push(tag);
                out.extend_from_slice(number);
            }
        }
        self.packing = Packing::Tagged;
    }

    #[inline]
    fn finish(self) -> Result<(), Error> {
        self.count.end(self.encoder);
        self.encoder.leave(self.outer);
        Ok(())
    }
}

/// A map that is being written.
pub(super) struct Pairs<'a, 'o> {
    encoder: &'a mut Encoder<'o>,
    outer: u32,
    count: Count,
}

impl<'a, 'o> Pairs<'a, 'o> {
    pub(super) fn begin(encoder: &'a mut Encoder<'o>, len: Option<usize>) -> Result<Self, Error> {
        let outer = encoder.enter()?;
        encoder.out.push(MAP);
        let count = Count::begin(encoder, len);
        Ok(Self { encoder, outer, count })
    }
}

impl SerializeMap for Pairs<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let index = self.count.seen;
        self.count.seen += 1;
        self.encoder.part(key).map_err(|error| error.in_element(index))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let index = self.count.seen.saturating_sub(1);
        self.encoder.part(value).map_err(|error| error.in_element(index))
    }

    fn end(self) -> Result<(), Error> {
        self.count.end(self.encoder);
        self.encoder.leave(self.outer);
        Ok(())
    }
}

/// A struct that is being written.
pub(super) struct Fields<'a, 'o> {
    encoder: &'a mut Encoder<'o>,
    /// The level that the struct is on.
    pub(super) outer: u32,
    name: &'static str,
    head_at: usize,
    keys: Keys,
    /// How many keys there were, as long as they are those of a list.
    seen: usize,
}

/// The keys so far.
enum Keys {
    /// The first ones that the reader of the message expects.
    AsExpected(Wanted),
    /// The first ones of the shape that was predicted.
    AsPredicted(ShapeId, Rc<[&'static str]>),
    /// Others.
    Own(Vec<&'static str>),
}

impl Keys {
    /// Those of the shape that a struct of this name and with this many fields had last.
    #[inline]
    fn predicted(table: &Table, name: &'static str, len: usize) -> Self {
        match table.predict(name, len) {
            Some(id) => Self::AsPredicted(id, table.keys(id)),
            None => Self::Own(Vec::with_capacity(len.min(64))),
        }
    }

    /// The first `seen` of these, and one that is not on the list.
    #[cold]
    fn departed(&self, seen: usize, key: &'static str) -> Self {
        let all: &[_] = match self {
            Self::AsExpected(all) => all,
            Self::AsPredicted(_, all) => all,
            Self::Own(all) => all,
        };
        Self::Own(all.iter().take(seen).copied().chain([key]).collect())
    }
}

/// All of it is inlined into the type's own code: to hand a `Fields` over costs as much as to write
/// three numbers. (Without optimisation, it would only take stack, at each level of a value.)
impl<'a, 'o> Fields<'a, 'o> {
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn begin(encoder: &'a mut Encoder<'o>, name: &'static str, len: usize) -> Result<Self, Error> {
        let expected = encoder.expected_fields(len);
        let outer = encoder.enter()?;
        let head_at = encoder.out.len();
        let keys = match expected {
            Some(all) => {
                encoder.out.extend_from_slice(&head(OWN_STRUCT, len as u32));
                Keys::AsExpected(all)
            }
            None => {
                encoder.out.extend_from_slice(&head(STRUCT, 0));
                Keys::predicted(encoder.table(), name, len)
            }
        };
        Ok(Self { encoder, outer, name, head_at, keys, seen: 0 })
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn add<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        let listed = match &mut self.keys {
            Keys::AsExpected(all) => all.get(self.seen),
            Keys::AsPredicted(_, all) => all.get(self.seen),
            Keys::Own(keys) => {
                keys.push(key);
                Some(&key)
            }
        };
        if listed.is_some_and(|listed| is_same(listed, key)) {
            self.seen += 1;
        } else {
            self.keys = self.keys.departed(self.seen, key);
        }
        self.encoder.part(value).map_err(|error| error.in_field(key))
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn finish(self) -> Result<(), Error> {
        let Self { encoder, outer, name, head_at, keys, seen } = self;
        if !matches!(&keys, Keys::AsExpected(all) if seen == all.len()) {
            let table = encoder.table();
            let id = match &keys {
                Keys::AsPredicted(id, all) if seen == all.len() => *id,
                Keys::AsPredicted(_, all) => table.with_keys(name, &all[..seen]),
                Keys::AsExpected(all) => table.with_keys(name, &all[..seen]),
                Keys::Own(keys) => table.with_keys(name, keys),
            };
            let place = table.place(id);
            encoder.out[head_at..head_at + 5].copy_from_slice(&head(STRUCT, place));
        }
        encoder.leave(outer);
        Ok(())
    }
}

/// What a struct begins with.
#[cfg_attr(not(debug_assertions), inline(always))]
fn head(tag: u8, number: u32) -> [u8; 5] {
    let [a, b, c, d] = number.to_le_bytes();
    [tag, a, b, c, d]
}

macro_rules! sequence_like {
    ($($kind:ident $method:ident),*) => {$(
        impl $kind for Sequence<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.add(value)
            }

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

sequence_like!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

macro_rules! struct_like {
    ($($kind:ident),*) => {$(
        impl $kind for Fields<'_, '_> {
            type Ok = ();
            type Error = Error;

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.add(key, value)
            }

            #[cfg_attr(not(debug_assertions), inline(always))]
            fn end(self) -> Result<(), Error> {
                self.finish()
            }
        }
    )*};
}

struct_like!(SerializeStruct, SerializeStructVariant);
