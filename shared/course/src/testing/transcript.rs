//! Transcripts: what every example printed in a real run, kept beside the lesson and compared with
//! a new run.
//!
//! A transcript is the output as it was, with its pids and times: it is there to be read. What
//! varies from run to run is taken out of both sides before they are compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::{Captures, Regex, RegexBuilder};
use snapbox::assert::Action;
use snapbox::{Assert, Data};

use crate::testing::longer::{self, Longer, TIME};
use crate::testing::{Program, assert_success};

/// A variable of snapbox: set to `overwrite`, it makes the transcripts anew.
const VARIABLE: &str = "SNAPSHOTS";

/// Process ids, as far as their length tells.
const PID: &str = r"\b\d{3,7}\b";

/// What may differ between two runs of an example, and which times are longer than which in each of
/// them. Times always may differ, and the number of blanks that fill up a column.
#[derive(Debug, Default)]
pub struct Varies {
    order: bool,
    count: Vec<&'static str>,
    redactions: Vec<(&'static str, &'static str)>,
    longer: Vec<Longer>,
}

/// Returns the rules for an example in which nothing varies but times.
pub fn nothing() -> Varies {
    Varies::default()
}

impl Varies {
    /// Lets the order of the lines vary. What order there is has to be asserted apart.
    pub fn order(self) -> Self {
        Self { order: true, ..self }
    }

    /// Lets process ids vary: numbers of three to seven digits.
    pub fn pids(self) -> Self {
        self.text("[PID]", PID)
    }

    /// Replaces what the regular expression `pattern` matches, or its first group if it has one, by
    /// `placeholder`.
    pub fn text(mut self, placeholder: &'static str, pattern: &'static str) -> Self {
        self.redactions.push((placeholder, pattern));
        self
    }

    /// Lets lines that `pattern` matches come any number of times, also none.
    pub fn lines(mut self, pattern: &'static str) -> Self {
        self.count.push(pattern);
        self
    }

    /// Asserts that the first time behind the regular expression `long` is at least `times` times
    /// as long as the one behind `short`: in the transcript, to which the book's text belongs. A
    /// new run may be of a build without optimisation, on a machine that is busy: there it has to
    /// be the longer one in one of ten runs, if `times` is 2 or more.
    pub fn longer(mut self, times: f64, long: &'static str, short: &'static str) -> Self {
        self.longer.push(Longer { times, long, short });
        self
    }

    /// Returns the text without what varies.
    fn redact(&self, text: &str) -> String {
        let skipped: Vec<_> = self.count.iter().map(|pattern| regex(pattern)).collect();
        let blanks = regex("[ \t]+");
        let rules = self.redactions.iter().copied().chain([("[TIME]", TIME)]);
        let rules: Vec<_> = rules.map(|(placeholder, pattern)| (placeholder, regex(pattern))).collect();
        let mut redacted = String::new();
        for line in text.lines().filter(|line| !skipped.iter().any(|pattern| pattern.is_match(line))) {
            let plain = blanks.replace_all(line, " ").into_owned();
            let line = rules.iter().fold(plain, |line, (placeholder, pattern)| replace(&line, pattern, placeholder));
            redacted.push_str(line.trim());
            redacted.push('\n');
        }
        redacted
    }
}

/// Returns the regular expression, whose `^` and `$` are the ends of lines.
pub(super) fn regex(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).multi_line(true).build().unwrap()
}

fn replace(line: &str, pattern: &Regex, placeholder: &str) -> String {
    let put = |found: &Captures<'_>| {
        let (whole, part) = (found.get_match(), found.get(1));
        // A match without a group, or with one that took no part, is replaced as a whole.
        let part = part.filter(|_| pattern.captures_len() == 2).unwrap_or(whole);
        let text = whole.as_str();
        let (start, end) = (part.start() - whole.start(), part.end() - whole.start());
        format!("{}{placeholder}{}", &text[..start], &text[end..])
    };
    pattern.replace_all(line, put).into_owned()
}

impl Program {
    /// Asserts that every example, run alone, prints what its transcript shows, but for what
    /// varies, and that every transcript belongs to an example. `folder` is the lesson's:
    /// `env!("CARGO_MANIFEST_DIR")`.
    ///
    /// With the variable `SNAPSHOTS` set to `overwrite`, transcripts that do not hold any more are
    /// replaced.
    #[track_caller]
    pub fn assert_prints_its_transcripts(&self, folder: &str, varies: impl Fn(&str) -> Varies) {
        let folder = Path::new(folder).join("transcripts");
        let overwrite = Action::with_env_var(VARIABLE) == Some(Action::Overwrite);
        if overwrite {
            fs::create_dir_all(&folder).unwrap();
        }
        let mut wrong = Vec::new();
        let examples = self.examples();
        for example in &examples {
            let file = folder.join(format!("{example}.txt"));
            let varies = varies(example);
            let run = || {
                let output = self.run(&[example]);
                assert_success(&output);
                String::from_utf8(output.stdout).unwrap()
            };
            let fresh = run();
            let kept = fs::read_to_string(&file).unwrap_or_default();
            match compare(&kept, &fresh, &varies) {
                Ok(()) => {}
                Err(_) if overwrite => fs::write(&file, &fresh).unwrap(),
                Err(difference) => {
                    wrong.push(format!("{example}:\n{difference}"));
                    continue;
                }
            }
            let kept = fs::read_to_string(&file).unwrap();
            let wrong_times = longer::check(&varies.longer, &kept, fresh, run);
            wrong.extend(wrong_times.into_iter().map(|why| format!("{example}: {why}")));
        }
        assert!(
            wrong.is_empty(),
            "{}\nIf the new output is as it should be, make the transcripts anew with {VARIABLE}=overwrite",
            wrong.join("\n")
        );
        let kept: BTreeSet<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let examples: BTreeSet<_> = examples.iter().map(|example| format!("{example}.txt").into()).collect();
        assert_eq!(kept, examples, "the transcripts and the examples");
    }
}

/// Compares two outputs. The error is a description of the difference.
fn compare(kept: &str, fresh: &str, varies: &Varies) -> Result<(), String> {
    let expected = Data::text(varies.redact(kept)).raw();
    let expected = if varies.order { expected.unordered() } else { expected };
    let fresh = Data::text(varies.redact(fresh));
    let assert = Assert::new().action(Action::Verify);
    assert.try_eq(None, fresh, expected).map_err(|difference| difference.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "I am 4711\nworker 4712 took 1.25 s\nworker 4713 took   80 ms\n♥\nin all: 14\n";

    fn holds(fresh: &str, varies: &Varies) -> bool {
        compare(RUN, fresh, varies).is_ok()
    }

    #[test]
    fn the_same_output_is_the_same() {
        assert!(holds(RUN, &nothing()));
        assert!(!holds("", &nothing()));
    }

    #[test]
    fn times_and_columns_always_vary() {
        assert!(holds(&RUN.replace("1.25 s", "   917.4 ms"), &nothing()));
    }

    #[test]
    fn pids_vary_when_they_may() {
        let fresh = RUN.replace("47", "123");
        assert!(!holds(&fresh, &nothing()));
        assert!(holds(&fresh, &nothing().pids()));
        assert!(!holds(&RUN.replace("14", "15"), &nothing().pids()), "14 is no pid");
    }

    #[test]
    fn lines_change_places_when_they_may() {
        let fresh = "in all: 14\nI am 4711\nworker 4713 took 80 ms\n♥\nworker 4712 took 1.25 s\n";
        assert!(!holds(fresh, &nothing()));
        assert!(holds(fresh, &nothing().order()));
        assert!(!holds(&fresh.replace("♥\n", ""), &nothing().order()));
    }

    #[test]
    fn lines_come_as_often_as_they_like_when_they_may() {
        let fresh = RUN.replace("♥\n", "♥\n♥\n♥\n");
        assert!(!holds(&fresh, &nothing()));
        assert!(holds(&fresh, &nothing().lines("♥")));
        assert!(holds(&RUN.replace("♥\n", ""), &nothing().lines("^♥$")));
    }

    #[test]
    fn of_a_pattern_with_a_group_only_the_group_varies() {
        let varies = nothing().text("[SUM]", r"in all: (\d+)");
        assert!(holds(&RUN.replace("14", "15"), &varies));
        assert!(!holds(&RUN.replace("in all: 14", "at all: 14"), &varies));
    }
}
