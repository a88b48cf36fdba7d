//! What a subscriber of `tracing` is told about workers.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use multiproc::{Error, Executor, Pool, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

use crate::support::{Death, Gate, Named, eventually, named, pass, pids, square, zygote};

pub(crate) const TESTS: &[Named] = named! {
    starts_ends_and_replacements_are_events
    refusals_and_failures_are_events
    restart_of_the_zygote_is_an_event
    subscriber_may_ask_the_pool_and_panic
};

/// An event: its level and its fields, the message among them.
#[derive(Debug, Clone)]
struct Seen(Level, BTreeMap<&'static str, String>);

impl Seen {
    fn field(&self, name: &str) -> &str {
        self.1.get(name).map_or("", |value| value)
    }

    fn message(&self) -> &str {
        self.field("message")
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.1.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.1.insert(field.name(), value.to_string());
    }
}

/// Collects the events of the crate.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Seen>>>, Arc<Mutex<Option<Pool>>>);

impl Collector {
    /// Collects from now on, in this process.
    fn install() -> Self {
        let collector = Self::default();
        tracing::subscriber::set_global_default(collector.clone()).unwrap();
        collector
    }

    fn all(&self, message: &str) -> Vec<Seen> {
        self.0.lock().unwrap().iter().filter(|seen| seen.message() == message).cloned().collect()
    }

    /// Waits for so many events with this message.
    fn await_all(&self, message: &str, count: usize) -> Vec<Seen> {
        eventually(message, || self.all(message).len() >= count);
        let all = self.all(message);
        assert_eq!(all.len(), count, "{all:?}");
        all
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "multiproc"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut seen = Seen(*event.metadata().level(), BTreeMap::new());
        event.record(&mut seen);
        self.0.lock().unwrap().push(seen);
        // It may be called while the pool is asked, here or in another thread.
        if let Ok(pool) = self.1.try_lock()
            && let Some(pool) = &*pool
        {
            assert!(pool.statistics().workers_started > 0 && !pool.workers().is_empty());
            panic!("no more of this");
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn starts_ends_and_replacements_are_events() -> Result<()> {
    let events = Collector::install();
    let pool = Pool::builder().processes(2).name("mill").build()?;
    let before = pids(&pool);
    let started = events.await_all("worker started", 2);
    for (index, event) in started.iter().enumerate() {
        assert_eq!((event.0, event.field("pool"), event.field("index")), (Level::INFO, "mill", &*index.to_string()));
        assert_eq!(event.field("worker"), format!("mill-{}", index + 1));
        assert_eq!(event.field("pid"), before[index].to_string());
    }
    assert!(events.all("worker ended").is_empty() && events.all("worker replaced").is_empty());

    pool.apply(square, (2,))?;
    kill(Pid::from_raw(before[1].cast_signed()), Signal::SIGKILL).unwrap();
    eventually("it is replaced", || pids(&pool)[1] != before[1]);
    let [ended] = &events.await_all("worker ended", 1)[..] else { unreachable!() };
    assert_eq!((ended.0, ended.field("pool"), ended.field("index")), (Level::WARN, "mill", "1"));
    assert_eq!((ended.field("pid"), ended.field("lost"), ended.field("killed")), (&*before[1].to_string(), "true", ""));
    assert_eq!(ended.field("status"), "killed by SIGKILL (signal 9)");
    let [replaced] = &events.await_all("worker replaced", 1)[..] else { unreachable!() };
    assert_eq!((replaced.field("worker"), replaced.field("index")), ("mill-3", "1"));
    assert_eq!(events.await_all("worker started", 3)[2].field("worker"), "mill-3");

    pool.resize(1)?;
    eventually("one has ended", || pids(&pool).len() == 1 && pool.workers().len() == 1);
    let ended = events.await_all("worker ended", 2);
    assert_eq!(
        (ended[1].0, ended[1].field("lost"), ended[1].field("status")),
        (Level::INFO, "false", "exited with code 0")
    );
    pool.resize(2)?;
    events.await_all("worker started", 4);
    assert_eq!(events.all("worker replaced").len(), 1, "a further worker replaces none");
    Ok(())
}

fn fail() {
    panic!("no database")
}

fn refusals_and_failures_are_events() -> Result<()> {
    let (events, gate) = (Collector::install(), Gate::new());
    let limit = std::time::Duration::from_millis(200);
    let pool = Pool::builder().processes(1).reject_when_reached(2).task_timeout(limit).build()?;
    let waiting = pool.apply_async(pass, (gate.path(),));
    assert!(matches!(pool.with_chunksize(3).map(square, 0..3), Err(Error::Full)));
    let [refused] = &events.await_all("tasks refused", 1)[..] else { unreachable!() };
    assert_eq!((refused.0, refused.field("tasks")), (Level::WARN, "3"));
    assert!(refused.field("error").starts_with("full"), "{refused:?}");
    assert!(matches!(waiting.get(), Err(Error::TimedOut { .. })));
    assert_eq!(events.await_all("worker ended", 1)[0].field("killed"), "timed out");
    assert_eq!((pool.statistics().timed_out, pool.statistics().refused), (1, 3));
    drop(pool);

    let pool = Pool::builder().processes(1).initializer(fail, ()).build()?;
    assert!(matches!(pool.apply(square, (1,)), Err(Error::Initializer(_))));
    let [broken] = &events.await_all("pool broken", 1)[..] else { unreachable!() };
    assert!(broken.0 == Level::ERROR && broken.field("error").contains("no database"), "{broken:?}");
    Ok(())
}

fn restart_of_the_zygote_is_an_event() -> Result<()> {
    let events = Collector::install();
    let pool = Pool::with_processes(2)?;
    pool.apply(square, (2,))?;
    let before = pids(&pool);
    kill(Pid::from_raw(zygote().pid.cast_signed()), Signal::SIGKILL).unwrap();
    // A pool that has nothing to do sees the end of its zygote at the next call.
    let is_new = |pid: &u32| !before.contains(pid);
    eventually("the pool goes on", || {
        pool.apply(square, (2,)).is_ok() && pids(&pool).iter().filter(|pid| is_new(pid)).count() == 2
    });
    events.await_all("zygote restarted", 1);
    assert_eq!(events.await_all("worker ended", 2)[0].field("lost"), "true");
    events.await_all("worker replaced", 2);
    Ok(())
}

fn subscriber_may_ask_the_pool_and_panic() -> Result<()> {
    let events = Collector::install();
    let pool = Pool::with_processes(2)?;
    let lost = pool.apply_async(|| Death::Kill.die(), ());
    *events.1.lock().unwrap() = Some(pool);
    let lost: Result<()> = lost.get();
    assert!(matches!(lost, Err(Error::WorkerLost { .. })));
    assert!(events.1.is_poisoned(), "it has panicked");
    let pool = events.1.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap();
    assert_eq!((pool.apply(square, (3,))?, pids(&pool).len()), (9, 2));
    events.await_all("worker ended", 1);
    events.await_all("worker started", 3);
    Ok(())
}
