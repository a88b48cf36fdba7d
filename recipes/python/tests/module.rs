//! Python imports the module and uses its pool, also while the module's file is replaced.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Uses the module, before and after the test has replaced its file; then with a thread beside,
/// where a fork is refused.
const PROGRAM: &str = "
import primes, threading
print(primes.count(1000, 2), flush=True)
input()
print(primes.count(1000, 2), flush=True)
stop = threading.Event()
thread = threading.Thread(target=stop.wait)
thread.start()
try:
    primes.count(10, 1)
except RuntimeError as error:
    print(error, flush=True)
stop.set()
thread.join()
print(primes.count(1000, 2), flush=True)
";

/// Returns the module as it was built: beside this test.
fn built() -> PathBuf {
    env::current_exe().unwrap().with_file_name("libprimes.so")
}

#[test]
fn python_uses_a_pool() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("primes.so");
    fs::copy(built(), &module).unwrap();
    let mut command = Command::new("timeout");
    command.args(["60", "python3", "-c", PROGRAM]).env("PYTHONPATH", folder.path());
    let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(python.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "168\n");

    // As an upgrade does: a new file in the place of the old one.
    let fresh = folder.path().join("fresh");
    fs::copy(built(), &fresh).unwrap();
    fs::rename(&fresh, &module).unwrap();
    python.stdin.take().unwrap().write_all(b"\n").unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let lines: Vec<_> = rest.lines().collect();
    assert_eq!((lines[0], lines[2]), ("168", "168"), "{rest}");
    assert!(lines[1].contains("thread"), "{rest}");
    assert!(python.wait().unwrap().success());
}
