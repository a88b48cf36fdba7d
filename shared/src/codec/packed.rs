//! Reads numbers: one, or many of one type that have no tags.

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::error::Error;
use super::format::{F32, F64, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, number_size};

/// Numbers of one type.
pub(super) struct Numbers<'de> {
    numbers: std::slice::ChunksExact<'de, u8>,
    tag: u8,
}

impl<'de> Numbers<'de> {
    pub(super) fn new(bytes: &'de [u8], tag: u8) -> Self {
        Self { numbers: bytes.chunks_exact(number_size(tag).unwrap_or(1)), tag }
    }

    pub(super) fn left(&self) -> u64 {
        self.numbers.len() as u64
    }
}

impl<'de> SeqAccess<'de> for &mut Numbers<'de> {
    type Error = Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(bytes) = self.numbers.next() else { return Ok(None) };
        seed.deserialize(Number { bytes, tag: self.tag }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.numbers.len())
    }
}

/// One number: its tag and its bytes.
pub(super) struct Number<'de> {
    pub(super) tag: u8,
    pub(super) bytes: &'de [u8],
}

impl<'de> Deserializer<'de> for Number<'de> {
    type Error = Error;

    /// Visits the number. One that is not negative is unsigned and one that is small is no `u128`,
    /// as in JSON.
    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        macro_rules! number {
            ($number:ident) => {
                $number::from_le_bytes(self.bytes.try_into().map_err(|_| Error::cut_short())?)
            };
        }
        macro_rules! signed {
            ($number:ident, $unsigned:ident, $visit:ident, $visit_unsigned:ident) => {{
                let number = number!($number);
                match $unsigned::try_from(number) {
                    Ok(number) => visitor.$visit_unsigned(number),
                    Err(_) => visitor.$visit(number),
                }
            }};
        }
        match self.tag {
            U8 => visitor.visit_u8(number!(u8)),
            U16 => visitor.visit_u16(number!(u16)),
            U32 => visitor.visit_u32(number!(u32)),
            U64 => visitor.visit_u64(number!(u64)),
            U128 => signed!(u128, u64, visit_u128, visit_u64),
            I8 => signed!(i8, u8, visit_i8, visit_u8),
            I16 => signed!(i16, u16, visit_i16, visit_u16),
            I32 => signed!(i32, u32, visit_i32, visit_u32),
            I64 => signed!(i64, u64, visit_i64, visit_u64),
            I128 => {
                let number = number!(i128);
                match (u64::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => visitor.visit_i128(number),
                }
            }
            F32 => visitor.visit_f32(number!(f32)),
            F64 => visitor.visit_f64(number!(f64)),
            _ => Err(Error::unknown_tag()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct enum identifier ignored_any
    }
}
