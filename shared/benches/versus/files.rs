//! What the table says, as files in the target directory: as JSON, as the book has it, and as
//! pictures.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use serde_json::{Map, Value, json};

use crate::case::{Goal, LIMIT, OURS};
use crate::measure::{Effort, Row};
use crate::{growth, markdown, picture};

/// Writes the files and says where they are, unless the run was too short to mean anything; fails
/// when one of our own rows did not run.
pub(crate) fn finish(rows: &[Row<'_>], peers: &str, effort: Effort) -> ExitCode {
    if effort != Effort::Check {
        let folder = target();
        if let Err(error) = write(&folder, rows, peers) {
            eprintln!("cannot write to {}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
        println!("\nwritten to {}: versus.json, versus.txt, versus.svg, versus-growth.svg", folder.display());
    }
    match rows.iter().all(|row| row.times(OURS).is_some()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The target directory, whichever that is: cargo names a folder inside it at build time.
fn target() -> PathBuf {
    let inside = Path::new(env!("CARGO_TARGET_TMPDIR"));
    inside.parent().unwrap_or(inside).to_path_buf()
}

fn write(folder: &Path, rows: &[Row<'_>], peers: &str) -> io::Result<()> {
    let json: Vec<Value> = rows.iter().map(row_json).collect();
    fs::write(folder.join("versus.json"), serde_json::to_string_pretty(&json)? + "\n")?;
    fs::write(folder.join("versus.txt"), markdown::write(rows, peers))?;
    svg::save(folder.join("versus.svg"), &picture::draw(rows))?;
    svg::save(folder.join("versus-growth.svg"), &growth::draw(rows))
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
            Goal::AtMost(max) => json!({ "at_most": max, "reached": row.reaches(goal) }),
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
