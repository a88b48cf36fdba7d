//! Messages that have their names in common.

use serde::Deserializer;

use super::names::{Order, State};
use super::*;

/// Sends each of `values` three times, in messages that have their names in common.
pub(super) fn arrive_together<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(values: &[T]) {
    let mut names = NameWriter::default();
    for _ in 0..2 {
        names.begin();
        let mut messages = Vec::new();
        for value in values.iter().chain(values).chain(values) {
            let mut bytes = Vec::new();
            encode_by_ref(value, Expected::default, Some(&mut names), &mut bytes).unwrap();
            messages.push(bytes);
        }
        let reader = NameReader::new(names.bytes());
        for (bytes, value) in messages.iter().zip(values.iter().cycle()) {
            assert_eq!(&decode::<T>(Source::Part(bytes, &reader)).unwrap(), value);
            for len in 0..bytes.len().min(200) {
                let _ = decode::<T>(Source::Part(&bytes[..len], &reader));
            }
        }
    }
}

#[test]
fn messages_have_names_in_common() {
    let skipping = |discount, total| Skipping { discount, items: vec![1], total };
    arrive_together(&[skipping(0, 0), skipping(1, 0), skipping(0, 1), skipping(1, 1)]);
    let order = Order { price: 3, open: true };
    arrive_together(&[State::Waiting, State::Working(3), State::Done { order: order.clone() }, State::Waiting]);

    let mut names = NameWriter::default();
    let send = |names: &mut NameWriter| {
        let mut bytes = Vec::new();
        encode_part(vec![order.clone()], Some(names), &mut bytes).unwrap();
        bytes
    };
    let (one, len) = (send(&mut names), names.bytes().len());
    let other = send(&mut names);
    assert!(len > 0 && names.bytes().len() == len && one == other);
    assert!(one.len() < message(&vec![order.clone()]).len());
    // Without the names it cannot be read; a message that has its own needs no others.
    assert!(decode::<Vec<Order>>(Source::Slice(&one)).is_err());
    let reader = NameReader::new(names.bytes());
    for bytes in [&one, &message(&vec![order.clone()]), &message(&vec![("a", order.clone())]), &other] {
        let _ = decode::<Vec<(String, Order)>>(Source::Part(bytes, &reader));
        let _ = decode::<Vec<Order>>(Source::Part(bytes, &reader));
    }
    for bytes in [&message(&vec![order.clone()]), &one] {
        assert_eq!(decode::<Vec<Order>>(Source::Part(bytes, &reader)).unwrap(), vec![order.clone()]);
    }

    // Messages that begin anew do not have what those before them had.
    names.begin();
    assert!(names.bytes().is_empty());
    let mut bytes = Vec::new();
    encode_part(State::Waiting, Some(&mut names), &mut bytes).unwrap();
    assert_eq!(decode::<State>(Source::Part(&bytes, &NameReader::new(names.bytes()))).unwrap(), State::Waiting);
}

#[test]
fn message_within_a_message_has_names_of_its_own() {
    /// Writes itself as the bytes of another message.
    #[derive(Debug, PartialEq)]
    struct Sealed(Order);

    impl Serialize for Sealed {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&message(&vec![self.0.clone()]))
        }
    }

    impl<'de> Deserialize<'de> for Sealed {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let bytes = Vec::<u8>::deserialize(deserializer)?;
            let [order] = decode_plain::<[Order; 1]>(&bytes).map_err(serde::de::Error::custom)?;
            Ok(Self(order))
        }
    }

    let order = |price| Order { price, open: price > 1 };
    arrive_together(&[(order(1), Sealed(order(2)), order(3)), (order(4), Sealed(order(5)), order(6))]);
}
