//! A recipe's program that runs, with a deadline, and whose processes can be found.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a recipe may take: far more than any needs, to end one that hangs.
const DEADLINE: Duration = Duration::from_secs(120);
/// The variable by which all processes of one program are found.
const MARK: &str = "MULTIPROC_RECIPE";

/// A program that runs. All that comes from it has its mark.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    mark: String,
}

impl Program {
    pub(crate) fn start(path: &str, args: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(path);
        command.args(args).env(MARK, &mark).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, mark }
    }

    /// Returns the next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().into()
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGTERM).unwrap();
    }

    /// Returns the processes that have the mark.
    fn processes(&self) -> Vec<String> {
        let entry = format!("{MARK}={}", self.mark);
        let folders = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let has_mark = |path: &PathBuf| {
            // A process may end meanwhile, and a zombie has no environment.
            let environment = fs::read(path.join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
        };
        folders.filter(has_mark).map(|path| path.display().to_string()).collect()
    }

    /// Kills one of the processes that it has started, if there is one.
    pub(crate) fn kill_one(&self) {
        let own = format!("/proc/{}", self.child.id());
        let Some(other) = self.processes().into_iter().rfind(|path| *path != own) else { return };
        // It may have ended meanwhile.
        let _ = kill(Pid::from_raw(other["/proc/".len()..].parse().unwrap()), Signal::SIGKILL);
    }

    /// Waits for its end, and for that of all its processes. Returns whether it succeeded, and what
    /// it has printed.
    pub(crate) fn end(mut self) -> (bool, String, String) {
        let mut errors = self.child.stderr.take().unwrap();
        let errors = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).map(|_| text)
        });
        let until = Instant::now() + DEADLINE;
        let status = loop {
            // What a recipe prints fits into its pipe.
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "hangs: not done after {DEADLINE:?}");
            thread::sleep(Duration::from_millis(5));
        };
        while !self.processes().is_empty() {
            assert!(Instant::now() < until, "left running: {:?}", self.processes());
            thread::sleep(Duration::from_millis(5));
        }
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).unwrap();
        (status.success(), printed, errors.join().unwrap().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Of a test that failed. Its workers end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
