//! Times that are longer than others: what the book's text says of an example's output holds in its
//! transcript, and in a new run.

use crate::testing::transcript::regex;

/// A number and a unit of time.
pub(super) const TIME: &str = r"\b\d+(\.\d+)? ?(ns|µs|ms|s)\b";

/// How often an example is run until its times are as they should be: on a machine that is busy,
/// one run tells little.
const TRIES: u32 = 10;

/// Ratios below this are checked in the transcript alone: some of them turn round where another
/// program has one of two CPUs.
const CLEAR: f64 = 2.0;

/// That a time is longer than another.
#[derive(Debug)]
pub(super) struct Longer {
    /// How many times as long it is in the transcript, at least.
    pub(super) times: f64,
    /// Patterns for what is before the two times.
    pub(super) long: &'static str,
    pub(super) short: &'static str,
}

impl Longer {
    /// Returns how many times as long the one is in `text`.
    #[track_caller]
    fn ratio(&self, text: &str) -> f64 {
        time_behind(text, self.long) / time_behind(text, self.short)
    }

    /// Returns what is wrong with `text` if the ratio is less than expected.
    #[track_caller]
    fn check(&self, text: &str, expected: f64) -> Result<(), String> {
        let (ratio, Self { long, short, .. }) = (self.ratio(text), self);
        let wrong = || format!("`{long}` takes {ratio:.2} times as long as `{short}`, not {expected}");
        (ratio >= expected).then_some(()).ok_or_else(wrong)
    }
}

/// Returns what is wrong: with the transcript, `kept`, in which the times have their ratio, and
/// with `fresh` and further runs, in one of which each that is to be clearly longer is longer.
#[track_caller]
pub(super) fn check(all: &[Longer], kept: &str, mut fresh: String, run: impl Fn() -> String) -> Vec<String> {
    let in_transcript = all.iter().filter_map(|longer| longer.check(kept, longer.times).err());
    let mut wrong: Vec<_> = in_transcript.map(|why| format!("in its transcript, {why}")).collect();
    let mut left: Vec<_> = all.iter().filter(|longer| longer.times >= CLEAR && longer.ratio(&fresh) < 1.0).collect();
    for _ in 1..TRIES {
        if left.is_empty() {
            break;
        }
        fresh = run();
        left.retain(|longer| longer.ratio(&fresh) < 1.0);
    }
    let in_runs = left.into_iter().filter_map(|longer| longer.check(&fresh, 1.0).err());
    wrong.extend(in_runs.map(|why| format!("in the last of {TRIES} runs, {why}")));
    wrong
}

/// Returns the first time behind what `pattern` matches, in nanoseconds.
#[track_caller]
fn time_behind(text: &str, pattern: &str) -> f64 {
    let place = regex(pattern).find(text).unwrap_or_else(|| panic!("no `{pattern}` in\n{text}"));
    let time = regex(TIME).captures(&text[place.end()..]).unwrap_or_else(|| panic!("no time behind `{pattern}`"));
    let unit = time.get(2).expect("a part of every match").as_str();
    let number: f64 = time[0].trim_end_matches(unit).trim_end().parse().expect("digits, and a point between them");
    number
        * match unit {
            "ns" => 1.0,
            "µs" => 1e3,
            "ms" => 1e6,
            _ => 1e9,
        }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const RUN: &str = "worker 4712 took 1.25 s\nworker 4713 took   80 ms\n";
    const LONGER: [Longer; 1] = [Longer { times: 15.0, long: "4712 took", short: "4713 took" }];

    #[test]
    fn a_transcript_in_which_the_ratio_is_less_is_wrong() {
        let check = |kept: &str| check(&LONGER, kept, RUN.to_string(), || unreachable!("the first run was right"));
        assert_eq!(check(RUN), [""; 0]);
        let wrong = "in its transcript, `4712 took` takes 14.99 times as long as `4713 took`, not 15";
        assert_eq!(check(&RUN.replace("1.25 s", "1199 ms")), [wrong]);
    }

    #[test]
    fn of_new_runs_one_has_to_be_right() {
        let (runs, inverted) = (Cell::new(1), RUN.replace("1.25 s", "40000.0 µs"));
        let run_until = |right| {
            runs.set(1);
            check(&LONGER, RUN, inverted.clone(), || {
                runs.set(runs.get() + 1);
                if runs.get() == right { RUN.replace("1.25 s", "81 ms") } else { inverted.clone() }
            })
        };
        assert_eq!((run_until(TRIES), runs.get()), (vec![], TRIES));
        let wrong = "in the last of 10 runs, `4712 took` takes 0.50 times as long as `4713 took`, not 1";
        assert_eq!((run_until(0), runs.get()), (vec![wrong.to_string()], TRIES));
        let slightly = [Longer { times: 1.9, ..LONGER[0] }];
        assert_eq!(check(&slightly, RUN, inverted.clone(), || unreachable!("one run is enough")), [""; 0]);
    }
}
