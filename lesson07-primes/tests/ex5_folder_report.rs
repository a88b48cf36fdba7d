//! The tests of exercise 5: a report about a folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use course::testing::exercise::{Attempt, attempt_to_meet, isolated, varied};
use multiproc::{Error, Result};
use tempfile::TempDir;

// Only a stub describes its functions.
#[allow(missing_docs)]
#[cfg_attr(feature = "solutions", path = "../solutions/ex5_folder_report.rs")]
#[cfg_attr(not(feature = "solutions"), path = "../exercises/ex5_folder_report.rs")]
pub mod exercise;
// A stub uses little of it.
#[allow(dead_code)]
#[path = "../exercises/given/ex5_folder_report.rs"]
pub mod given;

use exercise::report;

/// The limit where a file takes for ever. The others are far below it, on a busy machine too.
const LIMIT: Duration = Duration::from_millis(1500);

/// The limit where no file takes for ever.
const NO_LIMIT: Duration = Duration::from_secs(60);

/// Where progress is written: it creates a file with the first word, and keeps all.
struct Progress {
    text: Vec<u8>,
    begun: PathBuf,
}

impl Write for Progress {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        File::create(&self.begun)?;
        self.text.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was written to `out` and to `progress`.
type Written = (Vec<String>, Vec<String>);

/// A folder for the files, and another for the one that the first word about progress creates.
struct Place {
    folder: TempDir,
    other: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), other: TempDir::new().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Adds files with as many words as said. Returns the lines that the report has for them.
    fn add_texts(&self, count: usize) -> Vec<String> {
        let texts = varied(count, 1..200);
        let mut lines: Vec<_> = texts
            .iter()
            .map(|words| {
                let name = format!("text {words:03}");
                self.add(&name, "word\n".repeat(*words as usize));
                format!("{name}: {words} lines, {words} words")
            })
            .collect();
        lines.sort_unstable();
        lines
    }

    /// The file that is there from the first word about progress on.
    fn begun(&self) -> PathBuf {
        self.other.path().join("begun")
    }

    /// Has the report written. The first calls wait until `crowd` processes have one.
    fn report(&self, processes: usize, limit: Duration, crowd: usize) -> Attempt<Written> {
        let (folder, begun) = (self.folder.path().to_path_buf(), self.begun());
        attempt_to_meet(crowd, move || write(&folder, processes, limit, begun).expect("`report` returned an error"))
    }
}

fn write(folder: &Path, processes: usize, limit: Duration, begun: PathBuf) -> Result<Written> {
    let (mut out, mut progress) = (Vec::new(), Progress { text: Vec::new(), begun });
    report(folder, processes, limit, &mut out, &mut progress)?;
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_string).collect();
    Ok((lines(&out), lines(&progress.text)))
}

/// Returns what progress says about so many files.
fn all_of(files: usize) -> Vec<String> {
    (1..=files).map(|done| format!("{done} of {files}")).collect()
}

#[test]
fn every_file_has_its_line_and_the_last_line_is_for_all() {
    isolated(|| {
        let place = Place::new();
        let count = varied(1, 8..20)[0] as usize;
        let mut expected = place.add_texts(count);
        expected.push(format!("{count} files, 0 without counts"));
        fs::create_dir(place.path("a folder")).unwrap();
        place.add("a folder/inside", "not one of them");
        let (out, progress) = place.report(2, NO_LIMIT, 2).value;
        assert_eq!(out, expected, "the lines of the report, and those that were expected");
        assert_eq!(progress, all_of(count), "the lines of progress, and those that were expected");
    });
}

#[test]
fn all_workers_inspect_at_the_same_time() {
    isolated(|| {
        for processes in varied(2, 2..5).into_iter().map(|n| n as usize) {
            let place = Place::new();
            place.add_texts(12);
            let seen = place.report(processes, NO_LIMIT, processes);
            seen.assert_in_parallel(processes);
            seen.assert_each_once(fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap().path()));
        }
    });
}

#[test]
fn a_crash_an_endless_file_and_a_panic_cost_a_line_each() {
    isolated(|| {
        let place = Place::new();
        let count = varied(1, 8..16)[0] as usize;
        let mut expected = place.add_texts(count);
        place.add("a crash", "CRASH at once");
        place.add("b hang", "HANG for ever");
        place.add("c no text", [0xff, 0xfe, 0xff]);
        expected.splice(0..0, ["a crash: crashed".to_string(), "b hang: over the limit".to_string()]);
        let seen = place.report(2, LIMIT, 0);
        seen.assert_in_workers();
        let (mut out, progress) = seen.value;
        let files = count + 3;
        assert_eq!(
            out.len(),
            files + 1,
            "the number of lines of the report, and what was expected: one for each file, also if it failed, and one \
             for all. It says {out:#?}"
        );
        let failed = out.remove(2);
        assert!(
            failed.starts_with("c no text: failed: ") && failed.contains("this is not text"),
            "the line of a file whose task panicked is `{failed}`: expected `c no text: failed: `, and why"
        );
        expected.push(format!("{files} files, 3 without counts"));
        assert_eq!(
            out, expected,
            "the lines of the report, and those that were expected: one that crashes or hangs costs no other its \
             counts. Hint: which errors has the pool for a worker that was lost, and for a task over its limit?"
        );
        assert_eq!(progress, all_of(files), "the lines of progress, and those that were expected: a failure counts");
    });
}

#[test]
fn progress_is_written_while_files_are_inspected() {
    isolated(|| {
        let place = Place::new();
        for name in ["a", "b"] {
            place.add(name, format!("AFTER {}", place.begun().display()));
        }
        let texts = place.add_texts(3);
        let (out, progress) = place.report(3, NO_LIMIT, 0).value;
        let late = out.iter().filter(|line| line.contains("failed")).count();
        assert_eq!(
            late, 0,
            "{late} files were inspected before the first word about progress, and waited for it: expected it as soon \
             as any file is done with. Hint: a lazy map has results while others are on their way"
        );
        let mut expected = vec!["a: 1 lines, 2 words".to_string(), "b: 1 lines, 2 words".to_string()];
        expected.extend(texts);
        expected.push("5 files, 0 without counts".to_string());
        assert_eq!(
            out, expected,
            "the lines of the report, and those that were expected, in the order of the names. Hint: which file is \
             done first says nothing about its place"
        );
        assert_eq!(progress, all_of(5), "the lines of progress, and those that were expected");
    });
}

#[test]
fn an_empty_folder_has_a_report_and_a_missing_one_an_error() {
    isolated(|| {
        let place = Place::new();
        let (out, progress) = place.report(2, NO_LIMIT, 0).value;
        assert_eq!(out, ["0 files, 0 without counts"], "the report about an empty folder, and what was expected");
        assert_eq!(progress, all_of(0), "the progress with an empty folder, and what was expected: nothing");
        let (missing, begun) = (place.path("missing"), place.begun());
        let outcome = attempt_to_meet(0, move || write(&missing, 2, NO_LIMIT, begun)).value;
        assert!(
            matches!(outcome, Err(Error::Io { .. })),
            "the outcome for a folder that is not there was {outcome:?}: expected the error of whoever reads it. Hint: \
             `?` passes it on"
        );
    });
}
