//! Passes one value to the visitor of the type that reads it.
//!
//! The kind of value that a type requests is a hint, as it is for JSON: where the message has
//! another kind, the visitor gets that one. [`deserialize_any`](Deserializer::deserialize_any)
//! presents it as JSON would, because types that buffer what they read (`untagged`, `flatten`,
//! `tag`) are made for that; it differs only where JSON has no form, as for `Some(None)`.

use serde::de::{Deserializer, Visitor};

use super::access::{Elements, Entries, Number, Numbers, left_over};
use super::addresses;
use super::decoder::{Value, with_room_for};
use super::error::Error;
use super::format::*;
use super::struct_reader;

impl<'de> Value<'_, 'de> {
    #[inline]
    fn take_tag(&mut self, tag: u8) -> bool {
        self.decoder.reader.take_tag(tag)
    }

    /// Visits the elements of a sequence, once its tag was read.
    #[inline]
    fn sequence<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let count = self.decoder.reader.len()?;
        self.decoder.nested(|decoder| {
            let mut elements = Elements { decoder, names: &[], index: 0, count };
            let value = visitor.visit_seq(&mut elements)?;
            elements.end()?;
            Ok(value)
        })
    }

    /// Visits numbers as the elements of a sequence.
    fn numbers<V: Visitor<'de>>(bytes: &'de [u8], tag: u8, visitor: V) -> Result<V::Value, Error> {
        let mut numbers = Numbers::new(bytes, tag);
        let value = visitor.visit_seq(&mut numbers)?;
        if numbers.left() > 0 {
            return Err(left_over(numbers.left()));
        }
        Ok(value)
    }

    fn entries<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let count = self.decoder.reader.len()?;
        self.decoder.nested(|decoder| {
            let mut entries = Entries { decoder, index: 0, count, value_pending: false };
            let value = visitor.visit_map(&mut entries)?;
            entries.end()?;
            Ok(value)
        })
    }

    /// Skips the `SOME` of values that JSON would write without it. It is needed where `None` or
    /// `()` follows: there, `Some` is all that there is.
    pub(super) fn take_plain_somes(&mut self) -> bool {
        let mut ahead = self.decoder.reader;
        while ahead.take_tag(SOME) {}
        let plain = !matches!(ahead.peek(), Ok(NONE | UNIT));
        if plain {
            self.decoder.reader = ahead;
        }
        plain
    }

    /// Reads a tuple struct or variant. Its fields have no names: if one was left out, it is not
    /// known which.
    pub(super) fn positional<V: Visitor<'de>>(mut self, name: &str, len: usize, visitor: V) -> Result<V::Value, Error> {
        if !self.take_tag(SEQUENCE) {
            return self.deserialize_any(visitor);
        }
        let count = { self.decoder.reader }.len()?;
        if count < len as u64 {
            return Err(Error::new(format!(
                "`{name}` has {len} fields without names, and {count} were serialized: give the fields names, or do not skip any"
            )));
        }
        self.sequence(visitor)
    }
}

/// Defines methods that read their own kind of number, and leave all else to `deserialize_any`.
macro_rules! numbers {
    ($($method:ident $number:ident $tag:ident $visit:ident),*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            if self.take_tag($tag) {
                return visitor.$visit($number::from_le_bytes(self.decoder.reader.array()?));
            }
            self.deserialize_any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.decoder.reader.peek()? == SOME && !self.take_plain_somes() {
            self.decoder.reader.byte()?;
            return self.decoder.nested(|decoder| visitor.visit_some(decoder.value()));
        }
        match self.decoder.reader.byte()? {
            NONE | UNIT => visitor.visit_unit(),
            FALSE => visitor.visit_bool(false),
            TRUE => visitor.visit_bool(true),
            CHAR => visitor.visit_char(self.decoder.reader.char()?),
            STR => visitor.visit_borrowed_str(self.decoder.reader.text()?),
            BYTES => {
                let len = self.decoder.reader.len()?;
                Self::numbers(self.decoder.reader.bytes(len)?, U8, visitor)
            }
            SEQUENCE => self.sequence(visitor),
            MAP => self.entries(visitor),
            STRUCT => {
                let keys = self.decoder.names.keys(self.decoder.reader.offset()?)?;
                struct_reader::read_map(self.decoder, keys, visitor)
            }
            UNIT_VARIANT => visitor.visit_borrowed_str(self.decoder.variant()?),
            VARIANT => {
                // JSON's form of it: a map of one entry.
                let name = self.decoder.names.one_key(self.decoder.reader.index()?)?;
                struct_reader::read_map(self.decoder, name, visitor)
            }
            ADDRESS => visitor.visit_str(&addresses::read(&mut self.decoder.reader)?.to_string()),
            tag if tag >= PACKED => Self::numbers(self.decoder.reader.packed(tag - PACKED)?, tag - PACKED, visitor),
            tag => {
                let size = number_size(tag).ok_or_else(Error::unknown_tag)?;
                Number::new(tag, self.decoder.reader.bytes(size as u64)?).deserialize_any(visitor)
            }
        }
    }

    numbers!(
        deserialize_u8 u8 U8 visit_u8, deserialize_u16 u16 U16 visit_u16, deserialize_u32 u32 U32 visit_u32,
        deserialize_u64 u64 U64 visit_u64, deserialize_u128 u128 U128 visit_u128, deserialize_i8 i8 I8 visit_i8,
        deserialize_i16 i16 I16 visit_i16, deserialize_i32 i32 I32 visit_i32, deserialize_i64 i64 I64 visit_i64,
        deserialize_i128 i128 I128 visit_i128, deserialize_f32 f32 F32 visit_f32, deserialize_f64 f64 F64 visit_f64
    );

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.decoder.reader.peek()? {
            tag @ (FALSE | TRUE) => {
                self.take_tag(tag);
                visitor.visit_bool(tag == TRUE)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.take_tag(STR) {
            return visitor.visit_borrowed_str(self.decoder.reader.text()?);
        }
        self.deserialize_any(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.decoder.reader.peek()? == SOME && self.take_plain_somes() {
            return self.deserialize_bytes(visitor);
        }
        if self.take_tag(BYTES) {
            let len = self.decoder.reader.len()?;
            return visitor.visit_borrowed_bytes(self.decoder.reader.bytes(len)?);
        }
        if self.take_tag(STR) {
            return visitor.visit_borrowed_bytes(self.decoder.reader.text()?.as_bytes());
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.take_tag(NONE) || self.take_tag(UNIT) {
            return visitor.visit_none();
        }
        if self.take_tag(SOME) {
            return self.decoder.nested(|decoder| visitor.visit_some(decoder.value()));
        }
        // Written without `Some`, as a type's own code may do.
        self.decoder.pass_unwritten()?;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        // Such names are a private agreement between the two halves of a type, as of `serde_json`'s
        // `RawValue`.
        if name.starts_with('$') { self.deserialize_any(visitor) } else { visitor.visit_newtype_struct(self) }
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.take_tag(SEQUENCE) {
            return self.sequence(visitor);
        }
        self.deserialize_any(visitor)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.positional(name, len, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        with_room_for::<V::Value, _>(|| {
            if self.take_tag(STRUCT) {
                let offset = self.decoder.reader.offset()?;
                return struct_reader::read(self.decoder, offset, fields, visitor);
            }
            if self.take_tag(OWN_STRUCT) {
                let count = self.decoder.reader.offset()?;
                return struct_reader::read_own(self.decoder, count, fields, visitor);
            }
            self.deserialize_any(visitor)
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        with_room_for::<V::Value, _>(|| struct_reader::read_variant(self, name, variants, visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.decoder.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        char unit unit_struct map identifier
    }
}
