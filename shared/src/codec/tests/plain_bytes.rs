//! Values that are runs of plain bytes, and take the short way.

use super::*;

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
