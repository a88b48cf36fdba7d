//! Reads structs.
//!
//! A struct is a map from names to values, which finds its fields whatever was skipped, renamed or
//! reordered. If the names in the message are those that the type asks for, in their order, its
//! fields are read one after the other instead, which is quicker.

use serde::de::{Deserialize, DeserializeSeed, MapAccess, Visitor};

use super::access::{Elements, Name, left_over, not_read};
use super::decoder::Decoder;
use super::error::Error;
use super::expected::NameList;
use super::names::Keys;

/// Reads a struct whose keys begin at `offset`; `wanted` has those that the type reads.
#[inline]
pub(super) fn read<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    offset: u32,
    wanted: NameList,
    visitor: V,
) -> Result<V::Value, Error> {
    let keys = decoder.names.keys(offset)?;
    if wanted.is_empty() || decoder.reads_by_name() || !decoder.matches.found(wanted, offset, keys) {
        return read_map(decoder, keys, visitor);
    }
    read_in_order(decoder, wanted, visitor)
}

/// Reads a struct that has the fields that its reader expects, once their count was read.
#[inline]
pub(super) fn read_own<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    count: u32,
    wanted: NameList,
    visitor: V,
) -> Result<V::Value, Error> {
    if wanted.len() != count as usize {
        return Err(Error::new(format!("{count} fields were sent to a type that reads {}", wanted.len())));
    }
    if decoder.reads_by_name() {
        return read_map(decoder, Keys::of(wanted), visitor);
    }
    read_in_order(decoder, wanted, visitor)
}

#[inline]
fn read_in_order<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    wanted: NameList,
    visitor: V,
) -> Result<V::Value, Error> {
    decoder.reads_in_order();
    decoder.nested(|decoder| {
        let mut fields = Elements { decoder, names: wanted, index: 0, count: wanted.len() as u64 };
        let value = visitor.visit_seq(&mut fields)?;
        fields.end()?;
        Ok(value)
    })
}

/// Reads a struct as a map.
pub(super) fn read_map<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    keys: Keys<'de>,
    visitor: V,
) -> Result<V::Value, Error> {
    decoder.nested(|decoder| {
        let mut fields = ByName { decoder, keys, last: "", value_pending: false };
        let value = visitor.visit_map(&mut fields)?;
        match fields.keys.left {
            0 if fields.value_pending => Err(not_read()),
            0 => Ok(value),
            left => Err(left_over(left)),
        }
    })
}

/// Fields by their names.
struct ByName<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    keys: Keys<'de>,
    /// The name of the field that is being read.
    last: &'de str,
    /// Whether a key was read and its value not yet.
    value_pending: bool,
}

impl<'de> MapAccess<'de> for &mut ByName<'_, 'de> {
    type Error = Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if self.value_pending {
            return Err(not_read());
        }
        let Some(key) = self.keys.next()? else { return Ok(None) };
        self.value_pending = true;
        self.last = key;
        seed.deserialize(Name(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        self.value_pending = false;
        seed.deserialize(self.decoder.value()).map_err(|error| error.in_field(self.last))
    }

    #[inline]
    fn next_value<T: Deserialize<'de>>(&mut self) -> Result<T, Error> {
        self.value_pending = false;
        self.decoder.element().map_err(|error| error.in_field(self.last))
    }

    fn next_entry<K: Deserialize<'de>, T: Deserialize<'de>>(&mut self) -> Result<Option<(K, T)>, Error> {
        let Some(key) = self.next_key()? else { return Ok(None) };
        Ok(Some((key, self.next_value()?)))
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.keys.left).ok().map(|left| left.min(self.decoder.reader.remaining()))
    }
}
