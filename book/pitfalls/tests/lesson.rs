//! What the gallery promises: every failure is one that the program survives.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use course::testing::{Program, Varies, nothing, numbers, place};

/// The gallery as `cargo run` has it. Cargo makes one program for all the packages that it tests
/// together, and the tests of some turn on `test-support`, with which no program can lack the line
/// `multiproc::init()`.
static GALLERY: LazyLock<Program> = LazyLock::new(|| {
    let profile = Path::new(BUILT.path()).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--quiet", "-p", "pitfalls"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.env("CARGO_TARGET_DIR", profile.parent().unwrap()).status().unwrap().success());
    BUILT
});

const BUILT: Program = Program::new(env!("CARGO_BIN_EXE_pitfalls"));

fn lines(example: &str) -> Vec<String> {
    GALLERY.lines(&[example])
}

course::lesson_tests!(GALLERY, "tiny_task" => "tiny_tasks", varies);

fn varies(example: &str) -> Varies {
    match example {
        "worker_killed" | "exit_in_task" | "killed_with_lock" | "callback_panics" => {
            nothing().text("[PID]", r"(?:pid|process) (\d+)")
        }
        "same_random_numbers" => nothing().text("[DICE]", r"\[\d(?:, \d)+\]"),
        "output_order" => nothing().order(),
        "huge_result" => nothing().longer(2.0, "^8 million values:", "^into shared memory:").longer(
            10.0,
            "^into shared memory:",
            "^8 sums:",
        ),
        "tiny_tasks" => {
            nothing().longer(8.0, "^one by one:", "^batches of 1000:").longer(20.0, "^batches of 1000:", "^no pool:")
        }
        _ => nothing(),
    }
}

#[test]
fn worker_killed_loses_one_task() {
    let lines = lines("worker_killed");
    for (n, half) in [(2, 1), (4, 2), (8, 4), (10, 5)] {
        place(&lines, &format!("half of {n} is {half}"));
    }
    assert!(lines[place(&lines, "half of 6: ")].contains("was lost (killed by SIGKILL"), "{lines:#?}");
}

#[test]
fn exit_in_task_says_how_each_ended_and_keeps_the_worker_that_panicked() {
    let lines = lines("exit_in_task");
    let panicked = numbers(&lines[place(&lines, "panic: ")]).pop();
    assert!(lines[place(&lines, "exit: ")].contains("exited with code 3"));
    assert!(lines[place(&lines, "abort: ")].contains("killed by SIGABRT"));
    assert_eq!(panicked, numbers(&lines[place(&lines, "exit: ")]).first().copied(), "the worker lives on");
    place(&lines, "and the pool goes on: 42");
}

#[test]
fn circular_wait_ends_by_its_time_limit_and_not_at_all_in_good_order() {
    let lines = lines("circular_wait");
    assert_eq!(lines.iter().filter(|line| line.contains("timed out after 0.300 s")).count(), 2, "{lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("the sum is 42")).count(), 2, "{lines:#?}");
}

#[test]
fn missing_init_runs_main_once() {
    let lines = lines("missing_init");
    place(&lines, "main runs");
    place(&lines, "error: multiproc::init() was not called");
}

#[test]
fn same_random_numbers_are_thrown_by_forks_only() {
    let lines = lines("same_random_numbers");
    let throws = |heading: &str| {
        let first = place(&lines, heading) + 1;
        let mut throws = lines[first..first + 3].to_vec();
        throws.sort();
        throws.dedup();
        throws.len()
    };
    assert_eq!(throws("Fork:"), 1, "{lines:#?}");
    assert!(throws("ForkServer:") > 1, "{lines:#?}");
    assert_eq!(throws("Fork, each"), 3, "{lines:#?}");
}

#[test]
fn what_travels_is_what_serde_writes() {
    let lines = lines("what_travels");
    place(&lines, "arrived: discount None, items [\"tea\"], note \"\"");
    assert!(lines[place(&lines, "a path: ")].contains("path contains invalid UTF-8 characters"), "{lines:#?}");
    place(&lines, "an OsString:  exists: false");
}

#[test]
fn output_order_of_the_results_is_that_of_the_tasks() {
    assert_eq!(lines("output_order").last().unwrap(), "the results: [0, 1, 2, 3]");
}
