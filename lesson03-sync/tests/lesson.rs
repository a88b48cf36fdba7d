//! What the lesson promises on its command line.

use course::testing::{Program, numbers, place};

const LESSON: Program = Program { path: env!("CARGO_BIN_EXE_lesson03-sync"), examples: &["either_executor"] };

fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

#[test]
fn list_names_every_example_with_what_to_watch_for() {
    LESSON.assert_lists_its_examples();
}

#[test]
fn a_wrong_name_ends_with_status_2_and_a_suggestion() {
    LESSON.assert_refuses("either_exec", "either_executor");
}

#[test]
fn the_whole_lesson_runs_from_the_first_example_to_the_last() {
    LESSON.assert_runs_from_first_to_last();
}

#[test]
fn every_example_runs_alone() {
    LESSON.assert_runs_each_alone();
}

#[test]
fn either_executor_finds_the_same_in_threads_and_in_processes() {
    let lines = lines("either_executor");
    let own = numbers(&lines[0])[0];
    let halves: Vec<_> = lines[1..].split(|line| line.is_empty()).collect();
    let [threads, processes] = halves[..] else { panic!("{lines:#?}") };
    assert!(threads[0].starts_with("ThreadPool"), "{}", threads[0]);
    assert!(processes[0].starts_with("Pool"), "{}", processes[0]);
    let pids = place(threads, "pids");
    assert_eq!(numbers(&threads[pids]), [own]);
    assert!(!numbers(&processes[pids]).contains(&own), "{lines:#?}");
    for line in [1, 3] {
        assert_eq!(threads[line], processes[line]);
    }
    assert!(threads[3].contains("takes 524 steps"));
}
