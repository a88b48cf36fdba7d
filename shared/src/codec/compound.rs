//! Writes sequences and maps.
//!
//! The parts are counted: the number that a type's `Serialize` announces need not be right.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant};

use super::encoder::Encoder;
use super::error::Error;
use super::format::{MAP, PACKED, SEQUENCE, number_size, patch_len, put_len, put_unknown_len};
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
            patch_len(encoder.out, self.at, self.seen);
        }
    }
}

/// The form of the elements of a sequence so far.
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
