//! Where files and sockets pass, of which types, and where they are refused.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::Mutex;

use multiproc::{Connection, Error, Executor, Fd, Manager, Pool, Process, Queue, Result, ThreadPool, partial, pipe};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::{Deserialize, Serialize};

use super::{pair, sign, text};
use crate::support::{METHODS, Named, descriptors, named, pids};

pub(crate) const TESTS: &[Named] = named! {
    files_pass_wherever_arguments_pass
    workers_that_come_later_get_what_is_shared
    every_type_that_owns_a_descriptor_passes
    descriptor_closes_on_exec_where_it_arrives
    file_outside_a_message_is_an_error
    too_many_files_in_one_message_are_refused
};

#[derive(Serialize, Deserialize)]
struct Parcel {
    label: String,
    first: Fd<UnixStream>,
    rest: (Vec<Fd<UnixStream>>, Option<Fd<UnixStream>>),
}

fn sign_all(parcel: Parcel) -> String {
    let (several, one) = parcel.rest;
    several.into_iter().chain(one).chain([parcel.first]).for_each(sign);
    parcel.label
}

static GIVEN: Mutex<Option<Fd<UnixStream>>> = Mutex::new(None);

fn files_pass_wherever_arguments_pass() -> Result<()> {
    for method in METHODS {
        let (given, initial) = pair();
        let keep = |socket: Fd<UnixStream>| drop(GIVEN.lock().unwrap().replace(socket));
        let builder = Pool::builder().processes(2).start_method(method);
        let pool = builder.initializer(keep, (given,)).build()?;
        let known: BTreeSet<String> = pids(&pool).iter().map(u32::to_string).collect();
        let signed = |kept: UnixStream, times: usize| {
            let text = text(kept);
            let names: Vec<_> = text.split_terminator(' ').collect();
            assert_eq!(names.len(), times, "{method:?}: {text}");
            assert!(names.iter().all(|name| known.contains(*name)), "{method:?}: {text}");
        };

        let (given, kept) = pair();
        pool.apply(sign, (given,))?;
        signed(kept, 1);

        let (all, kept): (Vec<_>, Vec<_>) = (0..4).map(|_| pair()).unzip();
        let [first, second, third, fourth] = <[_; 4]>::try_from(all).unwrap();
        let parcel = Parcel { label: "several".into(), first, rest: (vec![second, third], Some(fourth)) };
        assert_eq!(pool.apply_async(sign_all, (parcel,)).get()?, "several");
        kept.into_iter().for_each(|kept| signed(kept, 1));

        let (all, kept): (Vec<_>, Vec<_>) = (0..20).map(|_| pair()).unzip();
        pool.map(sign, all)?;
        kept.into_iter().for_each(|kept| signed(kept, 1));

        let (given, kept) = pair();
        pool.map(partial(|socket: &Fd<UnixStream>, _: u64| sign(socket.clone()), given.clone()), 0..10)?;
        pool.map(partial(|socket: Fd<UnixStream>, _: u64| sign(socket), given), 0..10)?;
        signed(kept, 20);

        let (given, kept) = pair();
        Process::builder().start_method(method).target(sign, (given,)).start()?.join()?;
        assert!(!text(kept).is_empty());

        let (ours, theirs) = pipe::<Fd<UnixStream>, u8>()?;
        let receive = |end: Connection<u8, Fd<UnixStream>>| while end.recv().map(sign).is_ok() {};
        let process = Process::builder().start_method(method).target(receive, (theirs,)).start()?;
        let (given, kept) = pair();
        ours.send(given.clone())?;
        ours.send(given)?;
        drop(ours);
        process.join()?;
        assert_eq!(text(kept).split_terminator(' ').count(), 2);

        pool.map(|_: u64| sign(GIVEN.lock().unwrap().clone().unwrap()), 0..10)?;
        drop(pool);
        signed(initial, 10);
    }
    // On a thread it is the same descriptor.
    let (given, _kept) = pair();
    let number = given.as_raw_fd();
    assert_eq!(ThreadPool::with_processes(1)?.apply(|socket: Fd<UnixStream>| socket.as_raw_fd(), (given,))?, number);
    Ok(())
}

fn workers_that_come_later_get_what_is_shared() -> Result<()> {
    for method in METHODS {
        let (given, kept) = pair();
        let keep = |socket: Fd<UnixStream>| drop(GIVEN.lock().unwrap().replace(socket));
        let builder = Pool::builder().processes(1).start_method(method).max_tasks_per_child(1);
        let pool = builder.initializer(keep, (given,)).build()?;
        let (given, state) = pair();
        let sign_both = |socket: &Fd<UnixStream>, _: u64| {
            sign(socket.clone());
            sign(GIVEN.lock().unwrap().clone().unwrap());
        };
        pool.map(partial(sign_both, given), 0..5)?;
        drop(pool);
        for kept in [kept, state] {
            let text = text(kept);
            let signers: BTreeSet<_> = text.split_terminator(' ').collect();
            assert_eq!(signers.len(), 5, "{method:?}: {text}");
        }
    }
    Ok(())
}

fn every_type_that_owns_a_descriptor_passes() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let (mut reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"12345678")?;
    // What is read from one descriptor is gone for all of them.
    let read = |pipe: Fd<PipeReader>| {
        let mut bytes = [0; 4];
        (&*pipe).read_exact(&mut bytes).map(|()| bytes).unwrap()
    };
    assert_eq!(pool.apply(read, (Fd::new(reader.try_clone()?),))?, *b"1234");
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    assert_eq!(bytes, *b"5678");

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("socket");
    let listener = Fd::new(UnixListener::bind(&path)?);
    let accept = |listener: Fd<UnixListener>| sign(listener.accept().unwrap().0.into());
    let accepted = pool.apply_async(accept, (listener,));
    let client = UnixStream::connect(&path)?;
    accepted.get()?;
    assert!(!text(client).is_empty());

    let (a, b) = UnixDatagram::pair()?;
    let send = |socket: Fd<UnixDatagram>| socket.send(b"hello").unwrap();
    assert_eq!((pool.apply(send, (a.into(),))?, b.recv(&mut [0; 9])?), (5, 5));

    let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    a.connect(b.local_addr()?)?;
    let send = |socket: Fd<UdpSocket>| socket.into_inner().unwrap().send(b"hello").unwrap();
    assert_eq!((pool.apply(send, (a.into(),))?, b.recv(&mut [0; 9])?), (5, 5));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    let peer = |stream: Fd<TcpStream>| (stream.peer_addr().unwrap(), (&*stream).write_all(b"hello").is_ok());
    assert_eq!(pool.apply(peer, (stream.into(),))?, (client.local_addr()?, true));
    let mut hello = Vec::new();
    client.read_to_end(&mut hello)?;
    assert_eq!(hello, b"hello");

    let file: OwnedFd = File::open("/dev/zero")?.into();
    let zero = |file: Fd<OwnedFd>| File::from(file.into_inner().unwrap()).read(&mut [1; 7]).unwrap();
    assert_eq!(pool.apply(zero, (file.into(),))?, 7);
    Ok(())
}

fn descriptor_closes_on_exec_where_it_arrives() -> Result<()> {
    fn flags(file: Fd<File>) -> i32 {
        let shared = fcntl(&*file, FcntlArg::F_GETFD).unwrap();
        let duplicate = fcntl(file.clone().into_inner().unwrap(), FcntlArg::F_GETFD).unwrap();
        assert_eq!(shared, duplicate);
        shared
    }
    let file = Fd::new(File::open("/dev/null")?);
    fcntl(&*file, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    for method in METHODS {
        let process = Process::builder().start_method(method).target(flags, (file.clone(),)).start()?;
        assert_eq!(process.join()?, FdFlag::FD_CLOEXEC.bits(), "{method:?}");
    }
    Ok(())
}

fn file_outside_a_message_is_an_error() -> Result<()> {
    let file = Fd::new(File::open("/dev/null")?);
    let error = serde_json::to_string(&file).unwrap_err();
    assert!(error.to_string().contains("as an argument"), "{error}");
    let error = serde_json::from_str::<Fd<File>>("0").unwrap_err();
    assert!(error.to_string().contains("as an argument"), "{error}");
    let manager = Manager::new()?;
    let error = manager.list()?.push(file.clone()).unwrap_err();
    assert!(error.to_string().contains("cannot be kept by a manager"), "{error}");
    let refused = Queue::new()?.put(file.clone()).unwrap_err();
    assert!(refused.error.to_string().contains("through a queue"), "{}", refused.error);
    assert_eq!(refused.value.as_raw_fd(), file.as_raw_fd());
    Ok(())
}

fn too_many_files_in_one_message_are_refused() -> Result<()> {
    let pool = Pool::with_processes(1)?;
    let file = Fd::new(File::open("/dev/null")?);
    let count = |files: Vec<Fd<File>>| files.len();
    let open = descriptors().len();
    assert_eq!(pool.apply(count, (vec![file.clone(); 250],))?, 250);
    let refused = pool.apply(count, (vec![file.clone(); 251],));
    assert!(matches!(&refused, Err(Error::Encode(text)) if text.contains("more than 250 handles")), "{refused:?}");
    assert_eq!(pool.map(count, vec![vec![file; 125]; 10])?, [125; 10]);
    assert_eq!(descriptors().len(), open - 1);
    Ok(())
}
