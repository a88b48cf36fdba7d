//! Wrong: collects all results before it says how far it is.
//!
//! Fails with: were inspected before the first word about progress

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use multiproc::{Error, Executor, Pool, Result};

use super::given::{Counts, inspect};

/// Returns what the report says about a file.
fn describe(outcome: &Result<Counts>) -> String {
    match outcome {
        Ok(Counts { lines, words }) => format!("{lines} lines, {words} words"),
        Err(Error::WorkerLost { .. }) => "crashed".to_string(),
        Err(Error::TimedOut { .. }) => "over the limit".to_string(),
        Err(error) => format!("failed: {}", error.to_string().replace('\n', " ")),
    }
}

pub fn report(
    folder: &Path,
    processes: usize,
    limit: Duration,
    out: &mut impl Write,
    progress: &mut impl Write,
) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();

    let pool = Pool::builder().processes(processes).task_timeout(limit).build()?;
    let mut lines = vec![String::new(); files.len()];
    let (mut done, mut without) = (0, 0);
    for (place, outcome) in pool.imap_unordered(inspect, files.clone()).indexed().collect::<Vec<_>>() {
        lines[place] = describe(&outcome);
        done += 1;
        without += usize::from(outcome.is_err());
        writeln!(progress, "{done} of {}", files.len())?;
    }

    for (file, line) in files.iter().zip(lines) {
        writeln!(out, "{}: {line}", file.file_name().unwrap_or_default().display())?;
    }
    writeln!(out, "{} files, {without} without counts", files.len())?;
    Ok(())
}
