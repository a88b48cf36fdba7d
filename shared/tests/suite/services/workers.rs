//! Workers of services that are killed, that panic, or that are too many.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use multiproc::Result;
use nix::sys::signal::Signal;

use super::observe::{await_lines, await_listening, await_workers, end_well, send};
use crate::support::{Named, ProcessId, Program, eventually, named};

pub(crate) const TESTS: &[Named] = named! {
    killed_worker_is_replaced_under_its_number
    killed_zygote_restarts_the_services
    no_process_outlives_a_killed_manager
    panicking_worker_is_throttled_alone
    surplus_workers_end_normally
    panicking_hook_fails_only_its_call
    arguments_panicking_on_clone_fail_one_start
};

fn killed_worker_is_replaced_under_its_number() -> Result<()> {
    let mut program = Program::start("prints");
    let before = await_workers(&program, "printer", 0..2);
    send(&before[1], Signal::SIGKILL);
    await_lines(&mut program, &["worker 1 killed by SIGKILL (signal 9)", "new worker 1"]);
    let after = await_workers(&program, "printer", 0..2);
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn killed_zygote_restarts_the_services() -> Result<()> {
    let mut program = Program::start("prints");
    let before = await_workers(&program, "printer", 0..2);
    let zygote = program.processes.iter().find(|process| process.name == "mp-zygote").unwrap();
    send(zygote, Signal::SIGKILL);
    // The producer's worker is number 0, too.
    await_lines(&mut program, &["new worker 0", "new worker 0", "new worker 1"]);
    let after = await_workers(&program, "printer", 0..2);
    // They were killed with the zygote, and need a CPU to end.
    eventually("the workers before have ended", || before.iter().all(ProcessId::is_gone));
    assert!(!after.iter().any(ProcessId::is_gone), "{after:?}");
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn no_process_outlives_a_killed_manager() -> Result<()> {
    for name in ["prints", "ends_by_term", "ignores_term"] {
        let program = Program::start(name);
        assert!(program.processes.len() >= 4, "{:?}", program.processes);
        program.signal(Signal::SIGKILL);
        let (status, _) = program.end();
        assert_eq!(status.signal(), Some(9));
    }
    Ok(())
}

fn panicking_worker_is_throttled_alone() -> Result<()> {
    let mut program = Program::start("panics_at_start");
    let before = await_workers(&program, "printer", 0..2);
    let start = std::time::Instant::now();
    for _ in 0..5 {
        await_lines(&mut program, &["no luck", "worker 0 exited with code 1", "new worker 0"]);
    }
    // The first came at once, the others after 50, 100, 200 and 400 ms at the least.
    assert!(start.elapsed() > Duration::from_millis(400), "{:?}", start.elapsed());
    assert_eq!(before, await_workers(&program, "printer", 0..2));
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn surplus_workers_end_normally() -> Result<()> {
    let mut program = Program::start("shrinks");
    let before = await_workers(&program, "printer", 0..3);
    await_listening(&mut program, &["printer-0", "printer-1", "printer-2"]);
    program.signal(Signal::SIGHUP);
    await_lines(
        &mut program,
        &["printer-1 ends", "printer-2 ends", "worker 1 exited with code 0", "worker 2 exited with code 0"],
    );
    assert_eq!(before[..1], await_workers(&program, "printer", 0..1));
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["printer-0 ends", "worker 0 exited with code 0"]);
    assert!(await_workers(&program, "printer", 0..0).is_empty());
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["new worker 0", "new worker 1"]);
    await_workers(&program, "printer", 0..2);
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}

fn panicking_hook_fails_only_its_call() -> Result<()> {
    let mut program = Program::start("has_hooks_that_panic");
    let before = await_workers(&program, "printer", 0..2);
    await_listening(&mut program, &["printer-0", "printer-1"]);
    program.signal(Signal::SIGHUP);
    await_lines(&mut program, &["reloading", "the service reloads"]);
    send(&before[1], Signal::SIGKILL);
    await_lines(&mut program, &["worker 1 killed by SIGKILL (signal 9)", "new worker 1", "printer-1 listens"]);
    let after = await_workers(&program, "printer", 0..2);
    assert_eq!(before[0], after[0]);
    program.signal(Signal::SIGTERM);
    await_lines(&mut program, &["terminating", "printer-0 ends", "printer-1 ends"]);
    let lines = end_well(program);
    let first = "in a hook of the service manager: new worker 0";
    assert!(lines.iter().any(|line| line.contains(first)), "{lines:?}");
    Ok(())
}

fn arguments_panicking_on_clone_fail_one_start() -> Result<()> {
    let mut program = Program::start("clones_badly");
    let before = await_workers(&program, "sleeper", 0..1);
    send(&before[0], Signal::SIGKILL);
    await_lines(&mut program, &["worker 0 killed by SIGKILL (signal 9)"]);
    let line = program.line();
    assert!(line.contains("fragile"), "{line}");
    await_lines(&mut program, &["new worker 0"]);
    assert_ne!(before, await_workers(&program, "sleeper", 0..1));
    program.signal(Signal::SIGTERM);
    end_well(program);
    Ok(())
}
