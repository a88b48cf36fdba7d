//! What types are found to ask for, what their messages leave out, and what has to be read by name
//! although its names stand in their order.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) price: u32,
    pub(super) open: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum State {
    Waiting,
    #[serde(skip)]
    #[expect(dead_code)]
    Internal,
    Working(u8),
    #[serde(rename = "finished", alias = "done")]
    Done {
        order: Order,
    },
}

#[test]
fn type_says_what_it_asks_for_first() {
    for _ in 0..2 {
        assert_eq!(Expected::of::<Order>().fields(), Some(&["price", "open"][..]));
        assert!(Expected::of::<State>().variants().is_some());
        assert_eq!(Expected::of::<(Order, State)>(), Expected::default());
        assert_eq!(Expected::of::<serde_json::Value>(), Expected::default());
    }
}

/// Whether the message of `value` has this text.
fn has<T: Serialize + DeserializeOwned + Clone + 'static>(value: &T, text: &str) -> bool {
    let mut bytes = Vec::new();
    encode_result(value.clone(), &mut bytes).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn names_travel_only_where_the_reader_may_lack_them() {
    let order = Order { price: 3, open: true };
    assert!(!has(&order, "price"));
    assert!(has(&vec![order.clone()], "price"));
    assert!(!has(&State::Waiting, "Waiting"));
    assert!(has(&State::Done { order: order.clone() }, "price"));
    // The skipped variant shifts its number, of which the reader's list has none.
    assert!(has(&State::Working(3), "Working"));
    arrives(order.clone());
    arrives([State::Waiting, State::Working(3), State::Done { order }]);
    arrives(State::Working(7));
    arrives(State::Waiting);
    arrives(State::Done { order: Order { price: 0, open: false } });
}

#[test]
fn type_whose_halves_disagree_arrives_as_with_names() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        #[serde(rename(serialize = "out", deserialize = "in"), alias = "out")]
        one: u8,
        two: u8,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Swapped {
        #[serde(rename(deserialize = "two"), alias = "one")]
        one: u8,
        #[serde(skip)]
        unsent: u8,
        #[serde(skip_serializing, default)]
        unread: u8,
        #[serde(skip_deserializing)]
        three: u8,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sometimes {
        #[serde(skip_serializing_if = "Option::is_none")]
        one: Option<u8>,
        two: Option<u8>,
    }
    arrives(Renamed { one: 1, two: 2 });
    arrives(Sometimes { one: None, two: Some(2) });
    arrives(Sometimes { one: Some(1), two: None });
    let mut bytes = Vec::new();
    encode_result(Swapped { one: 1, unsent: 2, unread: 3, three: 4 }, &mut bytes).unwrap();
    let read = decode::<Swapped>(Source::Slice(&bytes)).unwrap();
    assert_eq!(read, Swapped { one: 1, unsent: 0, unread: 0, three: 0 });
}

/// Writes the fields of an [`Order`] in another order, and reads a map alone.
#[derive(Debug, PartialEq)]
struct ByHand(Order);

impl Serialize for ByHand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("ByHand", 2)?;
        fields.serialize_field("open", &self.0.open)?;
        fields.serialize_field("price", &self.0.price)?;
        fields.end()
    }
}

impl<'de> Deserialize<'de> for ByHand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Order;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Order, A::Error> {
                Order::deserialize(MapAccessDeserializer::new(entries))
            }
        }
        deserializer.deserialize_struct("ByHand", &["open", "price"], Map).map(Self)
    }
}

#[test]
fn type_that_reads_a_map_finds_its_own_names_there() {
    let value = ByHand(Order { price: 1, open: true });
    arrives(value);
}

#[derive(Serialize)]
struct OneWay(u8);

impl<'de> Deserialize<'de> for OneWay {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("is never read");
    }
}

#[test]
fn type_that_panics_before_it_asks_is_written_all_the_same() {
    assert_eq!(Expected::of::<OneWay>(), Expected::default());
    encode_result(OneWay(1), &mut Vec::new()).unwrap();
}

#[test]
fn names_that_the_reader_lacks_are_an_error() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Longer {
        one: u8,
        two: u8,
        three: u8,
    }
    #[derive(Debug, Serialize, Deserialize)]
    enum Shorter {
        Waiting,
    }
    let refused = |bytes: &[u8], text: &str| {
        let errors = [
            decode::<Longer>(Source::Slice(bytes)).unwrap_err(),
            decode::<Shorter>(Source::Slice(bytes)).unwrap_err(),
            decode::<serde_json::Value>(Source::Slice(bytes)).unwrap_err(),
            decode::<String>(Source::Slice(bytes)).unwrap_err(),
        ];
        assert!(errors.iter().any(|error| error.contains(text)), "{errors:?}");
    };
    let mut bytes = Vec::new();
    encode_result(Order { price: 1, open: true }, &mut bytes).unwrap();
    refused(&bytes, "2 fields were sent to a type that reads 3");
    bytes.clear();
    encode_result(Err::<u8, u8>(1), &mut bytes).unwrap();
    refused(&bytes, "variant 1 was sent");
}

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
fn optional_value_of_two_forms_arrives() {
    /// Calls `is_human_readable` before it requests an `Option`.
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
