//! Reads variants of enums.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::decoder::{Decoder, Value};
use super::error::Error;
use super::expected::NameList;
use super::format::{BOTH_FORMS, MAP, OWN_UNIT_VARIANT, OWN_VARIANT, SOME, STR, STRUCT, UNIT_VARIANT, VARIANT};

/// Reads a value of the enum `name`, which has these `variants` for its reader.
pub(super) fn read<'de, V: Visitor<'de>>(
    mut value: Value<'_, 'de>,
    name: &'static str,
    variants: NameList,
    visitor: V,
) -> Result<V::Value, Error> {
    if value.decoder.reader.peek()? == SOME && value.take_plain_somes() {
        return read(value, name, variants, visitor);
    }
    match value.decoder.reader.peek()? {
        UNIT_VARIANT => {
            value.decoder.reader.byte()?;
            let name = value.decoder.variant()?;
            visitor.visit_enum(Choice { decoder: value.decoder, name, holds: false })
        }
        VARIANT => {
            value.decoder.reader.byte()?;
            let name = value.decoder.variant()?;
            value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name, holds: true }))
        }
        tag @ (OWN_UNIT_VARIANT | OWN_VARIANT) => {
            value.decoder.reader.byte()?;
            let index = value.decoder.reader.index()?;
            let missing = || Error::new(format!("variant {index} was sent, of which this `{name}` has none"));
            let name = variants.get(index as usize).ok_or_else(missing)?;
            let holds = tag == OWN_VARIANT;
            let read = |decoder: &mut Decoder<'de>| visitor.visit_enum(Choice { decoder, name, holds });
            if holds { value.decoder.nested(read) } else { read(value.decoder) }
        }
        STRUCT => {
            value.decoder.reader.byte()?;
            let mut keys = value.decoder.names.keys(value.decoder.reader.offset()?)?;
            let (1, Some(name)) = (keys.left, keys.next()?) else {
                return Err(Error::new(format!("a struct is no variant of `{name}`")));
            };
            value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name, holds: true }))
        }
        // Written as a text or a map by the type's own code, as JSON has variants.
        STR => {
            value.decoder.reader.byte()?;
            let name = value.decoder.reader.text()?;
            visitor.visit_enum(BorrowedStrDeserializer::new(name))
        }
        MAP => {
            value.decoder.reader.byte()?;
            let one = value.decoder.reader.len()? == 1 && value.decoder.reader.take_tag(STR);
            if !one {
                return Err(Error::new(format!("a map of another size than one is no variant of `{name}`")));
            }
            let name = value.decoder.reader.text()?;
            value.decoder.nested(|decoder| visitor.visit_enum(Choice { decoder, name, holds: true }))
        }
        BOTH_FORMS => {
            value.decoder.reader.byte()?;
            value.one_form(|value| read(value, name, variants, visitor))
        }
        _ => value.deserialize_any(visitor),
    }
}

/// A variant and what it holds.
struct Choice<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    name: &'de str,
    holds: bool,
}

impl<'de> EnumAccess<'de> for Choice<'_, 'de> {
    type Error = Error;
    type Variant = Self;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Error> {
        Ok((seed.deserialize(BorrowedStrDeserializer::<Error>::new(self.name))?, self))
    }
}

impl<'a, 'de> Choice<'a, 'de> {
    fn held(self) -> Result<Value<'a, 'de>, Error> {
        if self.holds {
            Ok(self.decoder.value())
        } else {
            Err(Error::new(format!("variant `{}` holds nothing", self.name)))
        }
    }
}

impl<'de> VariantAccess<'de> for Choice<'_, 'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        if self.holds { self.decoder.element() } else { Ok(()) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        let name = self.name;
        seed.deserialize(self.held()?).map_err(|error| error.in_field(name))
    }

    fn newtype_variant<T: Deserialize<'de>>(self) -> Result<T, Error> {
        if !self.holds {
            return Err(Error::new(format!("variant `{}` holds nothing", self.name)));
        }
        self.decoder.element().map_err(|error| error.in_field(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let name = self.name;
        let held = self.held()?;
        held.positional(name, len, visitor).map_err(|error| error.in_field(name))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let name = self.name;
        self.held()?.deserialize_struct("", fields, visitor).map_err(|error| error.in_field(name))
    }
}
