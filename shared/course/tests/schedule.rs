//! The model of schedules, beside a pool that runs the same tasks. They sleep, so it does not
//! matter how many CPUs there are, and a busy machine only makes everything later.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use course::schedule::{Call, Schedule, Setting};
use libtest_mimic::{Arguments, Trial};
use multiproc::{Executor, Pool, Result, TaskEvent};

type Test = fn() -> Result<()>;

/// How often a run may be late before the model is blamed.
const TRIES: usize = 5;

fn nap(microseconds: u64) {
    thread::sleep(Duration::from_micros(microseconds));
}

/// What a pool made of a setting.
struct Run {
    /// In the order of the tasks.
    events: Vec<TaskEvent>,
    /// Microseconds after the call, in order of arrival.
    results: Vec<u64>,
}

impl Run {
    fn new(setting: &Setting) -> Result<Self> {
        let pool = Pool::builder().processes(setting.workers).trace(true).build()?;
        let times = setting.durations();
        let options = pool.with_chunksize(setting.chunk_size());
        let mut results = Vec::new();
        let began = Instant::now();
        let mut arrived =
            |result: Result<()>| result.map(|()| results.push(u64::try_from(began.elapsed().as_micros()).unwrap()));
        match setting.call {
            Call::Map => {
                let all = options.map(nap, times)?;
                all.into_iter().try_for_each(|()| arrived(Ok(())))?;
            }
            Call::Imap => options.imap(nap, times).try_for_each(arrived)?,
            Call::ImapUnordered => options.imap_unordered(nap, times).try_for_each(arrived)?,
        }
        let mut events = pool.trace().events().to_vec();
        events.sort_by_key(|event| event.task);
        assert_eq!((events.len(), results.len()), (setting.tasks, setting.tasks));
        Ok(Self { events, results })
    }

    /// When each task started, in microseconds after the first.
    fn starts(&self) -> Vec<u64> {
        let first = self.events.iter().map(|event| event.start).min().unwrap();
        self.events.iter().map(|event| (event.start - first) / 1000).collect()
    }

    fn total(&self) -> u64 {
        let first = self.events.iter().map(|event| event.start).min().unwrap();
        (self.events.iter().map(|event| event.end).max().unwrap() - first) / 1000
    }
}

fn setting(text: &str) -> Setting {
    text.parse().unwrap()
}

/// Settings in which tasks cost nothing to send and there is no serial part, as in [`Run`]. No task
/// is so short that a worker would get it in advance.
const SETTINGS: [&str; 8] = [
    "workers=4&tasks=24&times=equal&chunk=1",
    "workers=4&tasks=24&times=equal&chunk=4",
    "workers=3&tasks=20&times=equal&chunk=7&call=imap",
    "workers=4&tasks=16&times=equal",
    "workers=4&tasks=17&times=long&chunk=1&call=imap_unordered",
    "workers=4&tasks=17&times=long&chunk=1&sort=1",
    "workers=4&tasks=24&times=power&chunk=1&call=imap&seed=3",
    "workers=2&tasks=24&times=power&chunk=3&call=imap_unordered&seed=5",
];

/// A sleep is never shorter than asked for. So no task starts before its time in the model, and no
/// result comes before it: with longer tasks, no worker of a schedule is free earlier.
fn nothing_is_earlier_than_in_the_model() -> Result<()> {
    for text in SETTINGS {
        let setting = setting(&format!("{text}&mean=10&cost=0"));
        let (model, run) = (Schedule::new(&setting), Run::new(&setting)?);
        for (bar, start) in model.bars.iter().zip(run.starts()) {
            // The clock is read a moment before the task is counted as begun.
            assert!(start + 100 >= bar.start, "{text}: {bar:?} starts at {start}");
        }
        for (at, planned) in run.results.iter().zip(&model.results) {
            assert!(at + 100 >= *planned, "{text}: a result at {at}, planned for {planned}");
        }
    }
    Ok(())
}

/// The tasks of a chunk follow each other on one worker, and the chunks keep all workers at work.
fn chunks_stay_together_and_workers_share_them() -> Result<()> {
    for text in SETTINGS {
        let setting = setting(&format!("{text}&mean=10&cost=0"));
        let run = Run::new(&setting)?;
        for chunk in run.events.chunks(setting.chunk_size()) {
            assert!(chunk.iter().all(|event| event.worker == chunk[0].worker), "{text}: {chunk:#?}");
            assert!(chunk.is_sorted_by(|a, b| a.end <= b.start), "{text}: {chunk:#?}");
        }
    }
    Ok(())
}

/// A pool's time is nearer to the model's than to that of one worker for all.
fn pool_is_about_as_fast_as_the_model() -> Result<()> {
    for text in SETTINGS {
        let setting = setting(&format!("{text}&mean=20&cost=0"));
        let model = Schedule::new(&setting);
        let limit = (model.total() + model.work()) / 2;
        holds_once(text, || Ok(Run::new(&setting)?.total() < limit))?;
    }
    Ok(())
}

/// What the page says about its settings, on a pool.
fn what_the_page_tells_holds_for_a_pool() -> Result<()> {
    let long = "workers=4&tasks=17&mean=20&times=long&chunk=1";
    let (last, first) = (setting(long), setting(&format!("{long}&sort=1")));
    holds_once("the longest first", || Ok(Run::new(&first)?.total() < Run::new(&last)?.total()))?;

    let one_chunk = setting("workers=4&tasks=12&mean=10&times=equal&chunk=12");
    let run = Run::new(&one_chunk)?;
    assert!(run.events.iter().all(|event| event.worker == run.events[0].worker), "{:#?}", run.events);

    let slow_first = "workers=3&tasks=20&mean=20&times=long&sort=1&chunk=1&call=";
    let [map, imap, unordered] = ["map", "imap", "imap_unordered"].map(|call| setting(&format!("{slow_first}{call}")));
    holds_once("the first result", || {
        let [map, imap, unordered] = [&map, &imap, &unordered].map(Run::new);
        let (map, imap, unordered) = (map?, imap?, unordered?);
        // The slow task is the first, so only `imap_unordered` has a result before it is done.
        Ok(unordered.results[0] < imap.results[0] && unordered.results[0] < map.results[0])
    })
}

/// Asserts that one of several runs is as it should be: on a busy machine, any may be late.
#[track_caller]
fn holds_once(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..TRIES {
        if holds()? {
            return Ok(());
        }
    }
    panic!("{what}: not in {TRIES} runs");
}

fn main() -> ExitCode {
    multiproc::init();
    let tests: [(&str, Test); 4] = [
        ("nothing_is_earlier_than_in_the_model", nothing_is_earlier_than_in_the_model),
        ("chunks_stay_together_and_workers_share_them", chunks_stay_together_and_workers_share_them),
        ("pool_is_about_as_fast_as_the_model", pool_is_about_as_fast_as_the_model),
        ("what_the_page_tells_holds_for_a_pool", what_the_page_tells_holds_for_a_pool),
    ];
    let trials = tests.map(|(name, test)| Trial::test(name, move || test().map_err(Into::into)));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}
