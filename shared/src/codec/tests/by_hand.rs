//! Types whose two halves are written by hand, and what a thread writes at its end.

use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::*;

/// Reads a sequence in another way than a map: as GeoJSON has positions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct LatLon {
    lat: i8,
    lon: i8,
}

/// Reads its two forms as two values.
#[derive(Debug, PartialEq)]
enum Form {
    Sequence,
    Map,
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        serializer.serialize_struct("Form", 0)?.end()
    }
}

struct LatLonVisitor;
struct FormVisitor;

impl<'de> Visitor<'de> for LatLonVisitor {
    type Value = LatLon;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<LatLon, A::Error> {
        let mut next = || elements.next_element().map(Option::unwrap_or_default);
        let (lon, lat) = (next()?, next()?);
        Ok(LatLon { lat, lon })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<LatLon, A::Error> {
        let mut position = LatLon { lat: 0, lon: 0 };
        while let Some((key, value)) = entries.next_entry::<String, i8>()? {
            if key == "lat" { position.lat = value } else { position.lon = value }
        }
        Ok(position)
    }
}

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Form, A::Error> {
        Ok(Form::Sequence)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Form, A::Error> {
        Ok(Form::Map)
    }
}

impl<'de> Deserialize<'de> for LatLon {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("LatLon", &["lat", "lon"], LatLonVisitor)
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Form", &[], FormVisitor)
    }
}

#[test]
fn type_that_reads_a_sequence_otherwise_arrives() {
    let position = LatLon { lat: 1, lon: 2 };
    arrives(position);
    arrives(vec![position, position]);
    arrives((Some(position), Form::Map));
    arrives(Form::Map);
    arrives([Form::Map, Form::Map]);
}

#[test]
fn values_are_written_by_a_thread_that_ends() {
    /// Encodes a value when the thread's variables are dropped.
    struct AtEnd;
    impl Drop for AtEnd {
        fn drop(&mut self) {
            arrives([LatLon { lat: 1, lon: 2 }]);
            arrives(list(3));
        }
    }
    thread_local! {
        static AT_END: AtEnd = const { AtEnd };
    }
    std::thread::spawn(|| {
        // Dropped in this or in the other order.
        AT_END.with(|_| ());
        arrives(list(2));
    })
    .join()
    .unwrap();
    std::thread::spawn(|| {
        arrives(list(2));
        AT_END.with(|_| ());
    })
    .join()
    .unwrap();
}
