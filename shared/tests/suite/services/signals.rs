//! Signals to a program with services: reload, terminate, and Ctrl-C.

use std::thread;
use std::time::Duration;

use multiproc::Result;
use nix::sys::signal::Signal;

use super::observe::{await_lines, await_listening, await_workers, end_well};
use crate::support::{Named, Program, named};

pub(crate) const TESTS: &[Named] = named! {
    sighup_scales_printers_to_five
    sighup_scales_spawned_printers_to_five
    sighup_scales_forked_printers_to_five
    sigterm_ends_all_workers_normally
    ctrl_c_ends_all_workers_normally
    group_sigterm_ends_all_workers_normally
    worker_that_ends_before_the_manager_looks_at_its_signals_is_not_replaced
    group_sighup_ends_no_worker
    worker_that_never_polls_is_ended_by_sigterm
    worker_that_ignores_sigterm_is_killed_at_the_deadline
    sleep_ends_early_only_for_polled_requests
    reload_does_not_kill_a_starting_worker
};

fn hup_raises(name: &str) -> Result<()> {
    let mut program = Program::start(name);
    let before = await_workers(&program, "printer", 0..2);
    // Something was printed, so one printer has begun; the other may still be on its way, and need
    // not be told then.
    let number = loop {
        let line = program.line();
        assert_ne!(line, "", "nothing was printed");
        if let Some(printer) = line.strip_suffix(" has something to print") {
            break printer.strip_prefix("printer-").unwrap().to_string();
        }
    };
    let reloads = format!("printer-{number} reloads");
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["new worker 2", "new worker 3", "new worker 4", &reloads]);
    let after = await_workers(&program, "printer", 0..5);
    assert_eq!(before, after[..2]);
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn sighup_scales_printers_to_five() -> Result<()> {
    hup_raises("prints")
}

fn sighup_scales_spawned_printers_to_five() -> Result<()> {
    hup_raises("prints_spawned")
}

fn sighup_scales_forked_printers_to_five() -> Result<()> {
    hup_raises("prints_forked")
}

/// Starts the program of two printers and a producer, raises it to five printers, and waits until
/// all listen for SIGTERM.
fn start_and_settle() -> Program {
    let mut program = Program::start("prints");
    await_workers(&program, "printer", 0..2);
    await_workers(&program, "producer", 0..1);
    program.signal(Signal::SIGHUP);
    await_listening(&mut program, &["producer-0", "printer-0", "printer-1", "printer-2", "printer-3", "printer-4"]);
    program
}

fn ends_in_good_order(end: impl FnOnce(&Program)) -> Result<()> {
    let program = start_and_settle();
    end(&program);
    let lines = end_well(program);
    for number in 0..5 {
        assert!(lines.contains(&format!("printer-{number} ends")), "{lines:#?}");
    }
    assert_eq!(lines.iter().filter(|line| line.ends_with("exited with code 0")).count(), 6, "{lines:#?}");
    assert!(lines.contains(&"terminating".to_string()), "{lines:#?}");
    Ok(())
}

fn sigterm_ends_all_workers_normally() -> Result<()> {
    ends_in_good_order(|program| program.signal(Signal::SIGTERM))
}

fn ctrl_c_ends_all_workers_normally() -> Result<()> {
    ends_in_good_order(|program| program.signal_group(Signal::SIGINT))
}

fn group_sigterm_ends_all_workers_normally() -> Result<()> {
    ends_in_good_order(|program| program.signal_group(Signal::SIGTERM))
}

fn worker_that_ends_before_the_manager_looks_at_its_signals_is_not_replaced() -> Result<()> {
    let mut program = Program::start("ends_during_reload");
    await_listening(&mut program, &["printer-0", "printer-1"]);
    program.signal(Signal::SIGHUP);
    let lines = end_well(program);
    let ends = [
        "printer-0 ends",
        "printer-1 ends",
        "terminating",
        "worker 0 exited with code 0",
        "worker 1 exited with code 0",
    ];
    assert_eq!(lines, ends);
    Ok(())
}

fn group_sighup_ends_no_worker() -> Result<()> {
    let program = start_and_settle();
    for _ in 0..5 {
        program.signal_group(Signal::SIGHUP);
        thread::sleep(Duration::from_millis(5));
    }
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    assert!(lines.iter().all(|line| !line.contains("SIGHUP") && !line.contains("new")), "{lines:#?}");
    Ok(())
}

fn worker_that_never_polls_is_ended_by_sigterm() -> Result<()> {
    let program = Program::start("ends_by_term");
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    let how = "killed by SIGTERM (signal 15)";
    assert_eq!(lines, ["terminating".to_string(), format!("worker 0 {how}"), format!("worker 1 {how}")]);
    Ok(())
}

fn worker_that_ignores_sigterm_is_killed_at_the_deadline() -> Result<()> {
    let mut program = Program::start("ignores_term");
    await_lines(&mut program, &["stubborn-0 does not care"]);
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    assert!(lines.contains(&"worker 0 killed by SIGKILL (signal 9)".to_string()), "{lines:?}");
    Ok(())
}

fn sleep_ends_early_only_for_polled_requests() -> Result<()> {
    let mut program = Program::start("naps");
    await_lines(&mut program, &["attentive-0 naps after 0 reloads", "dull-0 naps"]);
    for reloads in 1..=3 {
        program.signal(Signal::SIGHUP);
        await_lines(&mut program, &[&format!("attentive-0 naps after {reloads} reloads")]);
    }
    program.signal(Signal::SIGTERM);
    let lines = end_well(program);
    for line in ["attentive-0 ends after 4 naps", "dull-0 ends after 1 naps"] {
        assert!(lines.contains(&line.to_string()), "{lines:#?}");
    }
    Ok(())
}

fn reload_does_not_kill_a_starting_worker() -> Result<()> {
    for _ in 0..5 {
        let mut program = Program::start("reloads_at_once");
        let (mut started, mut here) = (0, 0);
        while here < 4 {
            let line = program.line();
            started += usize::from(line.starts_with("new worker"));
            here += usize::from(line.ends_with("is here"));
            assert!(!line.contains("SIGHUP") && !line.is_empty(), "{line:?}");
        }
        program.signal(Signal::SIGTERM);
        let lines = end_well(program);
        assert!(
            started == 4 && lines.iter().all(|line| !line.contains("SIGHUP") && !line.contains("new")),
            "{lines:?}"
        );
    }
    Ok(())
}
