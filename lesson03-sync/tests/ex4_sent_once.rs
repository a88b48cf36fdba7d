//! The tests of exercise 4: sent once.

use std::collections::BTreeSet;

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};
use multiproc::{Executor, Pool, Result, ThreadPool, Value};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex4_sent_once.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex4_sent_once.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex4_sent_once.rs"]
pub mod given;

use exercise::check_all;
use given::{Checked, Dictionary};

/// The words that the dictionary has are the even numbers below this, as text.
const END: u64 = 40_000;

/// Texts of four words, of which the dictionary lacks some.
fn texts(count: usize) -> Vec<String> {
    let numbers: Vec<_> = varied(4 * count, 0..END).iter().map(u64::to_string).collect();
    numbers.chunks(4).map(|words| words.join(" ")).collect()
}

/// Returns the words of a text that the dictionary lacks.
fn unknown(text: &str) -> Vec<String> {
    let odd = |word: &&str| word.ends_with(['1', '3', '5', '7', '9']);
    text.split(' ').filter(odd).map(str::to_string).collect()
}

/// What came of the texts.
struct Outcome {
    checked: Vec<Checked>,
    /// The number of times that the dictionary has arrived in a process.
    arrivals: u64,
    /// The number of tasks that the executor has run.
    tasks: u64,
}

/// Checks the texts on the executor that `build` returns. The first calls wait until `crowd`
/// processes have one.
fn run<E: Executor>(
    build: impl FnOnce() -> Result<E> + Send + 'static,
    texts: &[String],
    crowd: usize,
) -> Attempt<Outcome> {
    let texts = texts.to_vec();
    attempt_to_meet(crowd, move || {
        let executor = build().unwrap();
        let words = BTreeSet::from_iter((0..END).step_by(2).map(|number| number.to_string()));
        let arrivals = Value::new(0).unwrap();
        let dictionary = Dictionary { words, arrivals: arrivals.clone() };
        let checked = check_all(&executor, dictionary, texts).expect("`check_all` returned an error");
        Outcome { checked, arrivals: arrivals.get().unwrap(), tasks: executor.statistics().completed }
    })
}

#[track_caller]
fn assert_unknown_found(checked: &[Checked], texts: &[String]) {
    let found: Vec<_> = checked.iter().map(|checked| checked.unknown.clone()).collect();
    let expected: Vec<_> = texts.iter().map(|text| unknown(text)).collect();
    assert_eq!(found, expected, "the unknown words, and those that were expected, for each text, in their order");
}

/// Asserts that the caller's executor has run a task for each text.
#[track_caller]
fn assert_on_executor(tasks: u64, texts: &[String]) {
    assert_eq!(
        tasks,
        texts.len() as u64,
        "{} texts were given, and the executor has run {tasks} tasks: expected one for each, on the executor of the \
         caller. Hint: it has all the calls that a pool has",
        texts.len()
    );
}

#[test]
fn every_text_is_checked_in_a_worker() {
    isolated(|| {
        let texts = texts(30);
        let seen = run(|| Pool::with_processes(2), &texts, 2);
        assert_unknown_found(&seen.value.checked, &texts);
        seen.assert_in_workers();
        seen.assert_each_once(&texts);
        for (text, checked) in texts.iter().zip(&seen.value.checked) {
            seen.assert_computed_by(text, checked.pid);
        }
    });
}

#[test]
fn the_dictionary_travels_once_to_each_worker() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let texts = texts(varied(1, 60..90)[0] as usize);
            let seen = run(move || Pool::with_processes(processes), &texts, processes);
            seen.assert_in_workers();
            let Outcome { arrivals, tasks, .. } = seen.value;
            assert_on_executor(tasks, &texts);
            seen.assert_in_parallel(processes);
            assert!(
                arrivals <= processes as u64,
                "the dictionary has arrived {arrivals} times for {} texts and {processes} workers: expected it once in \
                 each worker. Hint: what every task has in common can be fixed, and is sent once; what is an item \
                 travels with each",
                texts.len()
            );
        }
    });
}

#[test]
fn threads_do_it_as_well() {
    isolated(|| {
        let texts = texts(20);
        let seen = run(|| ThreadPool::with_processes(2), &texts, 0);
        assert_unknown_found(&seen.value.checked, &texts);
        assert_on_executor(seen.value.tasks, &texts);
        assert!(
            seen.workers.is_empty(),
            "the caller gave an executor of threads, and {} worker processes were seen: expected none",
            seen.workers.len()
        );
    });
}
