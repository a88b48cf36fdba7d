//! Support for the tests of lessons: runs a lesson's program as a reader would, and panics, which
//! fails the test, if the run does not end within a deadline or leaves a process behind.

pub mod exercise;
mod longer;
mod transcript;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use transcript::{Varies, nothing};

/// The longest time that a run may take. None takes so long on a slow machine, unless it hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// The longest time that the processes of a program may take to end after it.
const MOMENT: Duration = Duration::from_secs(10);

/// A variable in the environment of every process of a run, however far down, with a value of the
/// run's own.
const MARK: &str = "LESSON_TEST";

/// Declares the tests that every lesson has: `list` names its examples, a wrong name is refused and
/// the nearest one suggested, the whole lesson runs to its end, and every example prints its
/// transcript. No run leaves a process behind.
///
/// The arguments are the [`Program`](crate::testing::Program), a wrong name with the one to
/// suggest, and a function from an example's name to what [varies](crate::testing::Varies) between
/// two runs.
///
/// # Examples
///
/// ```ignore
/// const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson03-sync"));
///
/// course::lesson_tests!(LESSON, "either_exec" => "either_executor", varies);
/// ```
#[macro_export]
macro_rules! lesson_tests {
    ($program:expr, $wrong:literal => $meant:literal, $varies:path) => {
        #[test]
        fn list_names_every_example_with_what_to_watch_for() {
            $program.assert_lists_its_examples();
        }

        #[test]
        fn a_wrong_name_ends_with_status_2_and_a_suggestion() {
            $program.assert_refuses($wrong, $meant);
        }

        #[test]
        fn the_whole_lesson_runs_from_the_first_example_to_the_last() {
            $program.assert_runs_from_first_to_last();
        }

        #[test]
        fn every_example_prints_what_its_transcript_shows() {
            $program.assert_prints_its_transcripts(env!("CARGO_MANIFEST_DIR"), $varies);
        }
    };
}

/// A lesson's program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    path: &'static str,
}

impl Program {
    /// Returns the program at `path`: `env!("CARGO_BIN_EXE_…")`.
    pub const fn new(path: &'static str) -> Self {
        Self { path }
    }

    /// Returns the path of the program.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Returns the names of the examples, in order, as `list` prints them.
    #[track_caller]
    pub fn examples(&self) -> Vec<String> {
        let lines = self.lines(&["list"]);
        lines.iter().filter_map(|line| Some(line.split_whitespace().next()?.to_string())).collect()
    }

    /// Starts the program in a folder of its own, so that what it writes there is not left behind.
    pub fn start(&self, arguments: &[&str], stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(self.path)
            .args(arguments)
            .env(MARK, folder.path())
            // Backtraces cost the first panic a quarter of a second, and are in no transcript.
            .env_remove("RUST_BACKTRACE")
            .current_dir(folder.path())
            .stdin(stdin)
            .stdout(stdout)
            .stderr(File::create(folder.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        Run { child, folder }
    }

    /// Runs the program to its end, which is also the end of all its processes.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// Runs the program to its end, with `input` as its standard input; see [`run`](Program::run).
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let (stdin, stdout) = (folder.path().join("input"), folder.path().join("output"));
        fs::write(&stdin, input).unwrap();
        let run = self.start(arguments, File::open(stdin).unwrap(), File::create(&stdout).unwrap());
        let output = run.end();
        Output { stdout: fs::read(stdout).unwrap(), ..output }
    }

    /// Asserts that the program ends with success and prints no errors when its output goes to
    /// `stdout`.
    #[track_caller]
    pub fn assert_succeeds_into(&self, arguments: &[&str], stdout: impl Into<Stdio>) {
        assert_success(&self.start(arguments, Stdio::null(), stdout).end());
    }

    /// Returns what the program prints, line by line. Asserts that it ends with success, and prints
    /// something and no errors.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(arguments);
        assert_success(&output);
        let lines: Vec<_> = str::from_utf8(&output.stdout).unwrap().lines().map(str::to_string).collect();
        assert!(!lines.is_empty(), "{arguments:?} printed nothing");
        lines
    }

    /// Returns the picture that `--trace` draws of an example.
    #[track_caller]
    pub fn picture(&self, example: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/picture.svg");
        self.lines(&[example, "--trace", file.to_str().unwrap()]);
        fs::read_to_string(file).unwrap()
    }

    /// Asserts that `list` prints a line for each example, with some words about it.
    #[track_caller]
    pub fn assert_lists_its_examples(&self) {
        let lines = self.lines(&["list"]);
        assert!(lines.iter().all(|line| line.split_whitespace().count() > 3), "{lines:#?}");
    }

    /// Asserts that all examples run, in order, when none is named.
    #[track_caller]
    pub fn assert_runs_from_first_to_last(&self) {
        let lines = self.lines(&[]);
        let headings: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("── ")?.split(' ').next()).collect();
        assert_eq!(headings, self.examples());
    }

    /// Asserts that a name that no example has runs nothing, and that the program suggests `meant`.
    #[track_caller]
    pub fn assert_refuses(&self, name: &str, meant: &str) {
        let output = self.run(&[name]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let errors = str::from_utf8(&output.stderr).unwrap();
        assert!(errors.contains(&format!("did you mean `{meant}`")), "{errors}");
    }
}

/// A run of a lesson. Dropping one that has not ended kills it.
#[derive(Debug)]
pub struct Run {
    child: Child,
    folder: TempDir,
}

impl Run {
    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end of the run, which is also the end of all its processes. The output went
    /// where it was sent.
    #[track_caller]
    pub fn end(mut self) -> Output {
        let mut status = None;
        let ended = within(DEADLINE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "it did not end");
        let left = || marked(self.folder.path());
        assert!(within(MOMENT, || left().is_empty()), "{:?} are left running", left());
        let stderr = fs::read(self.folder.path().join("errors")).unwrap();
        Output { status: status.unwrap(), stdout: Vec::new(), stderr }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Asserts that a run ended with success and printed no errors. A worker that runs out of memory
/// may have printed that, which happens in Rust's runtime: the lesson about limits has such a
/// worker.
#[track_caller]
pub fn assert_success(output: &Output) {
    let errors = str::from_utf8(&output.stderr).unwrap();
    assert!(output.status.success(), "{}\n{errors}", output.status);
    let expected = |line: &str| line.starts_with("memory allocation of ") || line.starts_with("note: run with `RUST_");
    assert!(errors.lines().all(expected), "{errors}");
}

/// Returns the place of the one line that contains `text`.
#[track_caller]
pub fn place(lines: &[String], text: &str) -> usize {
    let places: Vec<_> = (0..lines.len()).filter(|place| lines[*place].contains(text)).collect();
    assert_eq!(places.len(), 1, "{text:?} in {lines:#?}");
    places[0]
}

/// Returns the whole numbers of a line.
pub fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// Waits until `done` returns `true`, for at most `timeout`. Returns `false` if it never did.
fn within(timeout: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > timeout {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Returns the processes that carry the mark.
fn marked(mark: &Path) -> Vec<String> {
    let mark: &OsStr = mark.as_ref();
    let variable = [MARK.as_bytes(), b"=", mark.as_encoded_bytes()].concat();
    let is_marked = |environment: Vec<u8>| environment.split(|byte| *byte == 0).any(|entry| entry == variable);
    fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|pid| fs::read(format!("/proc/{pid}/environ")).is_ok_and(is_marked))
        .collect()
}
