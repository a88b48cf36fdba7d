//! For the tests of a lesson: runs its program as a reader would, sees to it that it ends within a deadline, and that no
//! process of it is left. What it finds amiss is a panic, which fails the test.

pub mod exercise;
mod transcript;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use transcript::{Varies, nothing};

/// Longer than any run takes on a slow machine: whatever reaches it hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long the processes of a program that has ended may take to notice.
const MOMENT: Duration = Duration::from_secs(10);

/// In the environment of every process of a run, however far down, with a value of the run's own.
const MARK: &str = "LESSON_TEST";

/// A lesson's program and the names of its examples.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Where it is: `env!("CARGO_BIN_EXE_…")`.
    pub path: &'static str,
    /// All of its examples, in order.
    pub examples: &'static [&'static str],
}

impl Program {
    /// Starts it in a folder of its own, so that what it writes there is not left behind.
    pub fn start(&self, arguments: &[&str], stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Run {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(self.path)
            .args(arguments)
            .env(MARK, folder.path())
            // Backtraces cost the first panic a quarter of a second, and are in no transcript.
            .env_remove("RUST_BACKTRACE")
            // What a reader's own setting adds to errors is nothing a test can expect.
            .env_remove("RUST_BACKTRACE")
            .current_dir(folder.path())
            .stdin(stdin)
            .stdout(stdout)
            .stderr(File::create(folder.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        Run { child, folder }
    }

    /// Runs it to its end, which is also the end of all its processes.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// As [`run`](Program::run), with `input` as its standard input.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let (stdin, stdout) = (folder.path().join("input"), folder.path().join("output"));
        fs::write(&stdin, input).unwrap();
        let run = self.start(arguments, File::open(stdin).unwrap(), File::create(&stdout).unwrap());
        let output = run.end();
        Output { stdout: fs::read(stdout).unwrap(), ..output }
    }

    /// It ends with success, and without a word of complaint, though what reads its output is `stdout`.
    #[track_caller]
    pub fn assert_succeeds_into(&self, arguments: &[&str], stdout: impl Into<Stdio>) {
        assert_success(&self.start(arguments, Stdio::null(), stdout).end());
    }

    /// What it prints if all goes well, line by line: it ends with success, and prints something and no errors.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(arguments);
        assert_success(&output);
        let lines: Vec<_> = str::from_utf8(&output.stdout).unwrap().lines().map(str::to_string).collect();
        assert!(!lines.is_empty(), "{arguments:?} printed nothing");
        lines
    }

    /// The picture that it draws of an example with `--trace`.
    #[track_caller]
    pub fn picture(&self, example: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/picture.svg");
        self.lines(&[example, "--trace", file.to_str().unwrap()]);
        fs::read_to_string(file).unwrap()
    }

    /// Every example is in `list`, in order, with some words about it.
    #[track_caller]
    pub fn assert_lists_its_examples(&self) {
        let lines = self.lines(&["list"]);
        let names: Vec<_> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(names, self.examples);
        assert!(lines.iter().all(|line| line.split_whitespace().count() > 3), "{lines:#?}");
    }

    /// Without a name, all examples run, in order.
    #[track_caller]
    pub fn assert_runs_from_first_to_last(&self) {
        let lines = self.lines(&[]);
        let headings: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("── ")?.split(' ').next()).collect();
        assert_eq!(headings, self.examples);
    }

    /// Every example runs without those before it.
    #[track_caller]
    pub fn assert_runs_each_alone(&self) {
        for example in self.examples {
            self.lines(&[example]);
        }
    }

    /// A name of no example runs nothing, and the program suggests `meant`.
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
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, which is also the end of all its processes. The output went where it was sent.
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
            // Its processes end with it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// It ended with success, and said nothing on standard error. Workers may run out of memory there, which Rust tells before
/// any code of ours could: the lesson about limits has one do so.
#[track_caller]
pub fn assert_success(output: &Output) {
    let errors = str::from_utf8(&output.stderr).unwrap();
    assert!(output.status.success(), "{}\n{errors}", output.status);
    let expected = |line: &str| line.starts_with("memory allocation of ") || line.starts_with("note: run with `RUST_");
    assert!(errors.lines().all(expected), "{errors}");
}

/// The place of the one line that contains `text`.
#[track_caller]
pub fn place(lines: &[String], text: &str) -> usize {
    let places: Vec<_> = (0..lines.len()).filter(|place| lines[*place].contains(text)).collect();
    assert_eq!(places.len(), 1, "{text:?} in {lines:#?}");
    places[0]
}

/// The whole numbers of a line.
pub fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// Waits until `done` holds; says whether it ever did.
fn within(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

/// The processes that carry the mark.
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
