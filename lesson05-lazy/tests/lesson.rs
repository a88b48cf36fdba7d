//! What the lesson promises on its command line.

use course::testing::{Program, Varies, nothing, numbers, place};

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson05-lazy"));

fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

/// The times in a line, such as the 0.45 of "0.45 s".
fn seconds(line: &str) -> Vec<f64> {
    let words: Vec<_> = line.split_whitespace().collect();
    let times = words.windows(2).filter(|pair| pair[1].trim_end_matches(',') == "s");
    times.map(|pair| pair[0].parse().unwrap()).collect()
}

course::lesson_tests!(LESSON, "imap_unorderd" => "imap_unordered", varies);

/// Returns what varies between two runs of an example.
fn varies(example: &str) -> Varies {
    match example {
        "imap" | "imap_unordered" => nothing().order(),
        // The long list has fewer items if the build is slow, and the memory is the system's to
        // tell.
        "memory" => nothing().text("[NUMBER]", r"\d+(?:\.\d+)?"),
        "long_tasks" => nothing()
            .order()
            .text("[PID]", r"worker (\d+)")
            .text("[SPEED-UP]", r"([\d.]+) times as fast")
            .longer(2.5, "^one after the other:", "^taken:"),
        _ => nothing(),
    }
}

#[test]
fn imap_gives_results_in_order_and_the_first_before_the_last_task_is_done() {
    let lines = lines("imap");
    let results: Vec<_> = (0..6).map(|task| place(&lines, &format!("parent: result {task}"))).collect();
    assert!(results.is_sorted(), "{lines:#?}");
    // Task 3 is done long before task 0, for which its result has to wait.
    assert!(place(&lines, "task 3 is done") < results[0], "{lines:#?}");
    assert!(results[0] < place(&lines, "task 4 is done"), "{lines:#?}");
}

#[test]
fn imap_unordered_gives_results_before_the_slow_task_is_done() {
    let lines = lines("imap_unordered");
    let results: Vec<_> = (0..6).map(|task| place(&lines, &format!("parent: result {task}"))).collect();
    assert!(!results.is_sorted(), "{lines:#?}");
    for quick in [1, 3] {
        assert!(results[quick] < place(&lines, "task 0 is done"), "{lines:#?}");
    }
}

#[test]
fn memory_shows_that_map_takes_all_items_and_imap_few() {
    let lines = lines("memory");
    // Results, and items taken ahead; then the memory, which is the system's to tell.
    let row = |name| numbers(&lines[place(&lines, name)])[..2].to_vec();
    let [all, ahead] = row("map   ")[..] else { unreachable!() };
    assert_eq!(ahead, all);
    let [used, ahead] = row("imap, endless")[..] else { unreachable!() };
    assert!(used == 10_000 && ahead <= 256, "{lines:#?}");
    // Four chunks of a thousand for each of two workers.
    let [used, ahead] = row("imap, in batches")[..] else { unreachable!() };
    assert!(used == all && ahead <= 8000, "{lines:#?}");
}

#[test]
fn responsiveness_has_first_results_early_but_for_map() {
    let lines = lines("responsiveness");
    let row = |name: &str| seconds(lines.iter().find(|line| line.starts_with(name)).unwrap());
    for call in ["map ", "imap ", "imap_unordered "] {
        let times = row(call);
        assert_eq!(times.len(), 3, "{lines:#?}");
        assert!(times.is_sorted() && times[2] >= 0.45, "{lines:#?}");
    }
    assert_eq!(row("map ")[0], row("map ")[2]);
    // Behind the slow task are more than half of the tasks.
    assert!(row("imap ")[1] >= 0.45, "{lines:#?}");
    assert!(row("imap_unordered ")[0] < row("imap_unordered ")[2], "{lines:#?}");
}

#[test]
fn long_tasks_takes_no_less_than_planned_and_less_than_the_sum() {
    let lines = lines("long_tasks");
    let run = |task| {
        let line = &lines[place(&lines, &format!("task {task} in worker "))];
        (numbers(line)[1], seconds(line)[0])
    };
    let first: Vec<_> = (0..4).map(run).collect();
    let (worker, began) = run(4);
    assert!(first.iter().any(|(pid, _)| *pid == worker), "{lines:#?}");
    assert!(first.iter().all(|(_, at)| *at <= began), "{lines:#?}");
    let [sum, longest, planned, taken] =
        ["one after the other: ", "the longest task: ", "planned for 4 workers: ", "taken: "]
            .map(|start| seconds(&lines[place(&lines, start)])[0]);
    assert!(longest <= planned && planned <= sum, "{lines:#?}");
    // The printed times are rounded.
    assert!(planned <= taken + 0.02, "{lines:#?}");
}
