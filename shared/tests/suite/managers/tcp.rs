//! A manager that listens: with the key, a client may use what was published; without it, it gets
//! nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{
    DictProxy, Error, Executor, ListProxy, Manager, NamespaceProxy, Pool, Process, QueueProxy, RemoteManager, Result,
    StartMethod,
};

use crate::support::{Named, eventually, holdings, is_config, named};

pub(crate) const TESTS: &[Named] = named! {
    published_objects_need_only_the_key
    name_resolves_to_the_last_published_object
    tcp_proxies_work_as_arguments_and_values
    key_is_never_shown
    listening_needs_a_key
    wrong_key_is_denied_on_both_sides
    unauthenticated_clients_get_and_cost_nothing
    silent_clients_block_no_other_and_time_out
    malformed_session_fails_alone
    ended_manager_is_an_error_over_tcp
};

const KEY: &[u8] = b"correct horse battery staple";
const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(50);
/// Bytes of the server's first message, and of the client's.
const CHALLENGE: usize = 40;
const RESPONSE: usize = 64;

fn listening() -> Result<(Manager, SocketAddr)> {
    let manager = Manager::builder().listen("127.0.0.1:0").key(KEY).start()?;
    let address = manager.address().expect("it listens");
    Ok((manager, address))
}

fn is_denied<T: std::fmt::Debug>(result: Result<T>) {
    assert!(matches!(result, Err(Error::Denied(_))), "{result:?}");
}

fn published_objects_need_only_the_key() -> Result<()> {
    let (manager, address) = listening()?;
    let (list, dict) = (manager.list_from([1u32])?, manager.dict::<String, u32>()?);
    let (space, queue) = (manager.namespace()?, manager.queue::<u32>()?);
    manager.publish("list", &list)?;
    manager.publish("dict", &dict)?;
    manager.publish("space", &space)?;
    manager.publish("queue", &queue)?;
    let elsewhere = |address: SocketAddr| -> u32 {
        let remote = Manager::connect(address, KEY).unwrap();
        let list: ListProxy<u32> = remote.list("list").unwrap();
        list.push(2).unwrap();
        remote.dict::<String, u32>("dict").unwrap().insert("two".into(), 2).unwrap();
        remote.namespace("space").unwrap().set("pid", std::process::id()).unwrap();
        remote.queue("queue").unwrap().put(list.get(0).unwrap().unwrap() + 1).unwrap();
        std::process::id()
    };
    let pid = Process::builder().start_method(StartMethod::Spawn).target(elsewhere, (address,)).start()?.join()?;
    assert_eq!((list.to_vec()?, dict.get("two")?), (vec![1, 2], Some(2)));
    assert_eq!((space.get::<u32>("pid")?, queue.try_get()?), (Some(pid), 2));
    Ok(())
}

fn name_resolves_to_the_last_published_object() -> Result<()> {
    let (manager, address) = listening()?;
    manager.publish("numbers", &manager.list_from([1u8])?)?;
    let remote = Manager::connect(address, KEY)?;
    assert_eq!(remote.list::<u8>("numbers")?.to_vec()?, [1]);
    manager.publish("numbers", &manager.list_from([2u8])?)?;
    assert_eq!(remote.list::<u8>("numbers")?.to_vec()?, [2]);
    is_config(remote.list::<u8>("letters"), "nothing as \"letters\"");
    is_config(remote.dict::<u8, u8>("numbers"), "is a list, not a dictionary");
    is_config(remote.queue::<u8>("numbers"), "not a queue");
    is_config(remote.namespace("numbers"), "not a namespace");
    assert_eq!(remote.address(), address);
    Ok(())
}

fn tcp_proxies_work_as_arguments_and_values() -> Result<()> {
    let (manager, address) = listening()?;
    let outer = manager.dict::<String, ListProxy<u64>>()?;
    let (local, queue) = (manager.list::<u64>()?, manager.queue::<u64>()?);
    outer.insert("local".into(), local.clone())?;
    manager.publish("outer", &outer)?;
    manager.publish("queue", &queue)?;
    let remote = Manager::connect(address, KEY)?;
    // Read by TCP, a proxy within is one by TCP; put by TCP, it is a local one for those who read
    // it here.
    let by_tcp: DictProxy<String, ListProxy<u64>> = remote.dict("outer")?;
    let list = by_tcp.get("local")?.unwrap();
    by_tcp.insert("again".into(), list.clone())?;
    assert!(list == local && outer.get("again")? == Some(local.clone()));
    fn fill(list: ListProxy<u64>, queue: QueueProxy<u64>, n: u64) {
        list.push(n).unwrap();
        queue.put(n).unwrap();
    }
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        let queue = remote.queue::<u64>("queue")?;
        pool.starmap(fill, (0..10).map(|n| (list.clone(), queue.clone(), n)))?;
    }
    assert_eq!((local.len()?, queue.len()?), (20, 20));
    Ok(())
}

fn key_is_never_shown() -> Result<()> {
    let builder = Manager::builder().listen("127.0.0.1:0").key("open sesame");
    // As text or as numbers.
    let secret = |shown: String| shown.contains("sesame") || shown.contains("111, 112, 101, 110");
    assert!(!secret(format!("{builder:?}")));
    let manager = builder.start()?;
    manager.publish("list", &manager.list::<u8>()?)?;
    let remote: RemoteManager = Manager::connect(manager.address().unwrap(), "open sesame")?;
    let list = remote.list::<u8>("list")?;
    assert!(!secret(format!("{manager:?} {remote:?} {list:?}")));
    assert!(serde_json::to_string(&list).is_err());
    Ok(())
}

fn listening_needs_a_key() -> Result<()> {
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
        is_config(Manager::builder().listen(address).start(), "needs a key");
    }
    is_config(Manager::builder().listen("127.0.0.1:0").key("").start(), "empty");
    is_config(Manager::connect("127.0.0.1:1", ""), "empty");
    let (_manager, address) = listening()?;
    assert!(matches!(Manager::builder().listen(address).key(KEY).start(), Err(Error::Io { .. })), "in use");
    assert!(matches!(Manager::builder().listen("no address").key(KEY).start(), Err(Error::Io { .. })));
    assert_eq!(Manager::new()?.address(), None);
    Ok(())
}

fn wrong_key_is_denied_on_both_sides() -> Result<()> {
    let (_manager, address) = listening()?;
    is_denied(Manager::connect(address, b"wrong"));
    is_denied(Manager::connect(address, &KEY[..KEY.len() - 1]));
    Manager::connect(address, KEY)?;

    // One who plays a manager: with a right beginning, and with none.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let play = thread::spawn(move || {
        for beginning in [b"mpmgr/1\n", b"HTTP/1.1"] {
            let (mut stream, _) = listener.accept().unwrap();
            let challenge: Vec<u8> = beginning.iter().copied().chain([7; 32]).collect();
            stream.write_all(&challenge).unwrap();
            let mut response = [0; RESPONSE];
            if stream.read_exact(&mut response).is_ok() {
                // It has nothing better than the client's own proof.
                stream.write_all(&response[32..]).unwrap();
            }
        }
        drop(listener);
    });
    is_denied(Manager::connect(address, KEY));
    is_denied(Manager::connect(address, KEY));
    play.join().unwrap();
    assert!(matches!(Manager::connect(address, KEY), Err(Error::Io { .. })), "no process listens");
    Ok(())
}

/// What strangers try. Returns whether the manager has sent anything but its challenge.
fn try_to_get_in(address: SocketAddr, kind: u64, random: &mut impl FnMut() -> u64) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let len = match kind % 5 {
        // No key, and no word.
        0 => 0,
        // A wrong proof of the right length.
        1 => RESPONSE,
        // Less, more.
        2 => random() as usize % RESPONSE,
        3 => RESPONSE + random() as usize % 4000,
        // A request, as if it were let in already: the list of all of object 1.
        _ => {
            let _ = stream.write_all(&[4, 0, 0, 0, 0, 0, 0, 0, 4, 1, 8, 0]);
            0
        }
    };
    let bytes: Vec<u8> = (0..len).map(|_| random() as u8).collect();
    let _ = stream.write_all(&bytes);
    if kind.is_multiple_of(3) {
        // Gone before the answer.
        return false;
    }
    let _ = stream.shutdown(Shutdown::Write);
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => true,
        _ => answer.len() > CHALLENGE,
    }
}

fn unauthenticated_clients_get_and_cost_nothing() -> Result<()> {
    let (manager, address) = listening()?;
    manager.publish("list", &manager.list_from([1u32, 2, 3])?)?;
    Manager::connect(address, KEY)?.list::<u32>("list")?.len()?;
    eventually("the first client has gone", || holdings(manager.pid()).0 == 2);
    let before = holdings(manager.pid());
    thread::scope(|scope| {
        for thread in 0..4u64 {
            scope.spawn(move || {
                let mut seed = 0x9e37_79b9_7f4a_7c15 ^ (thread << 32);
                let mut random = move || {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    seed
                };
                for n in 0..2500 {
                    if n % 50 == 0 {
                        assert!(Manager::connect(address, b"wrong").is_err());
                    }
                    assert!(!try_to_get_in(address, n, &mut random), "try {n} got an answer");
                }
            });
        }
        // In between, those who know the key are served.
        for _ in 0..20 {
            assert_eq!(Manager::connect(address, KEY).unwrap().list::<u32>("list").unwrap().len().unwrap(), 3);
        }
    });
    assert_eq!(Manager::connect(address, KEY)?.list::<u32>("list")?.to_vec()?, [1, 2, 3]);
    eventually("the manager has as much as before", || holdings(manager.pid()) <= before);
    Ok(())
}

fn silent_clients_block_no_other_and_time_out() -> Result<()> {
    let (manager, address) = listening()?;
    let before = holdings(manager.pid());
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    Manager::connect(address, KEY)?;
    eventually("few are kept waiting", || holdings(manager.pid()).1 <= before.1 + 64);
    for stream in &mut silent {
        stream.set_read_timeout(Some(LONG))?;
        let mut said = Vec::new();
        match stream.read_to_end(&mut said) {
            Ok(_) => assert_eq!(said.len(), CHALLENGE),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
    assert!(began.elapsed() < LONG);
    eventually("the manager has as much as before", || holdings(manager.pid()) <= before);
    Ok(())
}

fn malformed_session_fails_alone() -> Result<()> {
    let (manager, address) = listening()?;
    let queue = manager.queue::<u64>()?;
    manager.publish("queue", &queue)?;
    let before = holdings(manager.pid());
    let wait = |address: SocketAddr| {
        let queue: QueueProxy<u64> = Manager::connect(address, KEY).unwrap().queue("queue").unwrap();
        drop(queue.get());
    };
    let process = Process::builder().daemon(true).target(wait, (address,)).start()?;
    eventually("it waits", || holdings(manager.pid()).0 > before.0);
    thread::sleep(SHORT);
    process.kill()?;
    drop(process);
    eventually("it has gone", || holdings(manager.pid()) <= before);
    queue.put(1)?;
    assert_eq!(queue.get_timeout(LONG)?, 1);
    Ok(())
}

fn ended_manager_is_an_error_over_tcp() -> Result<()> {
    let (manager, address) = listening()?;
    manager.publish("list", &manager.list_from([1u32])?)?;
    manager.publish("queue", &manager.queue::<u32>()?)?;
    let space: NamespaceProxy = manager.namespace()?;
    manager.publish("space", &space)?;
    let remote = Manager::connect(address, KEY)?;
    let (list, queue) = (remote.list::<u32>("list")?, remote.queue::<u32>("queue")?);
    let waiting = thread::spawn(move || queue.get());
    thread::sleep(SHORT);
    drop(manager);
    assert!(matches!(waiting.join().unwrap(), Err(Error::Disconnected)));
    for _ in 0..3 {
        assert!(matches!(list.get(0), Err(Error::Disconnected)));
        assert!(matches!(remote.list::<u32>("list"), Err(Error::Disconnected)));
    }
    assert!(matches!(space.names(), Err(Error::Disconnected)));
    assert!(matches!(Manager::connect(address, KEY), Err(Error::Io { .. })));
    Ok(())
}
