//! The types of the standard library.

use multiproc::Executor;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::num::{NonZeroI128, NonZeroU8, NonZeroU32, Saturating, Wrapping};
use std::ops::Bound;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::{Named, named};
use crate::through_all;

pub(crate) const TESTS: &[Named] = named! {
    collections_arrive
    wrapped_numbers_and_strings_arrive
    addresses_times_and_paths_arrive
};

fn collections_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            HashMap::from([("a".to_string(), vec![1u8])]),
            BTreeMap::<(u8, bool), ()>::from([((1, true), ())]),
            BTreeMap::<u8, u8>::new(),
            HashSet::from([1u16]),
            BTreeSet::from([Some('a'), None]),
            VecDeque::from([1i8, -1]),
            LinkedList::from(["x".to_string()]),
            Box::<[f32]>::from([0.5, -0.0]),
            [[1u64; 4]; 2],
            [(); 0],
            (1u8, (2u16, (3u32, (4u64, "five".to_string())))),
        ));
        let heap = BinaryHeap::from([3, 1, 2]).into_sorted_vec();
        let back = channels.pool().apply(|heap: BinaryHeap<i32>| heap, (heap.clone().into(),)).unwrap();
        assert_eq!(back.into_sorted_vec(), heap);
    })
}

fn wrapped_numbers_and_strings_arrive() -> multiproc::Result<()> {
    through_all(|channels| {
        channels.keep_all((
            NonZeroU32::MAX,
            (NonZeroU8::MIN, NonZeroI128::MIN, Some(NonZeroU8::MAX), None::<NonZeroU8>),
            (Wrapping(1u8), Saturating(-2i64), Reverse(3u16)),
            (1u8..2, 'a'..='z', ..3i32),
            vec![Bound::Included(1), Bound::Excluded(2), Bound::Unbounded],
            (Cell::new(1).into_inner(), RefCell::new("r".to_string()).into_inner(), PhantomData::<u8>),
            Cow::<'static, str>::Borrowed("cow"),
            Cow::<'static, [u8]>::Borrowed(b"cow"),
            Box::<str>::from("boxed"),
            CString::new("c string").unwrap(),
            Ok::<u8, String>(1),
            Err::<Vec<()>, Option<String>>(None),
        ));
    })
}

fn addresses_times_and_paths_arrive() -> multiproc::Result<()> {
    let scoped = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 2);
    through_all(|channels| {
        channels.keep_all((
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            (Ipv4Addr::BROADCAST, Ipv6Addr::UNSPECIFIED),
            SocketAddr::from(([127, 0, 0, 1], 80)),
            vec![Some(SocketAddr::from((Ipv6Addr::LOCALHOST, u16::MAX)))],
            (Box::new(scoped), scoped, vec![Some(SocketAddr::V6(scoped))]),
            Duration::new(1, 999_999_999),
            UNIX_EPOCH + Duration::from_nanos(1),
            PathBuf::from("/with/ünïcode"),
            OsString::from_vec(vec![b'/', 0xff, 0]),
        ));
    })
}
