//! `cargo exercises`: runs the tests of all exercises, and counts how many are solved. Arguments
//! are passed on to `cargo build`.
//!
//! An exercise that does not compile is one that is not solved, and does not keep the others from
//! running.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

/// An exercise, which the name of its test names.
struct Exercise {
    lesson: String,
    name: String,
}

/// What became of an exercise.
#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Solved,
    Open,
    DoesNotCompile,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the exercises cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds and runs all exercises. Returns whether all of them are solved.
fn run() -> io::Result<bool> {
    // As `cargo run` sets it: the program may have been built for another copy of the course.
    let course = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("run `cargo exercises`"))?;
    let root = Path::new(&course).join("../..").canonicalize()?;
    let exercises = exercises(&root)?;
    let programs = build(&root)?;
    let mut outcomes = Vec::new();
    for Exercise { lesson, name } in &exercises {
        println!("     Running tests/{name}.rs ({lesson})");
        outcomes.push(match programs.get(name) {
            None => Outcome::DoesNotCompile,
            Some(program) if Command::new(program).current_dir(root.join(lesson)).status()?.success() => {
                Outcome::Solved
            }
            Some(_) => Outcome::Open,
        });
    }
    report(&exercises, &outcomes);
    Ok(outcomes.iter().all(|outcome| *outcome == Outcome::Solved))
}

/// Returns the exercises of all lessons, in order.
fn exercises(root: &Path) -> io::Result<Vec<Exercise>> {
    let mut found = Vec::new();
    for lesson in names(root)?.into_iter().filter(|name| name.starts_with("lesson")) {
        for file in names(&root.join(&lesson).join("tests"))? {
            if let Some(name) = file.strip_suffix(".rs").filter(|name| name.starts_with("ex")) {
                found.push(Exercise { lesson: lesson.clone(), name: name.to_owned() });
            }
        }
    }
    Ok(found)
}

/// Returns the names in a folder, sorted.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = fs::read_dir(folder)?.map(name).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable();
    Ok(names)
}

/// Builds the tests. Returns the program of each exercise that compiles.
fn build(root: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut building = Command::new(cargo)
        .args(["build", "--workspace", "--keep-going", "--message-format=json-render-diagnostics"])
        .args(["--test", "ex[0-9]*"])
        .args(env::args_os().skip(1))
        .current_dir(root)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut programs = BTreeMap::new();
    for line in BufReader::new(building.stdout.take().expect("it is piped")).lines() {
        // Cargo's messages are JSON; other lines come from elsewhere.
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        let is_test = message["target"]["kind"][0] == "test";
        if let (true, Some(name), Some(program)) =
            (is_test, message["target"]["name"].as_str(), message["executable"].as_str())
        {
            programs.insert(name.to_owned(), PathBuf::from(program));
        }
    }
    // Cargo has printed what does not compile.
    building.wait()?;
    Ok(programs)
}

/// Prints how many are solved, and which is next.
fn report(exercises: &[Exercise], outcomes: &[Outcome]) {
    let solved = outcomes.iter().filter(|outcome| **outcome == Outcome::Solved).count();
    println!();
    for (Exercise { lesson, name }, outcome) in exercises.iter().zip(outcomes) {
        if *outcome == Outcome::DoesNotCompile {
            println!("does not compile: {lesson}/exercises/{name}.rs");
        }
    }
    println!("solved {solved} of {}", exercises.len());
    let next = exercises.iter().zip(outcomes).find(|(_, outcome)| **outcome != Outcome::Solved);
    if let Some((Exercise { lesson, name }, _)) = next {
        println!("next: {lesson}/exercises/{name}.rs, checked by `cargo test -p {lesson} --test {name}`");
    }
}
