//! What the lesson promises on its command line.

use course::testing::{Program, Varies, nothing, numbers, place};

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson02-config"));

/// What one example prints, line by line.
#[track_caller]
fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

/// As many different numbers as there are in `numbers`.
fn different(mut numbers: Vec<u64>) -> usize {
    numbers.sort();
    numbers.dedup();
    numbers.len()
}

course::lesson_tests!(LESSON, "initialiser" => "initializer", varies);

/// Returns what varies between two runs of an example.
fn varies(example: &str) -> Varies {
    match example {
        "default_pool" => {
            nothing().text("[CPUS]", r"(\d+) logical").text("[CPUS]", r"processes: (\d+)").lines("is process")
        }
        "processes" => nothing()
            .text("[CPUS]", r"\b(\d+ logical CPUs, \d+) physical")
            .text("[WORKERS]", r"pool of (\d+)")
            .longer(1.6, r"^a pool of 1: \d+ tasks take", r"^a pool of 1: .*\n.* tasks take")
            .longer(1.5, "^a pool of .* the program's own", "^a pool of .* the program's own.*\n.* own"),
        "start_methods" => nothing().longer(1.3, "^Spawn:", "^Fork:").longer(1.3, "^Spawn:", "^ForkServer:").longer(
            1.3,
            "^ForkServer:",
            "^ForkServer:.* a second pool",
        ),
        "initializer" | "initializer_args" => nothing().pids().order(),
        "max_tasks_per_child" | "active_children" | "limits" => nothing().pids(),
        _ => nothing(),
    }
}

#[test]
fn default_pool_has_a_worker_for_each_logical_cpu() {
    let lines = lines("default_pool");
    let cpus = multiproc::cpu_count();
    assert_eq!(numbers(&lines[place(&lines, "logical CPUs")]), [cpus as u64]);
    place(&lines, &format!("state: open, processes: {cpus}, start_method: ForkServer"));
    let pids: Vec<_> = lines.iter().filter(|line| line.contains(" is process ")).map(|line| numbers(line)[2]).collect();
    assert_eq!((pids.len(), different(pids)), (cpus, cpus), "{lines:#?}");
    place(&lines, "state: closed");
}

#[test]
fn ends_waits_for_all_tasks_or_for_none() {
    let lines = lines("ends");
    assert!(lines[0].starts_with("close ") && lines[0].contains("a new task: "), "{lines:#?}");
    let expected =
        [("and then join ", 3), ("shutdown ", 3), ("terminate ", 0), ("drop ", 0), ("drop with finish_on_drop ", 3)];
    assert_eq!(lines.len(), 1 + expected.len(), "{lines:#?}");
    for (line, (how, done)) in lines[1..].iter().zip(expected) {
        assert!(line.starts_with(how) && line.ends_with(&format!("s, done: {done} of 3")), "{lines:#?}");
    }
}

#[test]
fn processes_measures_pools_of_several_sizes() {
    let lines = lines("processes");
    let cpus = multiproc::cpu_count();
    assert_eq!(numbers(&lines[0]), [cpus as u64, multiproc::physical_cpu_count() as u64]);
    let sizes: Vec<_> = lines[1..].iter().map(|line| numbers(line)[0] as usize).collect();
    assert_eq!(sizes, [1, cpus, 2 * cpus, cpus, (cpus - 1).max(1)]);
}

#[test]
fn initializer_runs_once_in_each_of_two_workers() {
    let lines = lines("initializer");
    let pids = |text| lines.iter().filter(|line| line.contains(text)).map(|line| numbers(line)[0]).collect::<Vec<_>>();
    let (set_up, tasks) = (pids("I set up a table"), pids("I look"));
    assert_eq!((set_up.len(), different(set_up.clone())), (2, 2), "{lines:#?}");
    assert_eq!(tasks.len(), 4, "{lines:#?}");
    assert!(tasks.iter().all(|pid| set_up.contains(pid)), "{lines:#?}");
    place(&lines, "[4, 9, 25, 49]");
    place(&lines, "in the parent, there is None");
}

#[test]
fn initializer_args_gives_each_worker_a_seed_and_the_log() {
    let lines = lines("initializer_args");
    for worker in 1..=2 {
        let start = &lines[place(&lines, &format!("dice-{worker} is process"))];
        assert_eq!(numbers(start)[2], 2026 + worker);
        let roll = &lines[place(&lines, &format!("dice-{worker} rolls"))];
        assert!(numbers(roll)[1..].iter().all(|eyes| (1..=6).contains(eyes)), "{roll}");
    }
    let dice = |worker| numbers(&lines[place(&lines, &format!("dice-{worker} rolls"))])[1..].to_vec();
    assert_ne!(dice(1), dice(2), "both roll the same");
    place(&lines, "all dice: 10");
}

#[test]
fn max_tasks_per_child_changes_the_worker_after_every_third_task() {
    let lines = lines("max_tasks_per_child");
    let squares: Vec<_> = lines[..4].iter().map(|line| numbers(line)[1..].to_vec()).collect();
    assert_eq!(squares, [vec![1, 4, 9], vec![16, 25, 36], vec![49, 64, 81], vec![100]]);
    assert_eq!(different(lines[..4].iter().map(|line| numbers(line)[0]).collect()), 4);
    assert_eq!(numbers(&lines[4]), [4, 1]);
}

#[test]
fn start_methods_says_who_inherits_and_refuses_to_fork_threads() {
    let lines = lines("start_methods");
    for (method, known) in [("Fork: ", r#"Some("rosebud")"#), ("Spawn: ", "None"), ("ForkServer: ", "None")] {
        let line = lines.iter().find(|line| line.starts_with(method)).unwrap();
        assert!(line.ends_with(&format!("the word is {known}")), "{line}");
    }
    place(&lines, "now this program has 2 threads");
    place(&lines, "Fork: cannot fork safely: this process has 2 threads");
}

#[test]
fn active_children_follows_the_pool() {
    let lines = lines("active_children");
    let moments = [
        ("before the pool", 0),
        ("a pool of 2", 2),
        ("a pool of 3", 3),
        ("and a process", 4),
        ("which has ended", 3),
        ("and replaced", 3),
        ("after the pool", 0),
    ];
    for (when, count) in moments {
        let (_, names) = lines[place(&lines, when)].split_once(when).unwrap();
        assert_eq!(numbers(names)[0], count, "{when}: {lines:#?}");
    }
    place(&lines, "was lost (exited with code 1)");
}

#[test]
fn limits_fail_the_task_that_is_over_them_and_no_other() {
    let lines = lines("limits");
    for line in [
        "a nap of 10 ms: 10",
        "a nap of 60000 ms: error: item 1 of `lesson02_config::limits::nap`: timed out after 0.300 s and was stopped",
        "a nap of 20 ms: 20",
        "are there 512 MiB?: false",
    ] {
        place(&lines, line);
    }
    assert_eq!(lines.iter().filter(|line| *line == "fill 64 MiB: 64").count(), 2, "{lines:#?}");
    assert!(lines[place(&lines, "fill 512 MiB")].contains("killed by SIGABRT"));
    let pids: Vec<_> = lines.iter().filter(|line| line.ends_with("has leaked")).map(|line| numbers(line)[0]).collect();
    assert_eq!((pids.len(), different(pids)), (4, 2), "{lines:#?}");
    place(&lines, "2 workers started, 0 lost");
}
