//! Values that live in a manager's process, and the proxies by which others use them.

use std::collections::BTreeMap;
use std::thread;

use multiproc::{
    Connection, DictProxy, Error, Executor, ListProxy, Manager, NamespaceProxy, Pool, Process, QueueProxy, Result,
    StartMethod, partial, pipe,
};
use serde::{Deserialize, Serialize};

use crate::support::{Named, is_config, named};

pub(crate) const TESTS: &[Named] = named! {
    list_does_what_a_vector_does
    dictionary_keeps_insertion_order
    namespace_holds_values_of_any_types
    proxies_work_under_every_start_method
    proxy_sent_over_a_pipe_is_the_same_object
    proxy_nests_only_in_its_own_manager
    value_a_manager_cannot_keep_is_an_error
    update_loses_nothing
    eight_threads_may_share_a_proxy
    large_values_and_many_values_arrive
    oversized_message_is_rejected
    proxy_may_be_state_of_ten_thousand_tasks
};

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];
const MIB: usize = 1 << 20;

fn list_does_what_a_vector_does() -> Result<()> {
    let manager = Manager::new()?;
    let list = manager.list::<String>()?;
    let text = |text: &str| text.to_string();
    assert!(list.is_empty()? && list.get(0)?.is_none() && list.pop()?.is_none() && list.remove(3)?.is_none());
    list.push(text("b"))?;
    list.extend(["c", "d"].map(text))?;
    list.insert(0, text("a"))?;
    list.insert(4, text("e"))?;
    assert_eq!(list.to_vec()?, ["a", "b", "c", "d", "e"]);
    assert_eq!((list.len()?, list.get(2)?, list.get(5)?), (5, Some(text("c")), None));
    list.set(2, text("C"))?;
    assert!(list.contains(&text("C"))? && !list.contains(&text("c"))?);
    assert_eq!((list.remove(1)?, list.pop()?), (Some(text("b")), Some(text("e"))));
    assert_eq!(list.iter()?.collect::<Vec<_>>(), ["a", "C", "d"]);
    assert_eq!(list.update(0, |old| old + "!")?, "a!");
    is_config(list.set(3, text("x")), "index 3 is out of range for a list of 3");
    is_config(list.insert(4, text("x")), "out of range");
    is_config(list.update(usize::MAX, |old| old), "out of range");
    assert_eq!(list.to_vec()?, ["a!", "C", "d"]);
    list.clear()?;
    assert_eq!(list.to_vec()?, Vec::<String>::new());
    Ok(())
}

fn dictionary_keeps_insertion_order() -> Result<()> {
    let manager = Manager::new()?;
    let dict = manager.dict_from((0..5u32).map(|n| (format!("key {n}"), n)))?;
    assert_eq!(dict.insert("key 2".into(), 20)?, Some(2));
    assert_eq!(dict.insert("new".into(), 7)?, None);
    assert_eq!((dict.get("key 2")?, dict.get("nothing")?), (Some(20), None));
    assert_eq!((dict.remove("key 1")?, dict.remove("key 1")?), (Some(1), None));
    assert!(dict.contains_key("new")? && !dict.contains_key("key 1")?);
    assert_eq!(dict.keys()?, ["key 0", "key 2", "key 3", "key 4", "new"]);
    assert_eq!(dict.values()?, [0, 20, 3, 4, 7]);
    assert_eq!(dict.items()?[1], ("key 2".to_string(), 20));
    assert_eq!(dict.update("key 0".into(), |old| old.map_or(99, |old| old + 1))?, 1);
    assert_eq!(dict.update("other".into(), |old| old.map_or(99, |old| old + 1))?, 99);
    assert_eq!((dict.len()?, dict.is_empty()?), (6, false));
    dict.clear()?;
    assert_eq!((dict.len()?, dict.items()?), (0, vec![]));

    let squares: DictProxy<Vec<u16>, u64> = manager.dict()?;
    squares.insert(vec![1, 2], 5)?;
    assert_eq!((squares.get(&vec![1, 2])?, squares.get(&[1, 2][..])?), (Some(5), Some(5)));
    Ok(())
}

fn namespace_holds_values_of_any_types() -> Result<()> {
    let manager = Manager::new()?;
    let space = manager.namespace()?;
    space.set("number", 7u64)?;
    space.set("bytes", vec![1u8; MIB])?;
    space.set("map", BTreeMap::from([(1u8, "one".to_string())]))?;
    space.set("number", 8u64)?;
    assert_eq!(space.get::<u64>("number")?, Some(8));
    assert_eq!(space.get::<Vec<u8>>("bytes")?, Some(vec![1; MIB]));
    assert_eq!(space.get::<BTreeMap<u8, String>>("map")?.unwrap()[&1], "one");
    assert_eq!(space.get::<u8>("none")?, None);
    assert!(matches!(space.get::<u16>("number"), Err(Error::Decode(_))));
    assert_eq!(space.names()?, ["number", "bytes", "map"]);
    assert_eq!((space.remove("bytes")?, space.remove("bytes")?), (true, false));
    assert_eq!(space.names()?, ["number", "map"]);
    Ok(())
}

/// Something of everything, nested.
#[derive(Clone, Serialize, Deserialize)]
struct Everything {
    list: ListProxy<u64>,
    dict: DictProxy<String, ListProxy<u64>>,
    rest: (NamespaceProxy, Option<QueueProxy<u64>>),
}

fn use_everything(all: Everything, n: u64) -> u64 {
    all.list.push(n).unwrap();
    all.dict.get("nested").unwrap().unwrap().push(n).unwrap();
    all.rest.0.get::<QueueProxy<u64>>("queue").unwrap().unwrap().put(n).unwrap();
    assert_eq!(all.rest.0.get::<QueueProxy<u64>>("queue").unwrap(), all.rest.1);
    n
}

fn proxies_work_under_every_start_method() -> Result<()> {
    let manager = Manager::new()?;
    let all = Everything { list: manager.list()?, dict: manager.dict()?, rest: (manager.namespace()?, None) };
    let (nested, queue) = (manager.list()?, manager.queue()?);
    all.dict.insert("nested".into(), nested.clone())?;
    all.rest.0.set("queue", queue.clone())?;
    let all = Everything { rest: (all.rest.0, Some(queue.clone())), ..all };
    for method in METHODS {
        let pool = Pool::builder().processes(2).start_method(method).build()?;
        pool.starmap(use_everything, (0..20).map(|n| (all.clone(), n)))?;
        let process = Process::builder().start_method(method).target(use_everything, (all.clone(), 20));
        process.start()?.join()?;
        let mut seen = all.list.to_vec()?;
        seen.sort_unstable();
        assert_eq!(seen, (0..=20).collect::<Vec<_>>());
        assert_eq!((nested.len()?, queue.len()?), (21, 21));
        all.list.clear()?;
        nested.clear()?;
        (0..21).try_for_each(|_| queue.get().map(drop))?;
    }
    Ok(())
}

fn proxy_sent_over_a_pipe_is_the_same_object() -> Result<()> {
    let manager = Manager::new()?;
    let list = manager.list_from([1u8])?;
    let (a, b) = pipe::<ListProxy<u8>, ()>()?;
    a.send(list.clone())?;
    let copy = b.recv()?;
    assert_eq!(copy, list);
    copy.push(2)?;
    assert_eq!(list.to_vec()?, [1, 2]);
    assert_ne!(manager.list_from([1u8])?, list);
    Ok(())
}

fn proxy_nests_only_in_its_own_manager() -> Result<()> {
    let (manager, other) = (Manager::new()?, Manager::new()?);
    let outer = manager.list::<ListProxy<u32>>()?;
    outer.push(manager.list_from([1, 2])?)?;
    outer.get(0)?.unwrap().push(3)?;
    assert_eq!(outer.to_vec()?[0].to_vec()?, [1, 2, 3]);
    match outer.push(other.list()?) {
        Err(Error::Encode(text)) => assert!(text.contains("its own manager only"), "{text}"),
        wrong => panic!("{wrong:?}"),
    }
    is_config(manager.publish("x", &other.list::<u8>()?), "another manager");
    is_config(manager.remove(&other.list::<u8>()?), "another manager");
    assert_eq!(outer.len()?, 1);
    Ok(())
}

fn value_a_manager_cannot_keep_is_an_error() -> Result<()> {
    let manager = Manager::new()?;
    let list = manager.list::<Connection<u8, u8>>()?;
    match list.push(pipe()?.0) {
        Err(Error::Encode(text)) => assert!(text.contains("cannot be kept by a manager"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(list.is_empty()?);
    assert!(serde_json::to_string(&list).is_err(), "a proxy is of no use outside the crate's own messages");

    #[derive(Deserialize)]
    struct Explosive;
    impl Serialize for Explosive {
        fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
            panic!("boom")
        }
    }
    assert!(matches!(manager.list()?.push(Explosive), Err(Error::Encode(text)) if text.contains("panicked")));
    Ok(())
}

fn update_loses_nothing() -> Result<()> {
    let manager = Manager::new()?;
    let (dict, list) = (manager.dict::<String, u64>()?, manager.list_from([0u64])?);
    fn count(dict: DictProxy<String, u64>, list: ListProxy<u64>, times: u64) {
        for _ in 0..times {
            dict.update("count".into(), |old| old.unwrap_or(0) + 1).unwrap();
            list.update(0, |old| old + 1).unwrap();
        }
    }
    let pool = Pool::with_processes(3)?;
    let elsewhere = pool.starmap_async(count, vec![(dict.clone(), list.clone(), 100); 6]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| count(dict.clone(), list.clone(), 100));
        }
    });
    elsewhere.get()?;
    assert_eq!((dict.get("count")?, list.get(0)?), (Some(1000), Some(1000)));
    Ok(())
}

fn eight_threads_may_share_a_proxy() -> Result<()> {
    let manager = Manager::new()?;
    let list = manager.list::<(u64, Vec<u32>)>()?;
    thread::scope(|scope| {
        for thread in 0..8 {
            let list = &list;
            scope.spawn(move || (0..100).for_each(|n| list.push((thread, vec![n; n as usize])).unwrap()));
        }
    });
    let all = list.to_vec()?;
    assert_eq!(all.len(), 800);
    for thread in 0..8 {
        let own = all.iter().filter(|(of, _)| *of == thread);
        assert!(own.zip(0..).all(|((_, vec), n)| *vec == vec![n; n as usize]));
    }
    Ok(())
}

fn large_values_and_many_values_arrive() -> Result<()> {
    let manager = Manager::new()?;
    let bytes: Vec<u8> = (0..64 * MIB).map(|n| (n / 7) as u8).collect();
    let queue = manager.queue()?;
    queue.put(bytes.clone())?;
    assert!(queue.get()? == bytes);
    let many = manager.list_from(0..200_000u32)?;
    assert!(many.to_vec()?.into_iter().eq(0..200_000));
    let dict = manager.dict_from((0..50_000u64).map(|n| (n, n.to_string())))?;
    assert_eq!((dict.len()?, dict.get(&49_999)?), (50_000, Some("49999".into())));
    Ok(())
}

fn oversized_message_is_rejected() -> Result<()> {
    let manager = Manager::builder().max_message(1000).start()?;
    let list = manager.list::<Vec<u8>>()?;
    let too_large = |result: Result<()>| match result {
        Err(Error::TooLarge { bytes, max, .. }) => assert!(bytes > max && max == 1000),
        other => panic!("{other:?}"),
    };
    too_large(list.push(vec![0; 1000]));
    too_large(list.extend(vec![vec![0; 100]; 20]));
    list.push(vec![1; 900])?;
    list.push(vec![2; 900])?;
    too_large(list.to_vec().map(drop));
    assert_eq!((list.len()?, list.get(1)?), (2, Some(vec![2; 900])));
    is_config(Manager::builder().max_message(0).start(), "max_message");
    Ok(())
}

fn proxy_may_be_state_of_ten_thousand_tasks() -> Result<()> {
    let manager = Manager::new()?;
    let (dict, list) = (manager.dict::<u64, u64>()?, manager.list::<u64>()?);
    let pool = Pool::with_processes(2)?;
    let square = |dict: &DictProxy<u64, u64>, n: u64| dict.insert(n, n * n).unwrap().is_none();
    assert_eq!(pool.map(partial(square, dict.clone()), 0..300u64)?, [true; 300]);
    assert_eq!((dict.len()?, dict.get(&17)?), (300, Some(289)));
    let push = |list: ListProxy<u64>, n: u64| list.push(n).unwrap();
    pool.starmap(push, (0..10_000).map(|n| (list.clone(), n)))?;
    let mut all = list.to_vec()?;
    all.sort_unstable();
    assert_eq!(all, (0..10_000).collect::<Vec<_>>());
    let back = pool.apply(|list: ListProxy<u64>| list, (list,))?;
    assert_eq!(back.len()?, 10_000);
    Ok(())
}
