//! Values there and back, and messages that no encoder wrote.

mod by_hand;
mod common_names;
mod depth;
mod names;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};

use self::common_names::arrive_together;
use super::*;

fn message<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_plain(value, &mut bytes).unwrap();
    bytes
}

/// Sends `value` with its names, and without those that its type is known to have.
fn arrives<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: T) {
    let message_of = |expected: fn() -> Expected| {
        let mut bytes = Vec::new();
        encoder::write(&value, expected(), None, &mut bytes).unwrap();
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
    arrive_together(&[value]);
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
fn addresses_keep_all_of_their_parts() {
    let v6 = SocketAddrV6::new([7u16; 8].into(), 443, 9, 3);
    arrives(v6);
    arrives(vec![Some(SocketAddr::from(v6)), None, Some(SocketAddr::from(([1, 2, 3, 4], 5)))]);
    arrives((*v6.ip(), IpAddr::from(*v6.ip()), SocketAddrV4::new([1, 2, 3, 4].into(), 5), Some(Ipv4Addr::BROADCAST)));
    arrives(BTreeMap::from([(IpAddr::from([127, 0, 0, 1]), Some(IpAddr::from([1u16; 8])))]));
    assert_eq!(message(&[&v6]), message(&[SocketAddr::from(v6)]));
    assert!(decode_plain::<Vec<Ipv4Addr>>(&message(&[*v6.ip()])).is_err());
    assert!(decode_plain::<SocketAddr>(&message(v6.ip())).is_err());
}

#[test]
fn address_is_text_for_a_reader_of_anything_else() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Host {
        Known { address: IpAddr, port: u16 },
    }
    let ip = IpAddr::from([10, 0, 0, 1]);
    arrives(vec![Host::Known { address: ip, port: 80 }]);
    arrives(Box::new(SocketAddr::from((ip, 80))));
    assert_eq!(decode_plain::<serde_json::Value>(&message(&ip)).unwrap(), "10.0.0.1");
    assert_eq!(decode_plain::<Option<String>>(&message(&Some(ip))).unwrap().unwrap(), "10.0.0.1");
    assert_eq!(decode_plain::<IpAddr>(&message("10.0.0.1")).unwrap(), ip);
    assert_eq!(decode_plain::<(IgnoredAny, u8)>(&message(&(ip, 1u8))).unwrap().1, 1);
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
