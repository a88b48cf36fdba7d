//! Reads the parts of values: elements, entries, names.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::decoder::Decoder;
use super::error::Error;

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

/// A name that is read as a key.
pub(super) struct Name<'de>(pub(super) &'de str);

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Error;

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
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
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map struct identifier ignored_any
    }
}
