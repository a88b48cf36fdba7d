//! Values there and back.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

use super::*;

fn message<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_plain(value, &mut bytes).unwrap();
    bytes
}

/// Sends `value` with its names, and without those that its type is known to have.
pub(super) fn arrives<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: T) {
    let message_of = |expected: fn() -> Expected| {
        let mut bytes = Vec::new();
        encoder::write(&value, expected(), &mut bytes).unwrap();
        bytes
    };
    for expected in [Expected::default, Expected::of::<T>] {
        let bytes = message_of(expected);
        assert_eq!(decode_plain::<T>(&bytes).unwrap(), value);
        // The thread has the names now, as for the second message.
        assert_eq!(message_of(expected), bytes);
        for len in 0..bytes.len().min(200) {
            let _ = decode_plain::<T>(&bytes[..len]);
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(default, skip_serializing_if = "is_zero")]
    discount: u32,
    items: Vec<u32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    total: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u32),
    Pair { left: i64, right: Option<Option<char>> },
    Text(String),
    Run(Vec<f32>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Circle { radius: f64 },
    Inner(Skipping),
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    One(u8),
    Two(u8, String),
    Fields { a: bool },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Plain {
    Unit,
    One(Vec<u8>),
    Two(u8, String),
    Fields { a: bool, b: Option<()> },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u64,
    #[serde(flatten)]
    inner: Skipping,
    #[serde(flatten)]
    rest: BTreeMap<String, Untagged>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    value: u32,
    next: Option<Box<Node>>,
}

fn list(len: u32) -> Node {
    (1..len).fold(Node { value: 0, next: None }, |next, value| Node { value, next: Some(Box::new(next)) })
}

#[test]
fn attributes_of_serde_keep_values() {
    let skipping = |discount, total| Skipping { discount, items: vec![0], total };
    arrives(skipping(0, 99));
    arrives([skipping(0, 1), skipping(1, 0), skipping(0, 0), skipping(1, 1)].to_vec());
    arrives(vec![Untagged::Number(3), Untagged::Text("t".into()), Untagged::Run(vec![1.5, f32::INFINITY])]);
    arrives(Untagged::Pair { left: -3, right: Some(None) });
    arrives(Untagged::Pair { left: 3, right: Some(Some('x')) });
    arrives(Untagged::Pair { left: 3, right: None });
    arrives(vec![Tagged::Circle { radius: 0.1 }, Tagged::Nothing, Tagged::Inner(skipping(0, 5))]);
    arrives(vec![Adjacent::Unit, Adjacent::One(1), Adjacent::Two(2, "two".into()), Adjacent::Fields { a: true }]);
    arrives(vec![
        Plain::Unit,
        Plain::One(vec![1, 2]),
        Plain::Two(2, "two".into()),
        Plain::Fields { a: true, b: Some(()) },
        Plain::Fields { a: false, b: None },
    ]);
    let rest = BTreeMap::from([("more".to_string(), Untagged::Number(7))]);
    arrives(Flat { id: u64::MAX, inner: skipping(0, 3), rest });
}

#[test]
fn shapes_of_containers_keep_values() {
    arrives(("text".to_string(), vec![1u8, 2], Some(vec![1.5f64]), Some(Vec::<u16>::new()), None::<Vec<i32>>));
    arrives(vec![vec![1u8], vec![], vec![2, 3]]);
    arrives(std::collections::VecDeque::from([1i16, -2]));
    arrives(std::collections::BTreeSet::from([i128::MIN, 0, i128::MAX]));
    arrives([7u32; 20]);
    arrives((1u8, 2u8, 3u8, 4u8, 5u8, 6u8, 7u8, 8u8, "nine".to_string(), 10u8));
    arrives(BTreeMap::from([((1u8, 'a'), Some(Some(()))), ((2, 'b'), Some(None)), ((3, 'c'), None)]));
    arrives(vec![Some(Some(Some(5u8))), Some(Some(None)), Some(None), None]);
    arrives(Ok::<Box<[u64]>, String>(Box::new([1, 2])));
    arrives(serde_json::json!({"a": [1, -2, 2.5, null, "text", {"b": true}]}));
    arrives(IpAddr::from([127, 0, 0, 1]));
    arrives(vec![(IpAddr::from([1u16; 8]), std::time::Duration::MAX)]);
    let nan = f64::from_bits(0x7ff8_0000_0000_1234);
    let back: (f64, u8) = decode_plain(&message(&(nan, 1u8))).unwrap();
    assert_eq!(back.0.to_bits(), nan.to_bits());
}

#[test]
fn compact_form_is_read_by_who_asked_and_human_form_from_a_buffer() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Host {
        Known { address: IpAddr, port: u16 },
    }
    arrives(vec![Host::Known { address: IpAddr::from([10, 0, 0, 1]), port: 80 }]);
    assert_eq!(decode_plain::<serde_json::Value>(&message(&IpAddr::from([10, 0, 0, 1]))).unwrap(), "10.0.0.1");
}

#[test]
fn run_is_written_as_its_elements_are() {
    assert_eq!(message(&vec![1u8, 2]), message(&[1u8, 2][..]));
    assert_eq!(message(&Vec::<u8>::new()), message::<[u8]>(&[]));
    assert_eq!(message(&Some(vec![1.5f32])), message(&Some(&[1.5f32][..])));
    assert_eq!(message("text"), message(&"text".to_string()));
}

#[test]
fn count_that_is_not_as_announced_is_mended() {
    struct Wrong(Option<usize>, bool);
    impl Serialize for Wrong {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{SerializeMap, SerializeSeq};
            if self.1 {
                let mut map = serializer.serialize_map(self.0)?;
                map.serialize_entry("a", &1u8)?;
                map.serialize_entry("b", &2u8)?;
                return map.end();
            }
            let mut sequence = serializer.serialize_seq(self.0)?;
            for number in 0..300u16 {
                sequence.serialize_element(&number)?;
            }
            sequence.serialize_element("end")?;
            sequence.end()
        }
    }
    for announced in [None, Some(0), Some(301), Some(usize::MAX)] {
        let back: Vec<serde_json::Value> = decode_plain(&message(&Wrong(announced, false))).unwrap();
        assert_eq!((back.len(), &back[299], &back[300]), (301, &299.into(), &"end".into()));
        let back: BTreeMap<String, u8> = decode_plain(&message(&Wrong(announced, true))).unwrap();
        assert_eq!(back, BTreeMap::from([("a".into(), 1), ("b".into(), 2)]));
    }
}

#[test]
fn field_without_a_name_that_was_skipped_is_refused() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Pair(#[serde(default, skip_serializing_if = "is_zero")] u32, #[serde(default)] u32);
    assert!(decode_plain::<Pair>(&message(&Pair(1, 2))).is_ok());
    let error = decode_plain::<Pair>(&message(&Pair(0, 2))).unwrap_err();
    assert!(error.contains("give the fields names"), "{error}");
}

#[test]
fn error_has_the_text_the_type_and_the_field() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Outer {
        parts: Vec<Part>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Part {
        #[serde(serialize_with = "refuse")]
        size: u8,
    }
    fn refuse<S: Serializer>(size: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        match size {
            0 => Err(serde::ser::Error::custom("no size")),
            1 => serializer.serialize_str("one"),
            _ => serializer.serialize_u8(*size),
        }
    }
    let with = |size| Outer { parts: vec![Part { size: 2 }, Part { size }] };
    let mut bytes = vec![1];
    let error = encode_plain(&with(0), &mut bytes).unwrap_err();
    assert!(error.starts_with("no size (in `parts[1].size` of `") && error.ends_with("::Outer`)"), "{error}");
    assert_eq!(bytes, [1]);
    let error = decode_plain::<Outer>(&message(&with(1))).unwrap_err();
    assert!(error.contains("invalid type: string \"one\", expected u8 (in `parts[1].size` of `"), "{error}");
    assert!(decode_plain::<Outer>(&message(&with(3))).is_ok());
}

#[test]
fn depth_is_bounded_and_a_thousand_levels_pass_on_a_small_stack() {
    let run = || {
        arrives(list(1000));
        let mut deep = serde_json::json!(1);
        for _ in 0..1000 {
            deep = serde_json::Value::Array(vec![deep]);
        }
        arrives(deep);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
    let mut bytes = Vec::new();
    let long = list(5000);
    let error = encode_plain(&long, &mut bytes).unwrap_err();
    assert!(error.contains("nested more than 4096 levels"), "{error}");
    // Neither the program nor its log wants to have the whole path.
    assert!(error.contains(" … ") && error.len() < 500, "{} bytes", error.len());
}

#[test]
fn every_kind_of_level_is_announced() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Tree {
        Leaf,
        Fields { left: Box<Tree>, right: Vec<Tree> },
        Pair(u8, Box<Tree>),
        One(Box<Tree>),
        Maybe(Option<Box<Tree>>),
        Map(BTreeMap<u8, Tree>),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Loose {
        Fields { inner: Box<Loose> },
        Number(u8),
    }
    for depth in [10, 20, 33, 64, 100] {
        let wrap = [
            |tree| Tree::Fields { left: Box::new(tree), right: vec![] },
            |tree| Tree::Fields { left: Box::new(Tree::Leaf), right: vec![tree] },
            |tree| Tree::Pair(1, Box::new(tree)),
            |tree| Tree::One(Box::new(tree)),
            |tree| Tree::Maybe(Some(Box::new(tree))),
            |tree| Tree::Map(BTreeMap::from([(7, tree)])),
        ];
        for wrap in wrap {
            arrives((0..depth).fold(Tree::Leaf, |tree, _| wrap(tree)));
        }
        arrives((0..depth).fold(Tree::Leaf, |tree, level| wrap[level % wrap.len()](tree)));
        let value = (0..depth).fold(serde_json::json!(1), |value, level| match level % 2 {
            0 => serde_json::Value::Array(vec![value]),
            _ => serde_json::Value::Object([("inner".to_string(), value)].into_iter().collect()),
        });
        arrives(value);
        arrives((0..depth).fold(Loose::Number(1), |inner, _| Loose::Fields { inner: Box::new(inner) }));
        let bytes = message(&(0..depth).fold(Tree::Leaf, |tree, level| wrap[level % wrap.len()](tree)));
        decode_plain::<serde_json::Value>(&bytes).unwrap_err();
        let bytes = message(&(0..depth).fold(Tree::Leaf, |tree, level| wrap[level % 5](tree)));
        decode_plain::<serde_json::Value>(&bytes).unwrap();
    }
}

#[test]
fn depth_that_was_not_announced_is_refused() {
    let mut bytes = vec![0];
    bytes.extend([format::SOME; 100_000]);
    bytes.push(format::NONE);
    assert!(decode_plain::<Node>(&bytes).is_err());
    let _ = decode_plain::<serde_json::Value>(&bytes);
    let mut sequences = vec![format::IS_DEEP];
    sequences.extend([format::SEQUENCE, 1].repeat(100_000));
    sequences.extend(u32::MAX.to_le_bytes());
    assert!(decode_plain::<serde_json::Value>(&sequences).unwrap_err().contains("levels"));
    let end = sequences.len() - 4;
    sequences[end..].copy_from_slice(&format::DEEPEST.to_le_bytes());
    assert!(decode_plain::<serde_json::Value>(&sequences).unwrap_err().contains("levels"));
    let ignored: Result<serde::de::IgnoredAny, String> = decode_plain(&sequences);
    assert!(ignored.is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_a_value_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), small in any::<bool>()) {
        if small {
            bytes.iter_mut().skip(1).for_each(|byte| *byte %= 48);
        }
        if let Some(flags) = bytes.first_mut() {
            *flags %= 4;
        }
        let _ = decode_plain::<Vec<Flat>>(&bytes);
        let _ = decode_plain::<Vec<Plain>>(&bytes);
        let _ = decode_plain::<Tagged>(&bytes);
        let _ = decode_plain::<Node>(&bytes);
        let _ = decode_plain::<serde_json::Value>(&bytes);
        let _ = decode_plain::<BTreeMap<u64, (i8, IpAddr)>>(&bytes);
        let _ = decode_plain::<crate::Error>(&bytes);
    }

    #[test]
    fn damaged_message_is_a_value_or_an_error(at in any::<prop::sample::Index>(), byte in any::<u8>(), id in any::<u64>()) {
        let rest = BTreeMap::from([("more".to_string(), Untagged::Pair { left: 1, right: Some(None) })]);
        let mut bytes = message(&vec![Flat { id, inner: Skipping { discount: 0, items: vec![1], total: 2 }, rest }]);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode_plain::<Vec<Flat>>(&bytes);
        let _ = decode_plain::<serde_json::Value>(&bytes);
    }
}

fn there_and_back<T: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug + 'static>(value: T) {
    let mut bytes = Vec::new();
    encode(value.clone(), &mut bytes).unwrap();
    let mut same = Vec::new();
    encode_ref(&value, &mut same).unwrap();
    assert_eq!(decode::<T>(Source::Slice(&same)).unwrap(), value);
    assert_eq!(decode::<T>(Source::Slice(&bytes)).unwrap(), value);
    assert_eq!(decode::<T>(Source::Buffer(&mut bytes)).unwrap(), value);
}

#[test]
fn every_kind_of_value_comes_back_as_it_went() {
    there_and_back(7u64);
    there_and_back(-1.5f32);
    there_and_back(vec![1u16, 2, 3]);
    there_and_back(Vec::<f64>::new());
    there_and_back(vec![9u8; 3]);
    there_and_back(vec![9u8; 100_000]);
    there_and_back(("text".to_string(), Some(vec![true, false])));
    there_and_back(());
}

#[test]
fn a_large_byte_vector_is_handed_over_not_copied() {
    let value = vec![1u8; 10_000];
    let address = value.as_ptr();
    let mut bytes = Vec::new();
    encode(value, &mut bytes).unwrap();
    assert_eq!(bytes.as_ptr(), address);
    let back: Vec<u8> = decode(Source::Buffer(&mut bytes)).unwrap();
    assert_eq!(back.as_ptr(), address);
}

#[test]
fn wrong_bytes_are_an_error() {
    assert!(decode::<u64>(Source::Slice(&[1, 2, 3])).is_err());
    assert!(decode::<Vec<u32>>(Source::Slice(&[1, 2, 3])).is_err());
    assert!(decode::<String>(Source::Slice(&[200, 1])).is_err());
    assert!(decode::<bool>(Source::Slice(&[1, 1])).is_err());
    assert!(decode_next::<u8>(&mut &[255u8; 9][..]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_by_the_short_way_are_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let mut rest = &bytes[..];
        while decode_next::<Vec<u16>>(&mut rest).is_ok() {}
        let numbers = decode::<Vec<u64>>(Source::Slice(&bytes));
        prop_assert_eq!(numbers.is_ok(), bytes.len().is_multiple_of(8));
        let _ = decode::<(String, Option<Vec<bool>>, char)>(Source::Slice(&bytes));
        let _ = decode::<std::collections::BTreeMap<u64, (i8, std::time::Duration)>>(Source::Slice(&bytes));
        let _ = decode::<crate::Error>(Source::Slice(&bytes));
        let _ = decode::<Vec<()>>(Source::Slice(&bytes[..bytes.len().min(1)]));
    }
}

/// What has to be read by name, although its names stand in their order.
mod by_hand {
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
        /// Asks for the form before it says that it is none.
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
}
