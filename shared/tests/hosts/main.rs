//! A cluster of three hosts, made of network namespaces: work reaches all of them, and one that is
//! cut off costs what it was working on, in bounded time. Nothing is left on any of them.
//!
//! Needs `mpirun`, `ip`, `unshare` and `nsenter`, and the right to make namespaces, which root has
//! everywhere and users have on most systems.

mod lab;
mod programs;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "its main function")]
#[path = "../../examples/three_backends.rs"]
mod three_backends;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use multiproc::{Rank, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use lab::{HOSTS, Lab, apart, command_apart};
use programs::{SILENCE, TASKS, WRITTEN, loses_a_rank, on_processes, on_ranks, on_threads, waits_for_ever, works};
use support::{Program, eventually, named, run_one_by_one};

fn main() -> ExitCode {
    run_one_by_one(
        &[named! {
            tasks_run_on_all_hosts
            program_prints_the_same_on_every_backend
            host_that_is_cut_off_fails_only_its_tasks
            killed_rank_fails_only_its_tasks_with_recovery
            killed_rank_ends_all_ranks_without_recovery
            killed_mpirun_leaves_no_process
            failing_test_leaves_nothing
        }],
        &[named! {
            works_in_a_lab prints_in_a_lab loses_a_host_in_a_lab recovers_in_a_lab loses_all_in_a_lab loses_mpirun_in_a_lab fails_in_a_lab
            works loses_a_rank waits_for_ever on_threads on_processes on_ranks
        }],
    )
}

fn tasks_run_on_all_hosts() -> Result<()> {
    apart("works_in_a_lab");
    Ok(())
}

fn works_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    let output = lab.mpirun("works").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("I am rank 0 on alpha\n"), "{printed}");
    let outcomes = outcomes(&printed);
    assert_eq!(outcomes.len() as u64, TASKS / 4);
    assert_eq!(hosts(&outcomes), BTreeSet::from(HOSTS));
    lab.assert_deserted();
    Ok(())
}

fn program_prints_the_same_on_every_backend() -> Result<()> {
    apart("prints_in_a_lab");
    Ok(())
}

fn prints_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    for mut command in [Program::command("on_threads"), Program::command("on_processes"), lab.mpirun("on_ranks")] {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), include_str!("../../examples/three_backends.txt"));
    }
    lab.assert_deserted();
    Ok(())
}

fn host_that_is_cut_off_fails_only_its_tasks() -> Result<()> {
    apart("loses_a_host_in_a_lab");
    Ok(())
}

fn loses_a_host_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    let mut program = Program::start_with(lab.mpirun("loses_a_rank"));
    lab.cut_off("gamma");
    assert_tasks_of_rank_3_are_lost(&mut program);
    // The program has gone on to its end, before mpirun has noticed anything.
    assert!(lab.processes("alpha").iter().any(|process| process.name == "mpirun"));
    // It ends with the error, mpirun hands that on, and no process stays, also on the other side of
    // the cut.
    let (status, printed) = program.end();
    assert_eq!(status.code(), Some(101), "{printed}");
    assert!(printed.contains("rank 3 on gamma was lost"), "{printed}");
    lab.assert_deserted();
    Ok(())
}

fn killed_rank_fails_only_its_tasks_with_recovery() -> Result<()> {
    apart("recovers_in_a_lab");
    Ok(())
}

fn recovers_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    let mut program = Program::start_with(lab.mpirun_with(&["--enable-recovery"], "loses_a_rank"));
    kill_rank(3, &program.line());
    assert_tasks_of_rank_3_are_lost(&mut program);
    // The program's status does not matter to mpirun any more: that was 101.
    let (status, printed) = program.end();
    assert_eq!(status.code(), Some(0), "{printed}");
    lab.assert_deserted();
    Ok(())
}

/// Reads what came of the tasks of `loses_a_rank`: those that rank 3 had are lost, in bounded time,
/// all others are right.
fn assert_tasks_of_rank_3_are_lost(program: &mut Program) {
    let lost_at = Instant::now();
    let mut printed = String::new();
    while !printed.ends_with(WRITTEN) {
        let line = program.line();
        assert!(!line.is_empty(), "the program was ended after {printed}");
        printed = printed + "\n" + &line;
    }
    assert!(lost_at.elapsed() < SILENCE + Duration::from_secs(30), "{:?}", lost_at.elapsed());
    let outcomes = outcomes(&printed);
    assert_eq!(outcomes.len() as u64, TASKS, "{printed}");
    assert_eq!(hosts(&outcomes), BTreeSet::from(HOSTS));
    let lost: Vec<_> = outcomes.values().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!lost.is_empty());
    lost.iter().for_each(|error| assert!(error.starts_with("rank 3 on gamma was lost"), "{error}"));
    // Those that were under way, and not those that came later.
    assert!((lost.len() as u64) < TASKS / 2, "{}", lost.len());
}

/// Kills a rank, of those that rank 0 has told; says on which host it was.
fn kill_rank(rank: usize, told: &str) -> String {
    let ranks: Vec<Rank> = serde_json::from_str(told).unwrap();
    let rank = ranks.into_iter().find(|known| known.rank == rank).unwrap();
    kill(Pid::from_raw(rank.pid as i32), Signal::SIGKILL).unwrap();
    rank.host
}

fn killed_rank_ends_all_ranks_without_recovery() -> Result<()> {
    apart("loses_all_in_a_lab");
    Ok(())
}

fn loses_all_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    for killed in [1, 3] {
        let mut program = Program::start_with(lab.mpirun("waits_for_ever"));
        let host = kill_rank(killed, &program.line());
        let (status, printed) = program.end();
        assert_eq!(status.code(), Some(128 + Signal::SIGKILL as i32), "{printed}");
        assert!(printed.contains(&host) && printed.contains("signal 9"), "{printed}");
        lab.assert_deserted();
    }
    Ok(())
}

fn killed_mpirun_leaves_no_process() -> Result<()> {
    apart("loses_mpirun_in_a_lab");
    Ok(())
}

fn loses_mpirun_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    let program = Program::start_with(lab.mpirun("waits_for_ever"));
    assert!(HOSTS.iter().all(|host| !lab.processes(host).is_empty()));
    program.signal(Signal::SIGKILL);
    lab.assert_deserted();
    program.end();
    Ok(())
}

fn failing_test_leaves_nothing() -> Result<()> {
    for end in [|_: &Child| {}, |child: &Child| kill(Pid::from_raw(child.id() as i32), Signal::SIGKILL).unwrap()] {
        let mut command = command_apart("fails_in_a_lab");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines().map_while(|line| line.ok());
        let networks: BTreeSet<String> = printed.take(HOSTS.len()).collect();
        assert!(networks.len() == HOSTS.len() && networks.is_subset(&all_networks()), "{networks:?}");
        end(&child);
        drop(child.stdin.take());
        assert!(!child.wait().unwrap().success());
        // A link lives as long as the networks that it joins.
        eventually("no process is left in the networks", || networks.is_disjoint(&all_networks()));
    }
    Ok(())
}

/// Says which networks there are; then waits for the end of its input, with ranks at work, and
/// fails.
fn fails_in_a_lab() -> Result<()> {
    let lab = Lab::new();
    let _program = Program::start_with(lab.mpirun("waits_for_ever"));
    lab.networks().for_each(|network| println!("{network}"));
    let ended = std::io::stdin().read(&mut [0]);
    panic!("as it should: {ended:?}");
}

/// The networks that processes are in.
fn all_networks() -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let links = processes.filter_map(|process| fs::read_link(process.path().join("ns/net")).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}

/// What came of a task: the host that did it right, or the error.
type Outcome<'a> = std::result::Result<&'a str, &'a str>;

/// What rank 0 printed of each task.
fn outcomes(printed: &str) -> BTreeMap<u64, Outcome<'_>> {
    let lines = printed.lines().filter_map(|line| {
        let (task, outcome) = line.split_once(' ')?;
        let (task, (first, rest)) = (task.parse::<u64>().ok()?, outcome.split_once(' ')?);
        let right = first == (task * task).to_string();
        assert!(right || first == "lost", "{line}");
        Some((task, if right { Ok(rest) } else { Err(rest) }))
    });
    lines.collect()
}

/// Where tasks were done.
fn hosts<'a>(outcomes: &BTreeMap<u64, Outcome<'a>>) -> BTreeSet<&'a str> {
    outcomes.values().filter_map(|outcome| outcome.ok()).collect()
}
