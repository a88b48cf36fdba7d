//! What the table says, as JSON and as a picture in the target directory.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use serde_json::{Map, Value, json};

use crate::case::{Goal, LIMIT, OURS};
use crate::measure::{Effort, Row};
use crate::picture;

/// Writes both files and says where they are, unless the run was too short to mean anything; fails when one of our
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
