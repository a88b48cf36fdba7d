//! The tests of exercise 3: count words.

use std::collections::{BTreeMap, BTreeSet};
use std::process;

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};

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

/// How often each text has the word `and`: no two texts are equally long, the last is the longest.
fn ands(texts: usize) -> Vec<usize> {
    let mut ands: Vec<_> = varied(texts, 20..120).into_iter().map(|ands| ands as usize).collect();
    ands.sort_unstable();
    ands
}

/// The texts: `Text 0 and and …`, and so on.
fn texts(ands: &[usize]) -> Vec<String> {
    ands.iter().enumerate().map(|(number, ands)| format!("Text {number}:{} TEXT!", " and".repeat(*ands))).collect()
}

fn counted(texts: Vec<String>) -> Attempt<BTreeMap<String, Count>> {
    attempt_to_meet(texts.len(), move || count_words(texts).expect("`count_words` returned an error"))
}

fn times(counts: &BTreeMap<String, Count>) -> Vec<(&str, usize)> {
    counts.iter().map(|(word, count)| (word.as_str(), count.times)).collect()
}

#[test]
fn every_word_of_every_text_is_counted() {
    isolated(|| {
        let ands = ands(3);
        let counts = counted(texts(&ands)).value;
        assert_eq!(
            times(&counts),
            [("0", 1), ("1", 1), ("2", 1), ("and", ands.iter().sum()), ("text", 2 * ands.len())],
            "the counts, and those that were expected. Hint: are words missing? The closing message of one producer \
             does not speak for the others, and an empty queue may soon have words again"
        );
    });
}

#[test]
fn each_text_has_a_producer_and_all_of_them_work_at_the_same_time() {
    isolated(|| {
        for count in [2, 4] {
            let texts = texts(&ands(count));
            let counted = counted(texts.clone());
            let readers = counted.callers();
            assert!(
                !readers.contains(&process::id()),
                "this very process has read a text: expected a producer for each. Hint: give each text to a `Process`, \
                 together with the queue"
            );
            counted.assert_each_once(&texts);
            assert_eq!(
                readers.len(),
                count,
                "the {count} texts were read by {} processes: expected one for each text",
                readers.len()
            );
            assert_eq!(
                counted.max_at_a_time, count,
                "at most {} of {count} producers worked at the same time: expected all. Hint: start all of them before \
                 you wait for one",
                counted.max_at_a_time
            );
            for (number, text) in texts.iter().enumerate() {
                let reader = BTreeSet::from_iter(counted.caller_of(text));
                let finders = counted.value.get(&number.to_string()).map(|count| count.finders.clone());
                assert_eq!(
                    finders.unwrap_or_default(),
                    reader,
                    "the processes that are said to have found the word `{number}`, and the one that has read it. \
                     Hint: keep the pid that comes with each word"
                );
            }
        }
    });
}

#[test]
fn no_texts_have_no_words() {
    isolated(|| {
        let counts = counted(Vec::new()).value;
        assert!(
            times(&counts).is_empty(),
            "without texts these words were counted: {counts:?}. Expected none, and nothing to wait for"
        );
    });
}
