//! What has to be read by name, although its names stand in their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::*;

/// How its reader takes a sequence.
const REFUSES: u8 = 0;
const READS_ONE: u8 = 1;
const READS_OTHERS: u8 = 2;

#[derive(Debug, PartialEq, Serialize)]
struct Pair<const HOW: u8> {
    name: String,
    size: u32,
}

struct PairVisitor<const HOW: u8>;

impl<'de, const HOW: u8> Visitor<'de> for PairVisitor<HOW> {
    type Value = Pair<HOW>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pair")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Pair<HOW>, A::Error> {
        match HOW {
            REFUSES => Err(serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &self)),
            READS_ONE => Ok(Pair { name: elements.next_element()?.unwrap_or_default(), size: 0 }),
            _ => elements.next_element::<bool>().map(|_| Pair { name: String::new(), size: 0 }),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pair<HOW>, A::Error> {
        let (mut name, mut size) = (String::new(), 0);
        while let Some(key) = entries.next_key::<String>()? {
            match &*key {
                "name" => name = entries.next_value()?,
                _ => size = entries.next_value()?,
            }
        }
        Ok(Pair { name, size })
    }
}

impl<'de, const HOW: u8> Deserialize<'de> for Pair<HOW> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Pair", &["name", "size"], PairVisitor)
    }
}

#[test]
fn type_that_takes_no_sequence_arrives() {
    fn pair<const HOW: u8>() -> Pair<HOW> {
        Pair { name: "n".into(), size: 7 }
    }
    for _ in 0..2 {
        arrives(pair::<READS_ONE>());
        arrives(vec![pair::<READS_OTHERS>()]);
        arrives((pair::<REFUSES>(), vec![pair::<REFUSES>()]));
    }
}

#[test]
fn key_without_its_value_is_an_error() {
    struct Keys;
    struct KeysVisitor;
    impl<'de> Visitor<'de> for KeysVisitor {
        type Value = Keys;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("keys")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Keys, A::Error> {
            while entries.next_key::<IgnoredAny>()?.is_some() {}
            Ok(Keys)
        }
    }
    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(KeysVisitor)
        }
    }
    let messages = [
        message(&BTreeMap::from([(1u8, 2u8)])),
        message(&list(1)),
        message(&Plain::One(vec![1])),
        message(&BTreeMap::from([(1u8, 2u8), (3, 4)])),
    ];
    for bytes in messages {
        assert!(decode_plain::<Keys>(&bytes).is_err_and(|error| error.contains("without its value")));
    }
}

#[test]
fn optional_value_in_two_forms_arrives() {
    /// Calls `is_human_readable` before it visits `None`.
    #[derive(Debug, PartialEq)]
    struct Asking(Option<u8>);
    impl Serialize for Asking {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                self.0.map(|number| number.to_string()).serialize(serializer)
            } else {
                self.0.serialize(serializer)
            }
        }
    }
    impl<'de> Deserialize<'de> for Asking {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                let text: Option<String> = Deserialize::deserialize(deserializer)?;
                return text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose().map(Self);
            }
            Option::deserialize(deserializer).map(Self)
        }
    }
    arrives(vec![Asking(None), Asking(Some(3))]);
    assert_eq!(decode_plain::<Option<()>>(&message(&Asking(None))).unwrap(), None);
    assert_eq!(decode_plain::<serde_json::Value>(&message(&Asking(Some(3)))).unwrap(), "3");
}
