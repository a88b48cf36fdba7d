//! What the lesson promises on its command line.

use std::fs;
use std::process::Output;

use course::testing::{Program, Varies, assert_success, nothing};

const PRIMES: [u64; 14] = [
    17977,
    10619863,
    6620830889,
    80630964769,
    228204732751,
    1171432692373,
    1398341745571,
    10963707205259,
    15285151248481,
    99999199999,
    304250263527209,
    10657331232548839,
    44560482149,
    1746860020068409,
];

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson07-primes"));

fn run(arguments: &[&str]) -> Output {
    LESSON.run(arguments)
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// The numbers that `output` says are prime, in its order.
fn primes(output: &Output) -> Vec<u64> {
    stdout(output)
        .lines()
        .filter_map(|line| line.strip_suffix(" is prime")?.rsplit(' ').next())
        .map(|number| number.parse().unwrap())
        .collect()
}

course::lesson_tests!(LESSON, "imop" => "imap", varies);

fn varies(example: &str) -> Varies {
    match example {
        "map" => nothing().text("[WORKERS]", r"(\d+) workers"),
        "unordered" => nothing().order(),
        "chunksize" => nothing()
            .longer(5.0, "^ +1 ", "^ +100 ")
            .longer(1.2, "^ +1000 ", "^ +100 ")
            .longer(5.0, "^ +100 ", "no pool"),
        "threads" => nothing().text("[PID]", r"pid (\d+)").longer(
            20.0,
            "^processes: .*, a small task",
            "^threads: .*, a small task",
        ),
        "split" => nothing().text("[WORKERS]", r"(\d+) workers").text("[RATIO]", r"(\d+\.\d+) times as fast").longer(
            1.8,
            "^one by one",
            r"split over \d+ workers",
        ),
        "compare" => nothing()
            .text("[RATIO]", r"ms (\d[\d.]*)$")
            .longer(1.4, "^sequential", "^map")
            .longer(1.15, "^map", "^split")
            .longer(1000.0, "^sequential", "^miller_rabin"),
        "cluster" => nothing().text("[WORKERS]", r"(\d+) workers").text("[SHARES]", r"pieces counted by (.*)"),
        _ => nothing(),
    }
}

#[test]
fn every_example_runs_alone_and_on_other_numbers() {
    for example in LESSON.examples() {
        let output = run(&[&example, "2", "97", "1000000007"]);
        assert_success(&output);
        assert!(!output.stdout.is_empty(), "{example} printed nothing");
    }
}

#[test]
fn examples_that_answer_for_each_number_find_the_14_primes_in_order() {
    for example in ["is_prime", "sequential", "map", "split", "miller_rabin", "cluster"] {
        let output = run(&[example]);
        assert_success(&output);
        assert_eq!(primes(&output), PRIMES, "{example}");
    }
}

#[test]
fn imap_prints_the_14_primes_in_order_and_nothing_else() {
    let output = run(&["imap"]);
    assert_success(&output);
    let lines: String = PRIMES.iter().map(|n| format!("{n} is prime\n")).collect();
    assert_eq!(stdout(&output), lines);
    assert_eq!(stderr(&output), "", "the progress bar is for terminals");
}

#[test]
fn unordered_finds_the_14_primes_in_any_order() {
    let output = run(&["unordered"]);
    assert_success(&output);
    let (mut found, mut expected) = (primes(&output), PRIMES);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn cluster_counts_the_primes_below_a_hundred_million() {
    let output = run(&["cluster", "97"]);
    assert_success(&output);
    assert!(stdout(&output).contains("\n5761455 primes below 100000000: "), "{}", stdout(&output));
}

#[test]
fn numbers_come_from_standard_input() {
    let output = LESSON.run_with_input(&["imap", "--numbers", "-"], "97\n");
    assert_success(&output);
    assert_eq!(stdout(&output), "97 is prime\n");
}

#[test]
fn numbers_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.txt");
    fs::write(&path, "# one is prime\n91\n\n97\n").unwrap();
    let output = run(&["imap", "--numbers", path.to_str().unwrap()]);
    assert_success(&output);
    assert_eq!(stdout(&output), "97 is prime\n");
}

#[test]
fn numbers_come_from_the_command_line() {
    let output = run(&["imap", "91", "97", "101"]);
    assert_success(&output);
    assert_eq!(stdout(&output), "97 is prime\n101 is prime\n");
}

#[test]
fn a_bad_line_ends_with_status_2_and_is_named() {
    let output = LESSON.run_with_input(&["imap", "--numbers", "-"], "97\n12x\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains("standard input, line 2: \"12x\""), "{}", stderr(&output));
}

#[test]
fn a_missing_file_ends_with_status_2_and_is_named() {
    let output = run(&["imap", "--numbers", "no/such/file"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no/such/file: "), "{}", stderr(&output));
}

#[test]
fn numbers_are_right_up_to_the_largest_u64() {
    let output = run(&["miller_rabin", "18446744073709551557", "18446744073709551615"]);
    assert_success(&output);
    assert_eq!(primes(&output), [18446744073709551557]);
    // The largest prime there is: trial division goes through every divisor up to 4294967295.
    let output = run(&["imap", "18446744073709551557", "18446744073709551615"]);
    assert_success(&output);
    assert_eq!(stdout(&output), "18446744073709551557 is prime\n");
}

#[test]
fn a_number_larger_than_a_u64_ends_with_status_2() {
    let output = run(&["imap", "18446744073709551616"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("18446744073709551616"), "{}", stderr(&output));
}

#[test]
fn compare_draws_its_picture_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pictures/primes.svg");
    let output = run(&["compare", "--svg", path.to_str().unwrap(), "97", "1000000007"]);
    assert_success(&output);
    let picture = fs::read_to_string(path).unwrap();
    for part in ["<title", "<desc", "prefers-color-scheme", "sequential", "miller_rabin"] {
        assert!(picture.contains(part), "{part}");
    }
}
