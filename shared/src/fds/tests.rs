//! Forged memory of every sort, as a process may send it that breaks the rules: it is refused
//! unless it is valid.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::uio::{pread, pwrite};
use nix::unistd::ftruncate;
use proptest::prelude::*;
use serde::{Serialize, Serializer, de};

use super::*;
use crate::sync::SharedSlice;
use crate::{Connection, Lock, Queue, codec};

/// A handle of any kind, with a descriptor of anything.
struct Forged(Arc<Descriptor>, ObjectKind);

impl Serialize for Forged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        super::serialize(&self.0, self.1, Travel::Shared, serializer)
    }
}

/// Decodes a value as another type.
fn sent<A: Serialize + 'static, B: de::DeserializeOwned + 'static>(value: &A) -> Result<B, String> {
    let (mut handles, mut bytes) = (Handles::default(), Vec::new());
    pack(&mut handles, || codec::encode_ref(value, &mut bytes))?;
    unpack(&mut handles, || codec::decode(codec::Source::Buffer(&mut bytes)))
}

const SEALS: SealFlag = SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// Copies the first bytes of a handle's memory to memory of another size, with other seals and one
/// other word.
fn forged(original: impl AsFd, len: i64, seals: SealFlag, (word, value): (usize, u64)) -> Arc<Descriptor> {
    let mut head = [0; 128];
    pread(&original, &mut head, 0).unwrap();
    head[8 * word..][..8].copy_from_slice(&value.to_ne_bytes());
    let fd = memfd_create("multiproc-forged", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).unwrap();
    pwrite(&fd, &head, 0).unwrap();
    ftruncate(&fd, len).unwrap();
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals)).unwrap();
    Arc::new(Descriptor::new(fd))
}

fn memory_of(value: &impl Serialize) -> Arc<Descriptor> {
    let (mut handles, mut bytes) = (Handles::default(), Vec::new());
    pack(&mut handles, || codec::encode_plain(value, &mut bytes)).unwrap();
    handles.all().unwrap()[0].descriptor.clone()
}

const LEN: usize = 1000;

proptest! {
    #[test]
    fn any_memory_is_a_slice_or_refused(
        more in prop_oneof![4 => Just(0), 1 => -9000..9000i64],
        seals in prop_oneof![4 => Just(SEALS), 1 => (0..16).prop_map(SealFlag::from_bits_truncate)],
        word in 0..5usize,
        change in prop_oneof![4 => Just(0), 1 => 1..4096u64, 1 => any::<u64>()],
        kind in prop_oneof![4 => Just(ObjectKind::Slice), 1 => proptest::sample::select(ObjectKind::ALL)],
    ) {
        let slice = SharedSlice::<u32>::new(LEN).unwrap();
        let memory = memory_of(&slice);
        let mut original = [0; 8];
        pread(&*memory, &mut original, 8 * word as i64).unwrap();
        let value = u64::from_ne_bytes(original) ^ change;
        let len = nix::sys::stat::fstat(&*memory).unwrap().st_size;
        let forged = Forged(forged(&*memory, (len + more).max(0), seals, (word, value)), kind);
        let came = sent::<Forged, SharedSlice<u32>>(&forged);
        let sealed = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
        let writable = !seals.intersects(SealFlag::F_SEAL_WRITE);
        let is_valid = more == 0 && seals.contains(sealed) && writable && change == 0 && kind == ObjectKind::Slice;
        prop_assert_eq!(came.is_ok(), is_valid, "{:?}", came);
    }

    #[test]
    fn any_descriptor_is_refused_as_memory(kind in proptest::sample::select(ObjectKind::ALL)) {
        let descriptors = [
            tempfile::tempfile().unwrap().into(),
            File::open("/dev/zero").unwrap().into(),
            UnixStream::pair().unwrap().0.into(),
        ];
        for fd in descriptors {
            let forged = Forged(Arc::new(Descriptor::new(fd)), kind);
            prop_assert!(sent::<_, Lock<u64>>(&forged).is_err());
            prop_assert!(sent::<_, Queue<u64>>(&forged).is_err());
            prop_assert!(sent::<_, SharedSlice<u64>>(&forged).is_err());
        }
    }
}

#[test]
fn memory_on_huge_pages_is_refused() {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING | MFdFlags::from_bits_retain(libc::MFD_HUGETLB);
    // A system without huge pages has none to forge with.
    let Ok(fd) = memfd_create("multiproc-huge", flags) else { return };
    ftruncate(&fd, 2 << 20).unwrap();
    fcntl(&fd, FcntlArg::F_ADD_SEALS(SEALS)).unwrap();
    let forged = Forged(Arc::new(Descriptor::new(fd)), ObjectKind::Queue);
    assert!(sent::<_, Queue<u64>>(&forged).unwrap_err().contains("not shared memory that is sealed"));
}

#[test]
fn connection_needs_a_socket_for_messages() {
    struct Ends(Forged, Forged);
    impl Serialize for Ends {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            ((&self.0, &self.1, true), 1000u64).serialize(serializer)
        }
    }
    let memory = memory_of(&crate::pipe::<u64, u64>().unwrap().0);
    let (stream, _other) = UnixStream::pair().unwrap();
    let socket = Forged(Arc::new(Descriptor::new(stream.into())), ObjectKind::PipeSocket);
    let came = sent::<_, Connection<u64, u64>>(&Ends(Forged(memory, ObjectKind::Pipe), socket));
    assert!(came.unwrap_err().contains("not a socket for messages"));
}

#[test]
fn socket_of_another_type_arrives_and_its_calls_fail() {
    let (stream, _other) = UnixStream::pair().unwrap();
    let listener: Fd<TcpListener> = sent(&Fd::new(stream)).unwrap();
    assert!(listener.accept().is_err() && listener.local_addr().is_err());
}

#[test]
fn file_is_no_other_handle_and_no_other_handle_a_file() {
    let file = Fd::new(tempfile::tempfile().unwrap());
    assert!(sent::<_, Lock<u64>>(&file).unwrap_err().contains("a file or socket came in the place of a lock"));
    let lock = Lock::new(7u64).unwrap();
    assert!(sent::<_, Fd<File>>(&lock).unwrap_err().contains("a lock came in the place of a file or socket"));
}

#[test]
fn file_is_received_once_however_it_was_sent() {
    let (mut handles, mut bytes) = (Handles::default(), Vec::new());
    let shared = Forged(Arc::new(Descriptor::new(tempfile::tempfile().unwrap().into())), ObjectKind::File);
    pack(&mut handles, || codec::encode_plain(&shared, &mut bytes)).unwrap();
    drop(shared);
    let mut receive = || unpack(&mut handles, || codec::decode_plain::<Fd<File>>(&bytes));
    assert!(receive().is_ok());
    assert!(receive().unwrap_err().contains("was taken already"));
}
