//! What the lesson promises on its command line.

use std::io::{self, BufRead, BufReader, Read};
use std::process::Stdio;

use course::testing::{Program, Varies, assert_success, nothing, numbers, place};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson06-callbacks"));

fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

/// The place of the first line that begins like this.
#[track_caller]
fn beginning(lines: &[String], start: &str) -> usize {
    lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start:?} is not in {lines:#?}"))
}

#[test]
fn a_lesson_that_nobody_reads_ends_quietly() {
    for arguments in [&["list"], &["service"], &[][..]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        LESSON.assert_succeeds_into(arguments, writer);
    }
}

course::lesson_tests!(LESSON, "servise" => "service", varies);

/// Returns what varies between two runs of an example.
fn varies(example: &str) -> Varies {
    match example {
        "callback" | "error_callback" | "cancel" => nothing().pids().order(),
        "map_callback" | "crawl" => nothing().order(),
        "get_timeout" => nothing().lines("^not within"),
        "wait_ready" => nothing().pids(),
        "status" => nothing().lines("steps are done$"),
        // What the printers do, and which of them are there when the signals come.
        "service" => nothing().pids().order().lines("printer-"),
        _ => nothing(),
    }
}

#[test]
fn callback_runs_in_the_parent_on_a_thread_of_its_own() {
    let lines = lines("callback");
    let pid = |text| numbers(&lines[place(&lines, text)])[0];
    let (main, task, callback) =
        (pid("main:     I run in process"), pid("task:     I run in process"), pid("callback: I run in process"));
    assert!(main == callback && main != task, "{lines:#?}");
    assert!(lines[place(&lines, ", thread main")].starts_with("main:"), "{lines:#?}");
    place(&lines, ", thread multiproc-callbacks, and have got 17984");
    let received = place(&lines, "the callback has sent me 17984");
    assert!(received < place(&lines, "`get` gives the same: 17984"), "{lines:#?}");
}

#[test]
fn map_callback_is_called_once_after_all_tasks_and_before_join_returns() {
    let lines = lines("map_callback");
    let called = place(&lines, "callback: [4, 1, 2, 3] tenths of a second, 10 in all");
    for tenths in 1..=4 {
        assert!(place(&lines, &format!("I slept for 0.{tenths} s")) < called, "{lines:#?}");
    }
    assert!(called < place(&lines, "main: all is done"), "{lines:#?}");
}

#[test]
fn error_callback_is_told_the_first_failure_and_all_other_tasks_are_done() {
    let lines = lines("error_callback");
    // The error of -16 comes earlier, but that of -4 is the first in the order of the items.
    place(&lines, "-4 has no real root");
    assert!(!lines.iter().any(|line| line.contains("-16")), "{lines:#?}");
    let told = place(&lines, "error callback: ");
    let between = lines[..told].iter().filter(|line| line.starts_with("task: the root of ")).count();
    assert_eq!(between, 3, "{lines:#?}");
    let well = place(&lines, "callback: [1.0, 2.0, 3.0, 4.0, 5.0]");
    assert!(told < place(&lines, "did all go well? false"), "{lines:#?}");
    assert!(well < place(&lines, "did all go well? true"), "{lines:#?}");
    assert_eq!(numbers(&lines[place(&lines, "main: 8 tasks done")]), [8, 2, 0]);
}

#[test]
fn get_timeout_gives_up_and_gets_the_result_in_the_end() {
    let lines = lines("get_timeout");
    assert_eq!(lines[0], "not within 200ms; I do something else, and ask again");
    assert!(place(&lines, "the answer is 42") >= 2, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "and once more: the result has been taken already");
}

#[test]
fn wait_ready_shows_that_only_successful_tells_the_tasks_apart() {
    let lines = lines("wait_ready");
    let over = place(&lines, "both waits are over");
    assert!(lines[..over].iter().all(|line| line.contains("ready? false  successful? the task has not ended yet")));
    assert_eq!(lines[over + 1], "6 / 3: ready? true   successful? true");
    assert_eq!(lines[over + 2], "6 / 0: ready? true   successful? false");
    assert_eq!(lines[over + 3], "6 / 3: 2");
    assert!(lines[over + 4].contains("attempt to divide by zero"), "{lines:#?}");
}

#[test]
fn status_reports_more_and_more_steps_and_then_the_outcome() {
    let lines = lines("status");
    let (last, reports) = lines.split_last().unwrap();
    assert!(last.starts_with("it went well, and took "), "{lines:#?}");
    let steps: Vec<_> = reports.iter().map(|line| numbers(line)[0]).collect();
    // The shortest run, of ten steps of 20 ms, is over before the first report; a run like that is
    // one in many millions.
    assert!(!steps.is_empty() && steps.is_sorted() && steps[0] < 10, "{lines:#?}");
    assert!(reports.iter().all(|line| line.ends_with(" of 10 steps are done")), "{lines:#?}");
}

#[test]
fn crawl_reads_every_page_once_and_a_busy_one_until_it_answers_or_is_given_up() {
    let lines = lines("crawl");
    for page in ["/", "/docs", "/about", "/docs/start", "/docs/pool", "/docs/pool/map", "/news", "/news/1"] {
        let read = format!("{page}: read, links: ");
        assert_eq!(lines.iter().filter(|line| line.starts_with(&read)).count(), 1, "{page}: {lines:#?}");
    }
    for (page, end) in [("/news", "/news: read, links: 2"), ("/shop", "/shop: given up")] {
        let tries =
            lines.iter().filter(|line| line.starts_with(&format!("{page}: busy at try "))).map(|line| numbers(line)[0]);
        let tries: Vec<_> = tries.collect();
        assert_eq!(tries, if page == "/news" { vec![1, 2] } else { vec![1, 2, 3] }, "{lines:#?}");
        assert!(place(&lines, end) > place(&lines, &format!("{page}: busy at try 2")), "{lines:#?}");
    }
    // Eight pages, the two tries before `/news` answered, and the three of `/shop`.
    assert_eq!(lines.last().unwrap(), "all is read, in 13 tasks");
}

#[test]
fn cancel_replaces_the_worker_of_that_task_and_no_other() {
    let lines = lines("cancel");
    let pid = |text| numbers(&lines[place(&lines, text)])[0];
    let ended = pid("endless task: I begin, in process ");
    let left = pid("short task: I am done, in process ");
    place(&lines, "I cancel the endless task, which runs: true");
    place(&lines, "its result: the task was cancelled");
    place(&lines, "I cancel the short task, which has ended: false");
    place(&lines, &format!("main: its result: {left}"));
    let workers: Vec<_> = lines.iter().filter(|line| line.starts_with("main: the workers are")).collect();
    let (before, after) = (numbers(workers[0]), numbers(workers[1]));
    assert!(before.len() == 2 && before.contains(&ended) && before.contains(&left), "{lines:#?}");
    assert!(after.len() == 2 && !after.contains(&ended) && after.contains(&left), "{lines:#?}");
}

#[test]
fn service_has_two_printers_then_five_and_then_none() {
    let lines = LESSON.lines(&["service"]);
    let hup = beginning(&lines, "manager: SIGHUP");
    let term = beginning(&lines, "manager: SIGTERM");
    assert!(beginning(&lines, "operator: kill -SIGHUP") < hup, "{lines:#?}");
    assert!((hup..term).contains(&beginning(&lines, "operator: kill -SIGTERM")), "{lines:#?}");
    for number in 0..5 {
        let start = beginning(&lines, &format!("manager: printer-{number} is process"));
        assert!(if number < 2 { start < hup } else { (hup..term).contains(&start) }, "{lines:#?}");
        // How it ended: after its last word, or, if it had not begun to listen yet, by the signal
        // itself.
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
    let run = LESSON.start(&["service", "--stay"], Stdio::null(), writer);
    let pid = Pid::from_raw(run.pid() as i32);
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
    assert!(hint.contains(&format!("kill -SIGTERM {pid}")), "{hint}");
    await_line("manager: printer-1 is process");
    kill(pid, Signal::SIGHUP).unwrap();
    await_line("manager: SIGHUP");
    await_line("manager: printer-4 is process");
    kill(pid, Signal::SIGTERM).unwrap();
    await_line("manager: SIGTERM");
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("manager: everybody has ended\n"), "{rest}");
    assert_success(&run.end());
}
