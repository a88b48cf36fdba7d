//! Finds the error in the result of a function whose result is not sent.

use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Impossible, Serializer};
use serde::{Serialize, de};

use crate::codec;
use crate::error::Error;

/// Returns the error in a result, if `R` is a `Result` and this is an `Err`. Text stays text, an
/// [`Error`] stays one, and of any other type the fields are listed: the type is only known to be
/// serializable.
pub(crate) fn returned_error<R: Serialize + 'static>(result: &R) -> Option<Error> {
    let name = std::any::type_name::<R>();
    if !name.starts_with("core::result::Result<") || !matches!(result.serialize(IsErr), Ok(true)) {
        return None;
    }
    let mut bytes = Vec::new();
    if let Err(why) = codec::encode_plain(result, &mut bytes) {
        return Some(Error::Failed(why));
    }
    if name.ends_with(&format!(", {}>", std::any::type_name::<Error>()))
        && let Some(error) = error_in(&bytes)
    {
        return Some(error);
    }
    error_in(&bytes).map(|Text(text)| Error::Failed(text))
}

/// A serializer that finds out which variant a result is.
struct IsErr;

macro_rules! other_values {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self $(, _: $argument)*) -> Result<$ok, fmt::Error> {
            Err(fmt::Error)
        }
    )*};
}

impl Serializer for IsErr {
    type Ok = bool;
    type Error = fmt::Error;
    type SerializeSeq = Impossible<bool, fmt::Error>;
    type SerializeTuple = Impossible<bool, fmt::Error>;
    type SerializeTupleStruct = Impossible<bool, fmt::Error>;
    type SerializeTupleVariant = Impossible<bool, fmt::Error>;
    type SerializeMap = Impossible<bool, fmt::Error>;
    type SerializeStruct = Impossible<bool, fmt::Error>;
    type SerializeStructVariant = Impossible<bool, fmt::Error>;

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<bool, fmt::Error> {
        Ok(variant == "Err")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<bool, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<bool, fmt::Error> {
        Err(fmt::Error)
    }

    other_values! {
        serialize_bool(bool) -> bool;
        serialize_i8(i8) -> bool;
        serialize_i16(i16) -> bool;
        serialize_i32(i32) -> bool;
        serialize_i64(i64) -> bool;
        serialize_u8(u8) -> bool;
        serialize_u16(u16) -> bool;
        serialize_u32(u32) -> bool;
        serialize_u64(u64) -> bool;
        serialize_f32(f32) -> bool;
        serialize_f64(f64) -> bool;
        serialize_char(char) -> bool;
        serialize_str(&str) -> bool;
        serialize_bytes(&[u8]) -> bool;
        serialize_none() -> bool;
        serialize_unit() -> bool;
        serialize_unit_struct(&'static str) -> bool;
        serialize_unit_variant(&'static str, u32, &'static str) -> bool;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

/// Decodes the error in the bytes of a result.
fn error_in<E: DeserializeOwned>(bytes: &[u8]) -> Option<E> {
    codec::decode_plain::<Result<IgnoredAny, E>>(bytes).ok()?.err()
}

/// Any value as text.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Self)
    }
}

struct TextVisitor;

macro_rules! as_text {
    ($($method:ident $value:ty),*) => {$(
        fn $method<E: de::Error>(self, value: $value) -> Result<String, E> {
            Ok(value.to_string())
        }
    )*};
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    as_text!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_i128 i128, visit_u128 u128, visit_f64 f64, visit_str &str);

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        Ok("()".into())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<String, A::Error> {
        let mut all = Vec::new();
        while let Some(Text(element)) = elements.next_element()? {
            all.push(element);
        }
        Ok(all.join(", "))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<String, A::Error> {
        let mut all = Vec::new();
        while let Some((Text(key), Text(value))) = entries.next_entry()? {
            all.push(format!("{key}: {value}"));
        }
        Ok(all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text<R: Serialize + 'static>(result: R) -> Option<String> {
        returned_error(&result).map(|error| error.to_string())
    }

    #[test]
    fn errors_are_found_and_nothing_else() {
        assert_eq!(text(Err::<(), _>("no database".to_string())).as_deref(), Some("no database"));
        assert_eq!(text(Err::<u32, _>((1, "two"))).as_deref(), Some("1, two"));
        assert_eq!(text(Ok::<u32, String>(5)), None);
        assert_eq!(text(5), None);
        assert_eq!(text(Some("Err")), None);
        let own = Err::<(), _>(Error::timed_out(Duration::from_secs(2)));
        assert!(matches!(returned_error(&own), Some(Error::TimedOut { pid: None, .. })));
    }
}
