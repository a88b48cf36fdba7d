//! Initializers: once in each worker, before its first task; and if one fails, no call hangs.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use multiproc::{Error, Executor, ExitStatus, Pool, StartMethod, partial};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::{METHODS, Named, can_run_nothing, named, own_pid};

pub(crate) const TESTS: &[Named] = named! {
    initializer_runs_once_in_each_worker
    initializer_may_carry_state
    panic_hook_of_an_initializer_is_called_and_errors_stay_whole
    panicking_initializer_fails_every_task
    undecodable_initializer_fails_every_task_with_reason
    deeply_nested_initializer_error_fails_every_task
    exiting_initializer_fails_every_task
};

static GREETING: OnceLock<String> = OnceLock::new();
static PREPARED: AtomicU32 = AtomicU32::new(0);

fn prepare(greeting: String, times: u32) {
    PREPARED.fetch_add(1, SeqCst);
    GREETING.get_or_init(|| greeting.repeat(times as usize));
}

fn initializer_runs_once_in_each_worker() -> multiproc::Result<()> {
    let look = |_: u32| (own_pid(), PREPARED.load(SeqCst), GREETING.get().cloned());
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let builder = Pool::builder().processes(2).start_method(method).max_tasks_per_child(4);
        let pool = builder.initializer(prepare, ("hi".to_string(), 2)).build()?;
        let seen = pool.with_chunksize(1).map(look, 0..20)?;
        assert!(seen.iter().all(|(_, count, text)| (*count, text.as_deref()) == (1, Some("hihi"))), "{seen:?}");
        assert!(seen.iter().map(|(pid, ..)| pid).collect::<BTreeSet<_>>().len() >= 5);
    }
    assert_eq!(PREPARED.load(SeqCst), 0, "it does not run in the parent");
    Ok(())
}

fn initializer_may_carry_state() -> multiproc::Result<()> {
    let greet = |greeting: &String, times: u32| prepare(greeting.clone(), times);
    let pool = Pool::builder().processes(1).initializer(partial(greet, "ho".to_string()), (3,)).build()?;
    assert_eq!(pool.apply(|| GREETING.get().cloned(), ())?.as_deref(), Some("hohoho"));
    Ok(())
}

static HOOKED: AtomicU32 = AtomicU32::new(0);

fn panic_hook_of_an_initializer_is_called_and_errors_stay_whole() -> multiproc::Result<()> {
    let alone = || {
        std::panic::set_hook(Box::new(|_| {
            HOOKED.fetch_add(1, SeqCst);
        }));
    };
    let chained = || {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            HOOKED.fetch_add(1, SeqCst);
            before(info);
        }));
    };
    let none = || ();
    for method in METHODS {
        let builder = || Pool::builder().processes(1).start_method(method);
        let pools = [
            (builder().initializer(alone, ()).build()?, 1),
            (builder().initializer(chained, ()).build()?, 1),
            (builder().initializer(none, ()).build()?, 0),
        ];
        for (pool, each) in pools {
            for n in 1..=3 {
                match pool.apply(|| -> u32 { panic!("as ordered") }, ()) {
                    Err(Error::Panicked { message, location: Some(place), .. }) => {
                        assert!(message == "as ordered" && place.contains(file!()), "{message} {place}");
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(pool.apply(|| HOOKED.load(SeqCst), ())?, n * each, "{method:?}");
            }
        }
    }
    Ok(())
}

fn refuse(reason: String) {
    panic!("{reason}")
}

fn give_up() {
    std::process::exit(3)
}

fn panicking_initializer_fails_every_task() -> multiproc::Result<()> {
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let builder = Pool::builder().processes(2).start_method(method);
        let pool = builder.initializer(refuse, ("no".to_string(),)).build()?;
        can_run_nothing(&pool, |error| match error {
            Error::Initializer(inner) => matches!(&**inner, Error::Panicked { message, .. } if message == "no"),
            _ => false,
        });
    }
    Ok(())
}

/// Can be written, but not read.
#[derive(Serialize)]
struct Unreadable;

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Err(D::Error::custom("the ink is dry"))
    }
}

fn undecodable_initializer_fails_every_task_with_reason() -> multiproc::Result<()> {
    let reason = |error: &Error| match error {
        Error::Initializer(inner) => {
            matches!(&**inner, Error::Decode(text) if text.contains("the ink is dry") && text.contains("Unreadable"))
        }
        _ => false,
    };
    for method in [StartMethod::ForkServer, StartMethod::Spawn] {
        let builder = || Pool::builder().processes(1).start_method(method);
        can_run_nothing(&builder().initializer(|_: Unreadable| (), (Unreadable,)).build()?, reason);
        can_run_nothing(&builder().initializer(|_: u8, _: Unreadable| (), (1, Unreadable)).build()?, reason);
        let with_state = partial(|_: &Unreadable| (), Unreadable);
        can_run_nothing(&builder().initializer(with_state, ()).build()?, reason);
    }
    Ok(())
}

/// An error in an error in an error ….
fn nested(levels: u32) -> std::result::Result<(), Error> {
    Err((0..levels).fold(Error::Closed, |error, _| Error::Initializer(Box::new(error))))
}

fn deeply_nested_initializer_error_fails_every_task() -> multiproc::Result<()> {
    for levels in [1, 100, 1000, 4000, 5000] {
        let pool = Pool::builder().processes(1).initializer(nested, (levels,)).build()?;
        let error = pool.apply(|| 1, ()).unwrap_err();
        assert!(matches!(error, Error::Initializer(_)), "{levels} levels: {error:?}");
    }
    Ok(())
}

fn exiting_initializer_fails_every_task() -> multiproc::Result<()> {
    let pool = Pool::builder().processes(2).initializer(give_up, ()).build()?;
    let gone = ExitStatus::Exited(3);
    can_run_nothing(&pool, |error| matches!(error, Error::NoWorkers { exit } if *exit == gone));
    Ok(())
}
