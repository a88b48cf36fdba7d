//! What the lesson promises on its command line.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const EXAMPLES: [&str; 1] = ["service"];

/// Longer than any run takes on a slow machine: whatever reaches it hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long a process that was told to end may take for it.
const MOMENT: Duration = Duration::from_secs(10);

/// In the environment of every process of a run, however far down, with a value of the run's own.
const MARK: &str = "LESSON06_TEST";

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
fn marked(mark: &str) -> Vec<String> {
    let variable = format!("{MARK}={mark}");
    let is_marked =
        |environment: Vec<u8>| environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes());
    fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|pid| fs::read(format!("/proc/{pid}/environ")).is_ok_and(is_marked))
        .collect()
}

/// A run of the lesson. Dropping one that has not ended kills it.
struct Run {
    child: Child,
    folder: TempDir,
}

impl Run {
    fn start(arguments: &[&str], stdout: impl Into<Stdio>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_lesson06-callbacks"))
            .args(arguments)
            .env(MARK, folder.path())
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(File::create(folder.path().join("errors")).unwrap())
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Waits for its end, which is also the end of all its processes.
    fn end(mut self) -> Output {
        let mut status = None;
        let ended = within(DEADLINE, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "it did not end");
        let mark = self.folder.path().to_str().unwrap();
        assert!(within(MOMENT, || marked(mark).is_empty()), "{:?} are left", marked(mark));
        let stderr = fs::read(self.folder.path().join("errors")).unwrap();
        Output { status: status.unwrap(), stdout: Vec::new(), stderr }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // Its services end with it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    let output = Run::start(arguments, File::create(&path).unwrap()).end();
    Output { stdout: fs::read(path).unwrap(), ..output }
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}\n{}", output.status, stderr(output));
    assert_eq!(stderr(output), "");
}

/// The place of the first line that begins like this.
#[track_caller]
fn place(lines: &[String], start: &str) -> usize {
    lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start:?} is not in {lines:#?}"))
}

#[test]
fn list_names_every_example_with_what_to_watch_for() {
    let output = run(&["list"]);
    assert_success(&output);
    let lines: Vec<_> = stdout(&output).lines().collect();
    let names: Vec<_> = lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, EXAMPLES);
    assert!(lines.iter().all(|line| line.split_whitespace().count() > 3));
}

#[test]
fn a_wrong_name_ends_with_status_2_and_a_suggestion() {
    let output = run(&["servise"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("did you mean `service`"), "{}", stderr(&output));
}

#[test]
fn the_whole_lesson_runs_from_the_first_example_to_the_last() {
    let output = run(&[]);
    assert_success(&output);
    let headings: Vec<_> =
        stdout(&output).lines().filter_map(|line| line.strip_prefix("── ")?.split(' ').next()).collect();
    assert_eq!(headings, EXAMPLES);
}

#[test]
fn a_lesson_that_nobody_reads_ends_quietly() {
    for arguments in [&["list"], &["service"], &[][..]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_success(&Run::start(arguments, writer).end());
    }
}

#[test]
fn service_has_two_printers_then_five_and_then_none() {
    let output = run(&["service"]);
    assert_success(&output);
    let lines: Vec<_> = stdout(&output).lines().map(str::to_string).collect();
    let hup = place(&lines, "manager: SIGHUP");
    let term = place(&lines, "manager: SIGTERM");
    assert!(place(&lines, "operator: kill -SIGHUP") < hup, "{lines:#?}");
    assert!((hup..term).contains(&place(&lines, "operator: kill -SIGTERM")), "{lines:#?}");
    for number in 0..5 {
        let start = place(&lines, &format!("manager: printer-{number} is process"));
        assert!(if number < 2 { start < hup } else { (hup..term).contains(&start) }, "{lines:#?}");
        // How it ended: after its last word, or, if it had not begun to listen yet, by the signal itself.
        let ends = [
            format!("manager: printer-{number} exited with code 0"),
            format!("manager: printer-{number} killed by SIGTERM (signal 15)"),
        ];
        assert!(lines[term..].iter().any(|line| ends.contains(line)), "{lines:#?}");
    }
    assert_eq!(lines.last().unwrap(), "manager: everybody has ended");
}

#[test]
fn service_stays_if_asked_to_and_obeys_signals_from_outside() {
    let (reader, writer) = io::pipe().unwrap();
    let run = Run::start(&["service", "--stay"], writer);
    let mut output = BufReader::new(reader);
    let mut await_line = |start: &str| {
        let mut line = String::new();
        while !line.starts_with(start) {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "it has ended without {start:?}");
        }
        line
    };
    let hint = await_line("manager: kill -SIGHUP");
    assert!(hint.contains(&format!("kill -SIGTERM {}", run.pid())), "{hint}");
    await_line("manager: printer-1 is process");
    kill(run.pid(), Signal::SIGHUP).unwrap();
    await_line("manager: SIGHUP");
    await_line("manager: printer-4 is process");
    kill(run.pid(), Signal::SIGTERM).unwrap();
    await_line("manager: SIGTERM");
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("manager: everybody has ended\n"), "{rest}");
    assert_success(&run.end());
}
