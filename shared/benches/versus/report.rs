//! The table on standard output, and the same as JSON and as a picture in the target directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use serde_json::{Map, Value, json};

use crate::case::{Goal, LIMIT, OURS};
use crate::measure::{Effort, Row, Run, processors};
use crate::picture;

/// Prints what was compared and the table's head.
pub(crate) fn header(run: &Run) {
    let python = run.python().unwrap_or_else(|reason| format!("missing: {reason}"));
    println!("{} processors, {}; CPython {python}", processors(), std::env::consts::ARCH);
    println!("ratio: the side's number divided by ours; all numbers are times or memory, so less is better\n");
    println!("{:<18}{:<14}{:<17}{:>9}  {:<19}{:>8}  goal", "case", "unit", "side", "median", "min–max", "ratio");
}

/// Prints a row, one line a side.
pub(crate) fn print(row: &Row<'_>) {
    for (index, (name, outcome)) in row.sides.iter().enumerate() {
        let (id, unit) = if index == 0 { (row.case.id, row.case.unit.name) } else { ("", "") };
        let start = format!("{id:<18}{unit:<14}{name:<17}");
        match outcome {
            Err(reason) => println!("{start}{:>9}  {reason}", "missing"),
            Ok(times) => {
                let spread = format!("{}–{}", short(times.min), short(times.max));
                let ratio = match row.ratio(name) {
                    Some(ratio) if *name != OURS => format!("{} ×", short(ratio)),
                    _ => String::new(),
                };
                let line = format!("{start}{:>9}  {spread:<19}{ratio:>8}  {}", short(times.median), verdict(row, name));
                println!("{}", line.trim_end());
            }
        }
    }
}

/// Writes the JSON file and says where it is, unless the run was too short to mean anything; fails when one of our
/// own rows did not run.
pub(crate) fn finish(rows: &[Row<'_>], effort: Effort) -> ExitCode {
    if effort != Effort::Check {
        let (json, picture) = (beside("versus.json"), beside("versus.svg"));
        if let Err(error) = write(&json, rows).and_then(|()| svg::save(&picture, &picture::draw(rows))) {
            eprintln!("cannot write {} or {}: {error}", json.display(), picture.display());
            return ExitCode::FAILURE;
        }
        println!("\nwritten to {} and {}", json.display(), picture.display());
    }
    match rows.iter().all(|row| row.times(OURS).is_some()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What is said beside a side: of the goal against it, or of ours alone beside ours.
fn verdict(row: &Row<'_>, name: &str) -> String {
    let of_side = |goal: &&Goal| match goal {
        Goal::Times { side, .. } => *side == name,
        Goal::AtMost(_) => name == OURS,
    };
    let Some(goal) = row.case.goals.iter().find(of_side) else { return String::new() };
    let bound = match goal {
        Goal::Times { times, .. } => format!("≥ {} ×", short(*times)),
        Goal::AtMost(most) => format!("≤ {}", short(*most)),
    };
    match row.reaches(goal) {
        Some(true) => format!("{bound} reached"),
        Some(false) => format!("{bound} missed"),
        None => String::new(),
    }
}

/// Three significant digits, and no more than the whole number has when it is long.
pub(crate) fn short(number: f64) -> String {
    let digits = if number > 0.0 { number.log10().floor() as i32 } else { 0 };
    format!("{number:.*}", (2 - digits).clamp(0, 4) as usize)
}

/// A file in the target directory, whichever that is: cargo names a folder inside it at build time.
fn beside(name: &str) -> PathBuf {
    let inside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    inside.parent().unwrap_or(inside).join(name)
}

fn write(path: &Path, rows: &[Row<'_>]) -> io::Result<()> {
    let rows: Vec<Value> = rows.iter().map(row_json).collect();
    fs::write(path, serde_json::to_string_pretty(&rows)? + "\n")
}

fn row_json(row: &Row<'_>) -> Value {
    let mut peers = Map::new();
    let mut spread = Map::new();
    let mut points = Map::new();
    let mut missing = Map::new();
    for (name, outcome) in &row.sides {
        match outcome {
            Ok(times) => {
                spread.insert((*name).to_owned(), json!([times.min, times.max]));
                if row.case.is_point(name) {
                    points.insert((*name).to_owned(), json!(times.median));
                } else if *name != OURS && *name != LIMIT {
                    peers.insert((*name).to_owned(), json!(times.median));
                }
            }
            Err(reason) => drop(missing.insert((*name).to_owned(), json!(reason))),
        }
    }
    let goals: Vec<Value> = row
        .case
        .goals
        .iter()
        .map(|goal| match goal {
            Goal::Times { side, times } => json!({ "side": side, "times": times, "reached": row.reaches(goal) }),
            Goal::AtMost(most) => json!({ "at_most": most, "reached": row.reaches(goal) }),
        })
        .collect();
    json!({
        "case": row.case.id,
        "what": row.case.what,
        "unit": row.case.unit.name,
        "ours": row.times(OURS).map(|times| times.median),
        "peers": peers,
        "limit": row.times(LIMIT).map(|times| times.median),
        "points": points,
        "spread": spread,
        "goals": goals,
        "missing": missing,
    })
}
