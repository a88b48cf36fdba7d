//! The number of CPUs that a program uses, as its environment and its cgroup limit it.

use std::process::Command;

use multiproc::{Executor, Pool, Result, ThreadPool, cpu_count, physical_cpu_count};

use crate::support::{Cgroup, Named, Program, named, note};

pub(crate) const TESTS: &[Named] = named! {
    variable_caps_the_number_of_workers
    variable_that_is_no_number_is_an_error_of_pools_that_need_it
    quota_of_part_of_a_cpu_is_one_cpu
};

pub(crate) const PROGRAMS: &[Named] = named! {
    counts_cpus
};

/// A program: prints the numbers of CPUs, and of the workers of pools that are not told how many.
fn counts_cpus() -> Result<()> {
    let pools = [Pool::new().map(|pool| pool.processes()), ThreadPool::new().map(|pool| pool.processes())];
    let [processes, threads] =
        pools.map(|count| count.map_or_else(|error| error.to_string(), |count| count.to_string()));
    println!("{} {}\n{processes}\n{threads}", cpu_count(), physical_cpu_count());
    // What is told its number needs no other.
    assert_eq!(Pool::with_processes(2)?.processes(), 2);
    // A worker counts as its program does.
    assert_eq!(Pool::with_processes(1)?.apply(cpu_count, ())?, cpu_count());
    Ok(())
}

/// Returns the lines that the program prints.
fn lines_of(command: &mut Command) -> Vec<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(Into::into).collect()
}

fn lines_with(value: &str) -> Vec<String> {
    lines_of(Program::command("counts_cpus").env("MULTIPROC_CPU_COUNT", value))
}

fn variable_caps_the_number_of_workers() -> Result<()> {
    let uncapped = lines_of(Program::command("counts_cpus").env_remove("MULTIPROC_CPU_COUNT"));
    assert_eq!(uncapped[1..], [uncapped[0].split(' ').next().unwrap(); 2]);
    assert_eq!(lines_with("1"), ["1 1", "1", "1"]);
    assert_eq!(lines_with("4000"), uncapped, "it does not raise the number");
    Ok(())
}

fn variable_that_is_no_number_is_an_error_of_pools_that_need_it() -> Result<()> {
    let uncapped = lines_of(Program::command("counts_cpus").env_remove("MULTIPROC_CPU_COUNT"));
    for value in ["0", "", "many"] {
        let lines = lines_with(value);
        assert_eq!(lines[0], uncapped[0], "it is ignored where there is no error to return");
        assert!(
            lines[1..].iter().all(|line| line.contains("MULTIPROC_CPU_COUNT") && line.contains(value)),
            "{lines:?}"
        );
    }
    Ok(())
}

fn quota_of_part_of_a_cpu_is_one_cpu() -> Result<()> {
    let Some(group) = Cgroup::with_quota() else {
        note("no cgroup with a quota can be made here");
        return Ok(());
    };
    assert_eq!(lines_of(&mut group.of(&Program::command("counts_cpus"))), ["1 1", "1", "1"]);
    Ok(())
}
