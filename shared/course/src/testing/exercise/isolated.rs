//! Runs each test in a process of its own. A solution may end that process, with any status: the
//! test passes only if it reaches its own end.

use std::any::type_name;
use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::{DEADLINE, SHORT_DEADLINE};
use crate::testing::{MARK, MOMENT, marked, within};

/// A variable in the environment of the process that runs a test: the test's name.
const NAME: &str = "EXERCISE_TEST";

/// The longest time for a test. Its attempts give up long before, each by itself.
const TEST_DEADLINE: Duration = Duration::from_secs(240);

/// The exit code of a test that has failed, as libtest has it.
const FAILED: i32 = 101;

/// The exit code of a test that has failed since an attempt hung.
const HUNG: i32 = 102;

/// The seconds that an attempt may take, in the tests that start from now on.
static SECONDS: AtomicU64 = AtomicU64::new(DEADLINE.as_secs());

/// Whether an attempt of this process hung.
static HAS_HUNG: AtomicBool = AtomicBool::new(false);

/// Runs `test`, the whole body of a test, in a process of its own, and panics if it does not come
/// to its end there. Ending the process, with whatever status, is not the same.
///
/// # Examples
///
/// ```ignore
/// #[test]
/// fn the_sum_is_right() {
///     isolated(|| assert_eq!(attempt(|| sum(&[1, 2])).value, 3));
/// }
/// ```
pub fn isolated<F: FnOnce()>(test: F) {
    // `program::module::test::{{closure}}`
    let path = type_name::<F>().trim_end_matches("::{{closure}}");
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    if env::var(NAME).is_ok_and(|running| running == name) {
        run_here(test);
    }
    run_apart(name);
}

/// Records that an attempt hung: those of the tests that follow get less time.
pub(super) fn note_hung() {
    HAS_HUNG.store(true, Ordering::Relaxed);
}

/// Returns the longest time that an attempt of this process may take.
pub(super) fn deadline() -> Duration {
    Duration::from_secs(SECONDS.load(Ordering::Relaxed))
}

/// Returns the path at which witnesses of the test that runs in this process, or in one that it has
/// started, report to it.
pub(super) fn meeting_place() -> Option<PathBuf> {
    env::var_os(NAME)?;
    Some(PathBuf::from(env::var_os(MARK)?).join("witnesses"))
}

/// Runs the test and ends the process. The token that was read from standard input is written only
/// after the last assertion.
fn run_here(test: impl FnOnce()) -> ! {
    let pid = process::id();
    let mut told = String::new();
    io::stdin().read_to_string(&mut told).expect("standard input is a pipe");
    let mut lines = told.lines();
    let (token, seconds) = (lines.next().expect("a token"), lines.next().expect("a number"));
    SECONDS.store(seconds.parse().expect("a number of seconds"), Ordering::Relaxed);
    let verdict = PathBuf::from(env::var_os(MARK).expect("set with the name")).join("verdict");
    // A process whose parent has ended becomes a child of this one, and is seen.
    prctl::set_child_subreaper(true).expect("any process may");

    let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
    // A copy of this process, from a fork whose child came back, must not write the token.
    if process::id() != pid {
        process::exit(FAILED);
    }
    if passed {
        fs::write(verdict, token).expect("the folder is there");
    }
    let failed = if HAS_HUNG.load(Ordering::Relaxed) { HUNG } else { FAILED };
    process::exit(if passed { 0 } else { failed });
}

/// Has another process of this program run the test, and panics as it did.
fn run_apart(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let token = format!("{:016x}", RandomState::new().hash_one(name));
    let output = File::create(folder.path().join("output")).unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--include-ignored"])
        .env(NAME, name)
        .env(MARK, folder.path())
        .stdin(Stdio::piped())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    // An error means that it has ended already.
    let _ = writeln!(child.stdin.take().unwrap(), "{token}\n{}", SECONDS.load(Ordering::Relaxed));
    let mut status = None;
    within(TEST_DEADLINE, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    let status = status.unwrap_or_else(|| {
        let _ = child.kill();
        child.wait().unwrap()
    });

    let passed = fs::read_to_string(folder.path().join("verdict")).is_ok_and(|verdict| verdict == token);
    let output = fs::read(folder.path().join("output")).unwrap();
    let output = String::from_utf8_lossy(&output);
    print!("{}", output.trim_start().trim_start_matches("running 1 test\n"));
    let left = end_all_left(&folder);
    if status.code() == Some(HUNG) {
        SECONDS.store(SHORT_DEADLINE.as_secs(), Ordering::Relaxed);
    }
    if passed && status.success() {
        assert!(left == 0, "{left} processes outlived the program: expected none. A child ends when it was waited for");
        return;
    }
    if matches!(status.code(), Some(FAILED | HUNG)) {
        // Its message was printed above.
        resume_unwind(Box::new("failed in a process of its own"));
    }
    panic!("{}", complaint(status));
}

/// Returns what is wrong with a test that did not come to its end.
fn complaint(status: ExitStatus) -> String {
    format!(
        "the program ended ({status}) in the middle of the test: expected the function to return, so that its result \
         can be looked at. Hint: only a child that you have forked may call `process::exit`"
    )
}

/// Ends the processes of a test that has ended. Returns how many there were.
fn end_all_left(folder: &TempDir) -> usize {
    let left = || marked(folder.path());
    if within(MOMENT / 5, || left().is_empty()) {
        return 0;
    }
    let pids = left();
    for pid in pids.iter().filter_map(|pid| pid.parse().ok()) {
        // An error means that it has ended by itself.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    pids.len()
}
