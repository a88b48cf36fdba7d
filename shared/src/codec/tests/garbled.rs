//! Messages that no encoder wrote.

use super::*;

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
