//! Whole programs: this test binary again, told to be something else than a test.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use multiproc::StartMethod;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::processes::{ProcessId, descendants};
use super::{METHODS, eventually, harness};

/// How the line of [`announce`] begins.
const READY: &str = "ready ";

/// In a program: tells the test about this process and all that come from it, and that what it was
/// to prepare is ready.
pub(crate) fn announce() {
    let own = ProcessId::of(std::process::id());
    let all: Vec<ProcessId> = own.into_iter().chain(descendants()).collect();
    println!("{READY}{}", serde_json::to_string(&all).unwrap());
}

/// In a program: returns its arguments, without its name.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args().skip(3).collect()
}

/// In a program: returns the start method whose number is its first argument.
pub(crate) fn told_method() -> StartMethod {
    METHODS[arguments()[0].parse::<usize>().unwrap()]
}

/// The processes that a line of [`announce`] names. Some may have ended since.
fn announced(line: &str) -> Vec<ProcessId> {
    serde_json::from_str(line.strip_prefix(READY).unwrap()).unwrap()
}

/// A program that runs, in a process group of its own, and has announced that it is ready.
pub(crate) struct Program {
    child: Child,
    ended: bool,
    /// The lines before it was ready.
    before: VecDeque<String>,
    output: BufReader<ChildStdout>,
    /// Itself, and what it has started.
    pub(crate) processes: Vec<ProcessId>,
}

impl Program {
    /// Starts a program of this binary and waits for its [`announce`].
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(Self::command(name))
    }

    /// Starts the program that the command says, and waits for its [`announce`].
    pub(crate) fn start_with(mut command: Command) -> Self {
        let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        // From here on it is killed if it is not as it should be.
        let mut program = Self { child, ended: false, before: VecDeque::new(), output, processes: Vec::new() };
        let mut line = String::new();
        // What it has started may print before it is ready itself.
        while program.output.read_line(&mut line).unwrap() > 0 && !line.starts_with(READY) {
            program.before.push_back(std::mem::take(&mut line));
        }
        assert!(line.starts_with(READY), "never ready: {:?}", program.before);
        program.processes = announced(&line);
        program
    }

    /// The command that starts a program of this binary.
    pub(crate) fn command(name: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([harness::PROGRAM, name]);
        command
    }

    /// The next line that it or any process of its has printed, those before it was ready included;
    /// empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = self.before.pop_front().unwrap_or_default();
        if line.is_empty() {
            self.output.read_line(&mut line).unwrap();
        }
        line.trim_end().to_string()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Sends a signal to the program alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Sends a signal to the program and all that come from it, as Ctrl-C in a terminal does.
    pub(crate) fn signal_group(&self, signal: Signal) {
        killpg(self.pid(), signal).unwrap();
    }

    /// Waits for the end of the program and of all its processes. Returns how it ended, and what
    /// all of them have printed since they were ready.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        for process in &self.processes {
            eventually(&format!("{process:?} has ended"), || process.is_gone());
        }
        // The output ends when no process is left who could write.
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
        self.ended = true;
        (status, printed)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.ended {
            // The test failed, and should not leave what it found.
            let _ = killpg(self.pid(), Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}
