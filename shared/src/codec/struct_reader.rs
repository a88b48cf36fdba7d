//! Reads structs and the variants of enums.
//!
//! A struct is a map from names to values, which finds its fields whatever was skipped, renamed or
//! reordered. If the names in the message are those that a derived type asks for, in their order,
//! its fields are read one after the other instead, which is quicker.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor};

use super::access::{Elements, Name, left_over, not_read};
use super::decoder::{Decoder, Value};
use super::error::Error;
use super::format::{MAP, OWN_UNIT_VARIANT, OWN_VARIANT, SOME, STR, STRUCT, UNIT_VARIANT, VARIANT};
use super::names::{Keys, NameList};
use super::visitors::is_derived;

/// Reads a struct whose keys begin at `offset`; `wanted` has those that the type reads.
#[inline]
pub(super) fn read<'de, V: Visitor<'de>>(
    decoder: &mut Decoder<'de>,
    offset: u32,
    wanted: NameList,
    visitor: V,
) -> Result<V::Value, Error> {
    let names = decoder.names;
    if is_derived::<V>() && !decoder.reads_by_name() && decoder.matches.found(wanted, names, offset) {
        return read_in_order(decoder, wanted, visitor);
    }
    read_map(decoder, names.keys(offset)?, visitor)
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
    if !is_derived::<V>() || decoder.reads_by_name() {
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
        seed.deserialize(Name::new(key)).map(Some)
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

/// Reads a value of the enum `name`, which has these `variants` for its reader.
pub(super) fn read_variant<'de, V: Visitor<'de>>(
    mut value: Value<'_, 'de>,
    name: &'static str,
    variants: NameList,
    visitor: V,
) -> Result<V::Value, Error> {
    if value.decoder.reader.peek()? == SOME && value.take_plain_somes() {
        return read_variant(value, name, variants, visitor);
    }
    match value.decoder.reader.peek()? {
        UNIT_VARIANT => {
            value.decoder.reader.byte()?;
            visitor.visit_enum(UnitChoice(value.decoder.variant()?))
        }
        VARIANT => {
            value.decoder.reader.byte()?;
            let name = value.decoder.variant()?;
            value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name }))
        }
        tag @ (OWN_UNIT_VARIANT | OWN_VARIANT) => {
            value.decoder.reader.byte()?;
            let index = value.decoder.reader.index()?;
            let missing = || Error::new(format!("variant {index} was sent, of which this `{name}` has none"));
            let name = variants.get(index as usize).ok_or_else(missing)?;
            match tag {
                OWN_VARIANT => value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name })),
                _ => visitor.visit_enum(UnitChoice(name)),
            }
        }
        STRUCT => {
            value.decoder.reader.byte()?;
            let mut keys = value.decoder.names.keys(value.decoder.reader.offset()?)?;
            let (1, Some(name)) = (keys.left, keys.next()?) else {
                return Err(Error::new(format!("a struct is no variant of `{name}`")));
            };
            value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name }))
        }
        // Written as a text or a map by the type's own code, as JSON has variants.
        STR => {
            value.decoder.reader.byte()?;
            let name = value.decoder.reader.text()?;
            visitor.visit_enum(UnitChoice(name))
        }
        MAP => {
            value.decoder.reader.byte()?;
            let one = value.decoder.reader.len()? == 1 && value.decoder.reader.take_tag(STR);
            if !one {
                return Err(Error::new(format!("a map of another size than one is no variant of `{name}`")));
            }
            let name = value.decoder.reader.text()?;
            value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name }))
        }
        _ => value.deserialize_any(visitor),
    }
}

/// A variant that holds nothing. It fits into registers, unlike a [`Choice`].
struct UnitChoice<'de>(&'de str);

impl UnitChoice<'_> {
    #[cold]
    fn empty<T>(self) -> Result<T, Error> {
        Err(Error::new(format!("variant `{}` holds nothing", self.0)))
    }
}

impl<'de> EnumAccess<'de> for UnitChoice<'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.0))?, self))
    }
}

impl<'de> VariantAccess<'de> for UnitChoice<'de> {
    type Error = Error;

    #[inline]
    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _seed: T) -> Result<T::Value, Error> {
        self.empty()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        self.empty()
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], _visitor: V) -> Result<V::Value, Error> {
        self.empty()
    }
}

/// A variant and what it holds.
struct Choice<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    name: &'de str,
}

impl<'de> EnumAccess<'de> for Choice<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.name))?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.decoder.element()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let Self { decoder, name } = self;
        seed.deserialize(decoder.value()).map_err(|error| error.in_field(name))
    }

    fn newtype_variant<T: Deserialize<'de>>(self) -> Result<T, Error> {
        let Self { decoder, name } = self;
        decoder.element().map_err(|error| error.in_field(name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let Self { decoder, name } = self;
        decoder.value().positional(name, len, visitor).map_err(|error| error.in_field(name))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let Self { decoder, name } = self;
        decoder.value().deserialize_struct("", fields, visitor).map_err(|error| error.in_field(name))
    }
}
