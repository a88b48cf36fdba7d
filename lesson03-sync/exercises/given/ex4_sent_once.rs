//! Exercise 4, what is given: a dictionary, and a task that looks words up in it.

use std::collections::BTreeSet;
use std::process;

use course::testing::exercise::witness;
use multiproc::Value;
use serde::{Deserialize, Serialize};

/// The words that are spelled right: many.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Letter")]
pub struct Dictionary {
    /// The words.
    pub words: BTreeSet<String>,
    /// The number of times that a dictionary has arrived in a process, from all of them together.
    /// The tests look at it.
    pub arrivals: Value<u64>,
}

/// A dictionary on its way.
#[derive(Deserialize)]
struct Letter {
    words: BTreeSet<String>,
    arrivals: Value<u64>,
}

impl From<Letter> for Dictionary {
    fn from(Letter { words, arrivals }: Letter) -> Self {
        arrivals.update(|arrivals| *arrivals += 1).expect("no process died while it changed the value");
        Self { words, arrivals }
    }
}

/// A text that was checked, with the process that did it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The words of the text that the dictionary does not have, in the order of the text.
    pub unknown: Vec<String>,
    /// The pid of the process.
    pub pid: u32,
}

/// Checks the spelling of one text.
pub fn check(dictionary: &Dictionary, text: String) -> Checked {
    // The tests see by this which process runs it, and when.
    let _call = witness(&text);
    let words = text.split_whitespace().filter(|word| !dictionary.words.contains(*word));
    Checked { unknown: words.map(str::to_string).collect(), pid: process::id() }
}
