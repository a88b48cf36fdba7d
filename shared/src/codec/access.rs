//! Reads the parts of values: elements, entries, names, and numbers without tags.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::decoder::Decoder;
use super::error::Error;
use super::format::{F32, F64, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, number_size};

/// Returns the error for elements that the type's own code did not read.
#[cold]
pub(super) fn left_over(count: u64) -> Error {
    Error::new(format!("{count} elements are left over"))
}

/// Returns the error for a key whose value was not read, so that the next bytes would be misread.
#[cold]
pub(super) fn not_read() -> Error {
    Error::new("the type's own code read a key without its value")
}

/// The elements of a sequence, or the fields of a struct one after the other.
pub(super) struct Elements<'a, 'de> {
    pub(super) decoder: &'a mut Decoder<'de>,
    /// The fields' names; elements have none.
    pub(super) names: &'static [&'static str],
    pub(super) index: u64,
    pub(super) count: u64,
}

impl<'de> Elements<'_, 'de> {
    pub(super) fn end(&self) -> Result<(), Error> {
        if self.index == self.count { Ok(()) } else { Err(left_over(self.count - self.index)) }
    }

    #[inline]
    fn next<T>(&mut self, read: impl FnOnce(&mut Decoder<'de>) -> Result<T, Error>) -> Result<Option<T>, Error> {
        if self.index == self.count {
            return Ok(None);
        }
        let index = self.index;
        self.index += 1;
        read(self.decoder).map(Some).map_err(|error| match self.names.get(index as usize) {
            Some(name) => error.in_field(name),
            None => error.in_element(index),
        })
    }
}

impl<'de> SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.next(|decoder| seed.deserialize(decoder.value()))
    }

    #[inline]
    fn next_element<T: Deserialize<'de>>(&mut self) -> Result<Option<T>, Error> {
        self.next(Decoder::element)
    }

    fn size_hint(&self) -> Option<usize> {
        // An element has a byte at least.
        usize::try_from(self.count - self.index).ok().map(|count| count.min(self.decoder.reader.remaining()))
    }
}

/// The entries of a map.
pub(super) struct Entries<'a, 'de> {
    pub(super) decoder: &'a mut Decoder<'de>,
    pub(super) index: u64,
    pub(super) count: u64,
    /// Whether a key was read and its value not yet.
    pub(super) value_pending: bool,
}

impl Entries<'_, '_> {
    pub(super) fn end(&self) -> Result<(), Error> {
        match self.count - self.index {
            0 if self.value_pending => Err(not_read()),
            0 => Ok(()),
            left => Err(left_over(left)),
        }
    }
}

impl<'de> MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.value_pending {
            return Err(not_read());
        }
        if self.index == self.count {
            return Ok(None);
        }
        self.index += 1;
        self.value_pending = true;
        seed.deserialize(self.decoder.value()).map(Some).map_err(|error| error.in_element(self.index - 1))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        self.value_pending = false;
        seed.deserialize(self.decoder.value()).map_err(|error| error.in_element(self.index.saturating_sub(1)))
    }

    fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, Error> {
        self.value_pending = false;
        self.decoder.element().map_err(|error| error.in_element(self.index.saturating_sub(1)))
    }

    fn next_entry<K: Deserialize<'de>, T: Deserialize<'de>>(&mut self) -> Result<Option<(K, T)>, Error> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.count - self.index).ok().map(|count| count.min(self.decoder.reader.remaining()))
    }
}

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
        seed.deserialize(Number::new(self.tag, bytes)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.numbers.len())
    }
}

/// How many times in a row a value is read as the content of a `Some` that was not written. A type
/// that is nothing but an `Option` of itself would have no end of it.
const MAX_UNWRITTEN: u8 = 64;

/// Counts a `Some` that was not written.
#[inline]
pub(super) fn count_unwritten(count: u8) -> Result<u8, Error> {
    if count < MAX_UNWRITTEN { Ok(count + 1) } else { Err(Error::too_deep()) }
}

/// One number: its tag and its bytes.
pub(super) struct Number<'de> {
    tag: u8,
    bytes: &'de [u8],
    unwritten: u8,
}

impl<'de> Number<'de> {
    #[inline]
    pub(super) fn new(tag: u8, bytes: &'de [u8]) -> Self {
        Self { tag, bytes, unwritten: 0 }
    }
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

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.unwritten = count_unwritten(self.unwritten)?;
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

/// A name that is read as a key.
pub(super) struct Name<'de> {
    text: &'de str,
    unwritten: u8,
}

impl<'de> Name<'de> {
    #[inline]
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, unwritten: 0 }
    }
}

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.unwritten = count_unwritten(self.unwritten)?;
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text))
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier ignored_any
    }
}
