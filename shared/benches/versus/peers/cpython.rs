//! CPython's `multiprocessing`, in one interpreter that stays for the whole run and takes one
//! command a line, so that measuring in turns costs nothing. What it runs is in `cpython.py`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/versus/peers/cpython.py");

/// A running interpreter.
pub(crate) struct Cpython {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    version: String,
}

impl Cpython {
    /// Starts the first `python3` on the path, its pools with so many workers.
    pub(crate) fn start(workers: usize) -> Result<Self, String> {
        let mut child = Command::new("python3")
            .arg(SCRIPT)
            .arg(workers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("python3 does not start: {error}"))?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("python3 has no output")?);
        let mut python = Self { child, commands, answers, version: String::new() };
        python.version = python.answer()?;
        Ok(python)
    }

    /// As the interpreter states it.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Has a command run and returns the seconds that it took.
    pub(crate) fn ask(&mut self, command: &str) -> Result<f64, String> {
        let commands = self.commands.as_mut().ok_or("python3 has no input")?;
        writeln!(commands, "{command}").map_err(|error| format!("python3 has stopped: {error}"))?;
        let answer = self.answer()?;
        answer.parse().map_err(|_| format!("{command}: {answer}"))
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("python3 has stopped".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("python3 cannot be read: {error}")),
        }
    }
}

impl Drop for Cpython {
    fn drop(&mut self) {
        // The end of its input is what tells the interpreter to stop its pools and end.
        drop(self.commands.take());
        if let Err(error) = self.child.wait() {
            eprintln!("python3 cannot be waited for: {error}");
        }
    }
}
