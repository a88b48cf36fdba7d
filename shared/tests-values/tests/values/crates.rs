//! The types of other crates.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::json;

use crate::support::{Named, named};
use crate::{through_all, value};

pub(crate) const TESTS: &[Named] = named! {
    json_arrives
    raw_json_arrives_as_it_is_written
    toml_arrives
    exact_numbers_arrive
    names_and_places_arrive
    times_arrive
    collections_of_other_crates_arrive
    byte_strings_arrive
    flags_vectors_and_graphs_arrive
};

/// Reads a value from JSON, for types that are clumsy to make otherwise.
fn read<T: DeserializeOwned>(json: serde_json::Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// Reads a value from its text.
fn parse<T: FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn json_arrives() -> multiproc::Result<()> {
    through_all(|channels| {
        let all = [
            json!(null),
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(0.1),
            json!("text"),
            json!([]),
            json!({}),
            json!({"a": [1, {"b": null}], "": ""}),
        ];
        all.iter().for_each(|value| channels.keep(value.clone()));
        channels.keep_all((
            json!(all),
            Some(json!({"a": 1})),
            read::<serde_json::Map<String, serde_json::Value>>(json!({"k": [1.5, "v"]})),
            vec![serde_json::Number::from(1u8), serde_json::Number::from(i64::MIN), read(json!(0.5))],
        ));
    })
}

value! {
    struct Raw {
        before: u8,
        raw: RawText,
        after: u8,
    }

    #[serde(from = "Box<serde_json::value::RawValue>", into = "Box<serde_json::value::RawValue>")]
    struct RawText(String);
}

impl From<Box<serde_json::value::RawValue>> for RawText {
    fn from(raw: Box<serde_json::value::RawValue>) -> Self {
        Self(raw.get().into())
    }
}

impl From<RawText> for Box<serde_json::value::RawValue> {
    fn from(RawText(text): RawText) -> Self {
        serde_json::value::RawValue::from_string(text).unwrap()
    }
}

fn raw_json_arrives_as_it_is_written() -> multiproc::Result<()> {
    through_all(|channels| {
        let raw = || RawText("{ \"a\" :\t[1.50, 1e3] }".into());
        channels.keep_all((raw(), Raw { before: 1, raw: raw(), after: 2 }));
    })
}

fn toml_arrives() -> multiproc::Result<()> {
    through_all(|channels| {
        let text = "n = 1\nf = 0.5\nd = 1979-05-27T07:32:00Z\nday = 1979-05-27\n[t]\nlist = [[1, 2], [\"x\"]]\n[[t.a]]\nk = true\n";
        channels.keep_all((
            toml::from_str::<toml::Table>(text).unwrap(),
            toml::Value::Table(toml::from_str(text).unwrap()),
            parse::<toml::value::Datetime>("1979-05-27T00:32:00.999999-07:00"),
        ));
    })
}

fn exact_numbers_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            parse::<rust_decimal::Decimal>("-123456789012345678.901234567"),
            vec![Some(rust_decimal::Decimal::MAX), None],
            parse::<num_bigint::BigInt>("-123456789012345678901234567890"),
            parse::<num_bigint::BigUint>("340282366920938463463374607431768211457"),
            parse::<bigdecimal::BigDecimal>("3.14159265358979323846264338327950288"),
            BTreeMap::from([(ordered_float::OrderedFloat(0.5), 1u8)]),
            ordered_float::NotNan::new(-0.5f32).unwrap(),
        ));
    })
}

fn names_and_places_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            uuid::Uuid::from_u128(0x1234_5678_9abc),
            (uuid::Uuid::nil(), Some(uuid::Uuid::max())),
            parse::<url::Url>("https://user@example.org:8080/path?q=1#f"),
            parse::<semver::Version>("1.2.3-rc.1+build.5"),
            parse::<semver::VersionReq>(">=1.2, <2"),
            parse::<ipnet::IpNet>("10.0.0.0/8"),
            vec![parse::<ipnet::Ipv6Net>("fe80::/10")],
            camino::Utf8PathBuf::from("/a/ü"),
            smol_str::SmolStr::new("a text that is longer than what fits inline"),
            compact_str::CompactString::from("short"),
        ));
    })
}

fn times_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        let utc: chrono::DateTime<chrono::Utc> = parse("2024-02-29T12:34:56.789012345Z");
        channels.keep_all((
            utc,
            (utc.fixed_offset(), utc.naive_utc(), utc.date_naive(), utc.time()),
            chrono::Weekday::Sun,
        ));
        let time = time::OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        channels.keep_all((
            time,
            (time.date(), time.time(), time::Duration::nanoseconds(-1), time::Weekday::Monday),
            parse::<jiff::Timestamp>("2024-02-29T12:34:56.789012345Z"),
            (parse::<jiff::civil::DateTime>("2024-02-29T12:34:56"), parse::<jiff::SignedDuration>("-PT1.5S")),
        ));
    })
}

fn collections_of_other_crates_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            indexmap::IndexMap::<_, _>::from_iter([("z".to_string(), 1u8), ("a".into(), 2)]),
            indexmap::IndexSet::<u8>::from_iter([3, 1, 2]),
            hashbrown::HashMap::<u8, String>::from_iter([(1, "one".into())]),
            smallvec::SmallVec::<[u16; 2]>::from_slice(&[1, 2, 3]),
            arrayvec::ArrayVec::<Option<u8>, 4>::from_iter([Some(1), None]),
            arrayvec::ArrayString::<8>::from("fits").unwrap(),
            vec![either::Either::<u8, String>::Left(1), either::Either::Right("r".into())],
        ));
    })
}

value! {
    struct Frame {
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        array: serde_bytes::ByteArray<4>,
        more: Option<bytes::Bytes>,
    }
}

fn byte_strings_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        for len in [0, 1, 5000, 100_000] {
            let content = vec![len as u8; len];
            let array = serde_bytes::ByteArray::new([1, 2, 3, 255]);
            channels.keep_all((
                bytes::Bytes::from(content.clone()),
                bytes::BytesMut::from(&content[..]),
                serde_bytes::ByteBuf::from(content.clone()),
                Frame { bytes: content.clone(), array, more: Some(content.into()) },
            ));
        }
    })
}

bitflags::bitflags! {
    #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Flags: u8 {
        const READ = 1;
        const WRITE = 2;
    }
}

fn flags_vectors_and_graphs_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            vec![Flags::READ, Flags::all(), Flags::empty()],
            (glam::Vec3::new(1.0, -0.0, f32::MAX), glam::Mat2::IDENTITY, glam::BVec4::new(true, false, false, true)),
            glam::Quat::IDENTITY,
            ndarray::arr2(&[[1.5, 2.5], [3.5, 4.5]]),
            ndarray::Array1::<u8>::zeros(0),
        ));
        let edges = [(0, 1, 0.5), (1, 2, 1.5)];
        channels.keep(Graph(petgraph::graph::UnGraph::from_edges(edges)));
    })
}

/// A graph, with the equality that it lacks: of what it is written as.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Graph(petgraph::graph::UnGraph<String, f64>);

impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        serde_json::to_value(self).unwrap() == serde_json::to_value(other).unwrap()
    }
}
