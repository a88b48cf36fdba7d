//! For the tests of a lesson: runs its program as a reader would, sees to it that it ends within a deadline, and that no
//! process of it is left. What it finds amiss is a panic, which fails the test.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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
    /// Runs it to its end, which is also the end of all its processes.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let (stdout, stderr) = (folder.path().join("output"), folder.path().join("errors"));
        let mut child = Command::new(self.path)
            .args(arguments)
            .env(MARK, folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let mut status = None;
        let ended = within(DEADLINE, || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            child.kill().unwrap();
            panic!("{arguments:?} did not end; it printed\n{}", fs::read_to_string(stdout).unwrap());
        }
        let left = || marked(folder.path());
        assert!(within(MOMENT, || left().is_empty()), "{arguments:?} left {:?} running", left());
        Output { status: status.unwrap(), stdout: fs::read(stdout).unwrap(), stderr: fs::read(stderr).unwrap() }
    }

    /// What it prints if all goes well, line by line: it ends with success, and prints something and no errors.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<String> {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}\n{errors}", output.status);
        assert_eq!(errors, "", "{arguments:?}");
        let lines: Vec<_> = str::from_utf8(&output.stdout).unwrap().lines().map(str::to_string).collect();
        assert!(!lines.is_empty(), "{arguments:?} printed nothing");
        lines
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
