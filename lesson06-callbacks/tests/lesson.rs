//! What the lesson promises on its command line.

use std::io::{self, BufRead, BufReader, Read};
use std::process::Stdio;

use course::testing::{Program, assert_success};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LESSON: Program = Program { path: env!("CARGO_BIN_EXE_lesson06-callbacks"), examples: &["service"] };

/// The place of the first line that begins like this.
#[track_caller]
fn place(lines: &[String], start: &str) -> usize {
    lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start:?} is not in {lines:#?}"))
}

#[test]
fn list_names_every_example_with_what_to_watch_for() {
    LESSON.assert_lists_its_examples();
}

#[test]
fn a_wrong_name_ends_with_status_2_and_a_suggestion() {
    LESSON.assert_refuses("servise", "service");
}

#[test]
fn the_whole_lesson_runs_from_the_first_example_to_the_last() {
    LESSON.assert_runs_from_first_to_last();
}

#[test]
fn a_lesson_that_nobody_reads_ends_quietly() {
    for arguments in [&["list"], &["service"], &[][..]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        LESSON.assert_succeeds_into(arguments, writer);
    }
}

#[test]
fn service_has_two_printers_then_five_and_then_none() {
    let lines = LESSON.lines(&["service"]);
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
