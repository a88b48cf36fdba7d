//! How a number of the table comes about: the median of several repetitions, taken in turns with
//! the other sides.

use std::collections::BTreeMap;
use std::thread::available_parallelism;
use std::time::Instant;

use crate::case::{Case, Goal, OURS, Repetition, Side};
use crate::run::Run;

/// How patient the run is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effort {
    /// One round of tiny work: does every row run?
    Check,
    /// Few rounds.
    Quick,
    /// Enough rounds for a median to be trusted.
    Full,
}

impl Effort {
    fn rounds(self, side: &Side) -> usize {
        match (self, side.slow) {
            (Effort::Check, false) => 1,
            (Effort::Check, true) => 0,
            (Effort::Quick, false) => 3,
            (Effort::Quick, true) => 1,
            (Effort::Full, false) => 11,
            (Effort::Full, true) => 3,
        }
    }
}

/// How many workers, threads or processes a side has on "all cores".
pub(crate) fn processors() -> usize {
    available_parallelism().map_or(1, |count| count.get())
}

/// Turns work over `items` items into a repetition; what the work returns is checked after the
/// clock has stopped.
pub(crate) fn timed<T>(
    items: u64,
    mut work: impl FnMut() -> Result<T, String> + 'static,
    check: impl Fn(T) -> Result<(), String> + 'static,
) -> Repetition {
    Box::new(move || {
        let start = Instant::now();
        let outcome = work()?;
        let taken = start.elapsed();
        check(outcome)?;
        Ok(taken.as_secs_f64() / items as f64)
    })
}

/// A side's times, in the row's unit.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// The middle one.
    pub(crate) median: f64,
    /// The shortest.
    pub(crate) min: f64,
    /// The longest.
    pub(crate) max: f64,
}

impl Times {
    fn of(mut samples: Vec<f64>) -> Option<Self> {
        samples.sort_by(f64::total_cmp);
        let (min, max) = (*samples.first()?, *samples.last()?);
        let upper = samples[samples.len() / 2];
        let lower = samples[(samples.len() - 1) / 2];
        Some(Self { median: lower.midpoint(upper), min, max })
    }
}

/// A measured row: a side either has times or a reason for having none.
pub(crate) struct Row<'a> {
    /// What was measured.
    pub(crate) case: &'a Case,
    /// One entry a side, in the order of the case.
    pub(crate) sides: Vec<(&'static str, Result<Times, String>)>,
}

impl Row<'_> {
    /// The times of a side that was measured.
    pub(crate) fn times(&self, name: &str) -> Option<Times> {
        let (_, outcome) = self.sides.iter().find(|(side, _)| *side == name)?;
        outcome.as_ref().ok().copied()
    }

    /// How many times as long as ours the side took.
    pub(crate) fn ratio(&self, name: &str) -> Option<f64> {
        Some(self.times(name)?.median / self.times(OURS)?.median)
    }

    /// Whether ours reaches a goal, if that was measured.
    pub(crate) fn reaches(&self, goal: &Goal) -> Option<bool> {
        match goal {
            Goal::Times { side, times } => Some(self.ratio(side)? >= *times),
            Goal::AtMost(max) => Some(self.times(OURS)?.median <= *max),
        }
    }
}

/// Measures a row: every side is made ready and warmed up, then the sides take turns.
pub(crate) fn measure<'a>(case: &'a Case, run: &Run) -> Row<'a> {
    let mut ready = BTreeMap::new();
    let mut failed = BTreeMap::new();
    for side in &case.sides {
        match (side.setup)(run).and_then(|work| warmed(side, work)) {
            Ok(work) => drop(ready.insert(side.name, (work, Vec::new()))),
            Err(reason) => drop(failed.insert(side.name, reason)),
        }
    }
    let effort = run.effort();
    let rounds = case.sides.iter().map(|side| effort.rounds(side)).max().unwrap_or(0);
    for round in 0..rounds {
        for side in case.sides.iter().filter(|side| round < effort.rounds(side)) {
            let Some((work, samples)) = ready.get_mut(side.name) else {
                continue;
            };
            match work() {
                Ok(seconds) => samples.push(seconds * case.unit.per_second),
                Err(reason) => {
                    ready.remove(side.name);
                    failed.insert(side.name, reason);
                }
            }
        }
    }
    let mut outcome = |name| match (failed.remove(name), ready.remove(name)) {
        (None, Some((_, samples))) => Times::of(samples).ok_or_else(|| "not in this short run".to_owned()),
        (reason, _) => Err(reason.unwrap_or_default()),
    };
    Row { case, sides: case.sides.iter().map(|side| (side.name, outcome(side.name))).collect() }
}

/// Runs a side once before the first measured round, so that its code, its pages and its workers
/// are there.
fn warmed(side: &Side, mut work: Repetition) -> Result<Repetition, String> {
    if !side.slow {
        work()?;
    }
    Ok(work)
}
