//! The tests of exercise 3: count words.

use std::collections::{BTreeMap, BTreeSet};
use std::process;

use course::testing::exercise::{Attempt, attempt};

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex3_word_count.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex3_word_count.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex3_word_count.rs"]
pub mod given;

use exercise::count_words;
use given::Count;

/// How often each text has the word `and`. So many words take a while to read, and no two texts
/// equally long.
const ANDS: [usize; 3] = [150, 200, 250];

/// The texts: `Text 0 and and …`, and so on.
fn texts() -> Vec<String> {
    ANDS.iter().enumerate().map(|(number, ands)| format!("Text {number}:{} TEXT!", " and".repeat(*ands))).collect()
}

fn counted(texts: Vec<String>) -> Attempt<BTreeMap<String, Count>> {
    attempt(move || count_words(texts).expect("`count_words` returned an error"))
}

fn times(counts: &BTreeMap<String, Count>) -> Vec<(&str, usize)> {
    counts.iter().map(|(word, count)| (word.as_str(), count.times)).collect()
}

#[test]
fn every_word_of_every_text_is_counted() {
    let counts = counted(texts()).value;
    assert_eq!(
        times(&counts),
        [("0", 1), ("1", 1), ("2", 1), ("and", ANDS.iter().sum()), ("text", 2 * ANDS.len())],
        "are words missing? The closing message of one producer does not speak for the others, and an empty queue may \
         soon have words again"
    );
}

#[test]
fn each_text_has_a_producer_and_all_of_them_work_at_the_same_time() {
    let counted = counted(texts());
    let finders: Vec<_> = ["0", "1", "2"].iter().filter_map(|word| counted.value.get(*word)).collect();
    assert!(finders.iter().all(|count| count.finders.len() == 1), "a text was read by several: {finders:?}");
    let finders: BTreeSet<_> = finders.iter().flat_map(|count| count.finders.iter().copied()).collect();
    assert!(
        !finders.contains(&process::id()),
        "this very process has read a text: give each to a `Process`, together with the queue"
    );
    assert_eq!(finders.len(), ANDS.len(), "the texts were read by {finders:?}: each has a producer of its own");
    assert!(finders.is_subset(&counted.workers), "{finders:?} are not among the processes that were seen");
    assert_eq!(
        counted.max_workers,
        ANDS.len(),
        "at most {} of {} producers worked at the same time: start all of them before you wait for one",
        counted.max_workers,
        ANDS.len()
    );
}

#[test]
fn no_texts_have_no_words() {
    let counts = counted(Vec::new()).value;
    assert!(times(&counts).is_empty(), "without texts there are no words, and nothing to wait for: {counts:?}");
}
