//! Values that live in a manager's process, and the proxies by which others use them.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use multiproc::{
    Connection, DictProxy, Error, ListProxy, Manager, NamespaceProxy, Pool, Process, PutError, QueueProxy, Result,
    StartMethod, partial, pipe,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use support::{ProcessId, eventually, promise};

const METHODS: [StartMethod; 2] = [StartMethod::ForkServer, StartMethod::Spawn];
const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(50);
const MIB: usize = 1 << 20;

/// What the manager's process has: threads and descriptors.
fn holdings(manager: &Manager) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{}/{what}", manager.pid())).unwrap().count();
    (count("task"), count("fd"))
}

fn is_config<T: std::fmt::Debug>(result: Result<T>, word: &str) {
    match result {
        Err(Error::Config(text)) => assert!(text.contains(word), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_does_what_a_vector_does() {
    promise(|| {
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
    });
}

#[test]
fn a_dictionary_keeps_its_keys_in_the_order_in_which_they_came() {
    promise(|| {
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
    });
}

#[test]
fn a_namespace_holds_values_of_any_types() {
    promise(|| {
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
    });
}

#[test]
fn a_queue_hands_values_out_in_order_and_says_when_it_is_full_empty_closed() {
    promise(|| {
        let manager = Manager::new()?;
        let queue = manager.bounded_queue::<u32>(3)?;
        assert!(matches!(queue.try_get(), Err(Error::Empty)));
        assert!(matches!(queue.get_timeout(SHORT), Err(Error::TimedOut { after: SHORT, pid: None })));
        (1..=3).try_for_each(|n| queue.put(n))?;
        assert!(matches!(queue.try_put(4), Err(PutError { value: 4, error: Error::Full })));
        let late = queue.put_timeout(4, SHORT).unwrap_err();
        assert!(matches!(late, PutError { value: 4, error: Error::TimedOut { after: SHORT, pid: None } }), "{late:?}");
        assert_eq!((queue.len()?, queue.get()?, queue.try_get()?), (3, 1, 2));
        queue.try_put(4)?;
        queue.put_timeout(5, Duration::MAX)?;
        queue.close()?;
        assert!(matches!(queue.put(6), Err(PutError { value: 6, error: Error::Closed })));
        assert_eq!((queue.get()?, queue.get_timeout(LONG)?, queue.get()?), (3, 4, 5));
        assert!(queue.is_empty()?);
        for closed in [queue.get(), queue.try_get(), queue.get_timeout(LONG)] {
            assert!(matches!(closed, Err(Error::Closed)), "{closed:?}");
        }
        is_config(manager.bounded_queue::<u8>(0), "room");
        Ok(())
    });
}

#[test]
fn join_waits_until_all_that_was_put_is_done() {
    promise(|| {
        let manager = Manager::new()?;
        let queue = manager.queue::<u32>()?;
        queue.join()?;
        (0..3).try_for_each(|n| queue.put(n))?;
        let work = |queue: QueueProxy<u32>| {
            for _ in 0..3 {
                queue.get().unwrap();
                thread::sleep(SHORT);
                queue.task_done().unwrap();
            }
        };
        assert!(!queue.join_timeout(SHORT)?);
        let worker = Process::new(work, (queue.clone(),)).start()?;
        queue.join()?;
        assert!(queue.join_timeout(Duration::ZERO)?);
        worker.join()?;
        is_config(queue.task_done(), "more often");
        Ok(())
    });
}

#[test]
fn those_who_wait_hold_up_nobody_and_are_served_as_values_come() {
    promise(|| {
        let manager = Manager::new()?;
        let (queue, tiny) = (manager.queue::<u64>()?, manager.bounded_queue::<u64>(1)?);
        tiny.put(0)?;
        thread::scope(|scope| {
            let getters: Vec<_> = (0..12).map(|_| scope.spawn(|| queue.get().unwrap())).collect();
            let putters: Vec<_> =
                (1..=5).map(|n| (n, &tiny)).map(|(n, tiny)| scope.spawn(move || tiny.put(n))).collect();
            thread::sleep(SHORT);
            // Everybody waits by now, or will; calls go on all the same.
            assert_eq!((queue.len().unwrap(), tiny.len().unwrap()), (0, 1));
            (0..12).for_each(|n| queue.put(n).unwrap());
            let mut got: Vec<u64> = getters.into_iter().map(|getter| getter.join().unwrap()).collect();
            got.sort_unstable();
            assert_eq!(got, (0..12).collect::<Vec<_>>());
            let mut got: Vec<u64> = (0..6).map(|_| tiny.get().unwrap()).collect();
            got.sort_unstable();
            assert_eq!(got, [0, 1, 2, 3, 4, 5]);
            putters.into_iter().for_each(|putter| putter.join().unwrap().unwrap());
        });
        Ok(())
    });
}

#[test]
fn closing_wakes_those_who_wait() {
    promise(|| {
        let manager = Manager::new()?;
        let (empty, full) = (manager.queue::<u64>()?, manager.bounded_queue::<u64>(1)?);
        full.put(1)?;
        thread::scope(|scope| {
            let waiting = [scope.spawn(|| empty.get().map(drop)), scope.spawn(|| full.put(2).map_err(Error::from))];
            thread::sleep(SHORT);
            empty.close().unwrap();
            full.close().unwrap();
            for waiting in waiting {
                assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
            }
        });
        Ok(())
    });
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

#[test]
fn proxies_work_in_workers_and_processes_under_every_start_method() {
    promise(|| {
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
    });
}

#[test]
fn proxies_go_through_pipes_and_stay_the_same_object() {
    promise(|| {
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
    });
}

#[test]
fn a_proxy_nests_in_its_own_manager_only() {
    promise(|| {
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
    });
}

#[test]
fn what_a_manager_cannot_keep_is_an_error_of_its_call() {
    promise(|| {
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
    });
}

#[test]
fn update_loses_nothing() {
    promise(|| {
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
    });
}

#[test]
fn eight_threads_may_share_a_proxy() {
    promise(|| {
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
    });
}

#[test]
fn large_values_and_many_values_pass() {
    promise(|| {
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
    });
}

#[test]
fn a_message_over_the_cap_is_an_error_that_names_it_and_nothing_more() {
    promise(|| {
        let manager = Manager::builder().max_message(1000).start()?;
        let list = manager.list::<Vec<u8>>()?;
        let too_large = |result: Result<()>| match result {
            Err(Error::TooLarge { bytes, cap }) => assert!(bytes > cap && cap == 1000),
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
    });
}

/// Waits at a queue, with threads of its own at other objects.
fn wait_for_ever(queue: QueueProxy<u64>, full: QueueProxy<u64>, joined: QueueProxy<u64>) {
    thread::scope(|scope| {
        scope.spawn(|| full.put(1));
        scope.spawn(|| joined.join());
        let _ = queue.get();
    });
}

#[test]
fn a_client_that_is_killed_while_it_waits_leaves_nothing_behind() {
    promise(|| {
        let manager = Manager::new()?;
        let (queue, full, joined) = (manager.queue()?, manager.bounded_queue(1)?, manager.queue()?);
        full.put(0)?;
        joined.put(0)?;
        let before = holdings(&manager);
        for _ in 0..3 {
            let args = (queue.clone(), full.clone(), joined.clone());
            let process = Process::builder().daemon(true).target(wait_for_ever, args).start()?;
            eventually("it waits", || holdings(&manager).0 == before.0 + 3);
            thread::sleep(SHORT);
            process.kill()?;
            drop(process);
            eventually("its sessions have ended", || holdings(&manager) == before);
        }
        queue.put(7)?;
        assert_eq!((queue.get_timeout(LONG)?, full.len()?, full.get()?, full.len()?), (7, 1, 0, 0));
        Ok(())
    });
}

#[test]
fn no_value_is_lost_with_those_who_are_killed_while_they_wait() {
    promise(|| {
        let manager = Manager::new()?;
        let (work, seen) = (manager.queue::<u64>()?, manager.list::<u64>()?);
        let take = |work: QueueProxy<u64>, seen: ListProxy<u64>| {
            // What it has got it may lose, so it takes nothing but a stop.
            while let Ok(n) = work.get() {
                seen.push(n).unwrap();
            }
        };
        let start = || Process::builder().daemon(true).target(take, (work.clone(), seen.clone())).start();
        let survivor = start()?;
        let mut put = 0;
        for _ in 0..5 {
            let doomed = start()?;
            for _ in 0..50 {
                work.put(put)?;
                put += 1;
            }
            eventually("all is taken", || work.len().unwrap() == 0);
            eventually("all is noted", || seen.len().unwrap() as u64 == put);
            doomed.kill()?;
            drop(doomed);
            // Whether or not the manager has noticed the death: whoever lives gets the value.
            work.put(put)?;
            put += 1;
            eventually("the survivor has it", || seen.len().unwrap() as u64 == put);
        }
        work.close()?;
        survivor.join()?;
        let mut all = seen.to_vec()?;
        all.sort_unstable();
        assert_eq!(all, (0..put).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_dead_manager_is_told_to_those_who_ask_and_to_those_who_wait() {
    promise(|| {
        let manager = Manager::new()?;
        let (queue, list) = (manager.queue::<u64>()?, manager.list_from([1u64])?);
        let elsewhere = |queue: QueueProxy<u64>| matches!(queue.get(), Err(Error::Disconnected));
        let process = Process::new(elsewhere, (queue.clone(),)).start()?;
        thread::scope(|scope| {
            let waiting =
                [scope.spawn(|| queue.get().map(drop)), scope.spawn(|| manager.queue::<u8>()?.get().map(drop))];
            thread::sleep(SHORT);
            kill(Pid::from_raw(manager.pid() as i32), Signal::SIGKILL).unwrap();
            for waiting in waiting {
                assert!(matches!(waiting.join().unwrap(), Err(Error::Disconnected)));
            }
        });
        assert!(process.join()?);
        for _ in 0..20 {
            assert!(matches!(list.get(0), Err(Error::Disconnected)));
            assert!(matches!(queue.put(1), Err(PutError { error: Error::Disconnected, .. })));
            assert!(matches!(manager.list::<u8>(), Err(Error::Disconnected)));
        }
        Ok(())
    });
}

#[test]
fn dropping_the_manager_ends_its_process_at_once_whoever_still_has_proxies() {
    promise(|| {
        let manager = Manager::new()?;
        let process = ProcessId::of(manager.pid()).unwrap();
        let list = manager.list_from([1u64])?;
        let waiting = manager.queue::<u64>()?;
        let thread = thread::spawn(move || waiting.get());
        thread::sleep(SHORT);
        let began = Instant::now();
        drop(manager);
        assert!(process.is_gone() && began.elapsed() < Duration::from_secs(10));
        assert!(matches!(thread.join().unwrap(), Err(Error::Disconnected)));
        assert!(matches!(list.len(), Err(Error::Disconnected)));
        Ok(())
    });
}

#[test]
fn a_client_that_has_gone_leaves_no_thread_or_descriptor_in_the_manager() {
    promise(|| {
        let manager = Manager::new()?;
        let list = manager.list::<u32>()?;
        list.push(0)?;
        let before = holdings(&manager);
        for method in METHODS {
            let pool = Pool::builder().processes(3).start_method(method).build()?;
            pool.starmap(|list: ListProxy<u32>, n: u32| list.push(n).unwrap(), (0..100).map(|n| (list.clone(), n)))?;
        }
        eventually("the sessions have ended", || holdings(&manager) == before);
        assert_eq!(list.len()?, 201);
        Ok(())
    });
}

#[test]
fn managers_come_and_go() {
    promise(|| {
        for n in 0..20u32 {
            let manager = Manager::new()?;
            assert_eq!(manager.list_from([n])?.to_vec()?, [n]);
        }
        let in_a_task = |n: u32| Manager::new().unwrap().list_from([n]).unwrap().pop().unwrap();
        assert_eq!(Pool::with_processes(2)?.map(in_a_task, 0..4u32)?, [Some(0), Some(1), Some(2), Some(3)]);
        Ok(())
    });
}

#[test]
fn a_manager_may_be_used_by_a_task_while_its_starter_waits() {
    promise(|| {
        let manager = Manager::new()?;
        let (there, back) = (manager.bounded_queue::<u64>(2)?, manager.bounded_queue::<u64>(2)?);
        let echo = |there: QueueProxy<u64>, back: QueueProxy<u64>| {
            while let Ok(n) = there.get() {
                back.put(n + 1).unwrap();
            }
            back.close().unwrap();
        };
        let process = Process::new(echo, (there.clone(), back.clone())).start()?;
        thread::scope(|scope| {
            scope.spawn(|| {
                (0..2000).for_each(|n| there.put(n).unwrap());
                there.close().unwrap();
            });
            (0..2000).for_each(|n| assert_eq!(back.get().unwrap(), n + 1));
            assert!(matches!(back.get(), Err(Error::Closed)));
        });
        process.join()
    });
}

/// Uses everything, again and again, until it is killed.
fn use_without_end(list: ListProxy<Vec<u8>>, dict: DictProxy<u32, u64>, queue: QueueProxy<Vec<u8>>) {
    for n in 0.. {
        let own = vec![n as u8; n % 30_000];
        list.push(own.clone()).unwrap();
        dict.update(0, |old| old.unwrap_or(0) + 1).unwrap();
        queue.put(own).unwrap();
        list.to_vec().unwrap();
        let got = queue.get().unwrap();
        assert!(got.windows(2).all(|pair| pair[0] == pair[1]));
        list.pop().unwrap();
    }
}

#[test]
fn processes_killed_at_random_harm_nobody_else() {
    promise(|| {
        let manager = Manager::new()?;
        let (list, dict) = (manager.list::<Vec<u8>>()?, manager.dict::<u32, u64>()?);
        let queue = manager.bounded_queue::<Vec<u8>>(4)?;
        let before = holdings(&manager);
        let start = || {
            let args = (list.clone(), dict.clone(), queue.clone());
            Process::builder().daemon(true).target(use_without_end, args).start()
        };
        let mut running = vec![start()?, start()?, start()?];
        for n in 0..40u64 {
            thread::sleep(Duration::from_micros(n * 7919 % 30_000));
            // Killed by its drop.
            running.remove(0);
            running.push(start()?);
            dict.update(1, |old| old.unwrap_or(0) + 1)?;
        }
        running.clear();
        eventually("all sessions have ended", || holdings(&manager) == before);
        assert_eq!(dict.get(&1)?, Some(40));
        assert!(dict.get(&0)?.unwrap() > 0);
        assert!(list.to_vec()?.iter().all(|own| own.windows(2).all(|pair| pair[0] == pair[1])));
        while !queue.is_empty()? {
            queue.try_get()?;
        }
        queue.put(vec![1])?;
        assert_eq!(queue.get()?, [1]);
        Ok(())
    });
}

#[test]
fn an_object_that_is_removed_is_gone_for_all() {
    promise(|| {
        let manager = Manager::new()?;
        let (list, queue) = (manager.list_from([1u8])?, manager.queue::<u8>()?);
        let nested = manager.list_from([list.clone()])?;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.get());
            let joined = manager.queue::<u8>().unwrap();
            joined.put(1).unwrap();
            let joining = (joined.clone(), scope.spawn(move || joined.join()));
            thread::sleep(SHORT);
            assert!(manager.remove(&joining.0).unwrap());
            let _ = joining.1.join().unwrap();
            assert!(manager.remove(&queue).unwrap() && manager.remove(&list).unwrap());
            assert!(matches!(waiting.join().unwrap(), Err(Error::Closed | Error::Config(_))));
        });
        assert!(!manager.remove(&list)?);
        is_config(list.len(), "no object");
        is_config(nested.get(0)?.unwrap().len(), "no object");
        Ok(())
    });
}

#[test]
fn a_proxy_may_be_a_functions_state_and_part_of_ten_thousand_tasks() {
    promise(|| {
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
        // A result cannot carry it: there would be nobody to send it back from.
        let back = pool.apply(|list: ListProxy<u64>| list, (list,));
        assert!(matches!(&back, Err(Error::Encode(text)) if text.contains("only as an argument")), "{back:?}");
        Ok(())
    });
}
