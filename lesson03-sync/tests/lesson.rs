//! What the lesson promises on its command line.

use course::testing::{Program, Varies, nothing, numbers, place};

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson03-sync"));

fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

course::lesson_tests!(LESSON, "either_exec" => "either_executor", varies);

/// Returns what varies between two runs of an example.
fn varies(example: &str) -> Varies {
    match example {
        "apply" => nothing().pids(),
        "map" => nothing().pids().order(),
        // One worker may have both chunks.
        "chunksize" => nothing().lines("^worker ").longer(5.0, "^ +1 ", "^ +100 ").longer(1.2, "^ +10000 ", "^ +1000 "),
        "starmap" => nothing().order(),
        "either_executor" => nothing().pids().text("[PIDS]", r"pids: (\{.*\})"),
        "for_loop" => nothing().text("[WORKERS]", r"(\d+) workers").text("[RATIO]", r"speed-up: ([\d.]+)").longer(
            1.5,
            "^the loop:",
            "^the pool:",
        ),
        "data_parallel" => nothing()
            .text("[CPUS]", r"^(\d+) CPUs")
            .text("[THREADS]", r"(\d+) threads")
            .text("[WORKERS]", r"(\d+) workers")
            .longer(1.5, "^a sum, by a loop", "^a sum, by rayon")
            .longer(3.0, "^a sum, by the pool, shared", "^a sum, by rayon")
            .longer(20.0, "^a sum, by the pool, sent", "^a sum, by a loop"),
        "trips" => nothing()
            .longer(8.0, "a trip for each", "one map  ")
            .longer(1.2, "one map, one chunk", "one map  ")
            .longer(30.0, "^add up 8 MB, sent along", "^add up 8 MB here")
            .longer(1.5, "in two tasks", "^add up 8 MB here")
            .longer(10.0, "^add up 8 MB, sent along", "in two tasks"),
        _ => nothing(),
    }
}

#[test]
fn apply_runs_tasks_in_a_worker_and_returns_a_panic_as_an_error() {
    let lines = lines("apply");
    let own = numbers(&lines[0])[0];
    for name in ["Alice", "Bob"] {
        assert_ne!(numbers(&lines[place(&lines, &format!("{name} has slept in process "))]), [own]);
    }
    assert_eq!(lines[4], "42");
    assert!(lines[5].starts_with("error: the task panicked at "), "{}", lines[5]);
    assert!(lines[5].contains("a whole number: ParseIntError"), "{}", lines[5]);
}

#[test]
fn map_reports_every_task_and_returns_results_in_order() {
    let lines = lines("map");
    for n in 1..=10 {
        place(&lines, &format!(": {n} doubled is {}", 2 * n));
    }
    assert_eq!(lines[10], "[2, 4, 6, 8, 10, 12, 14, 16, 18, 20]");
}

#[test]
fn chunksize_keeps_five_numbers_together_and_measures_five_sizes() {
    let lines = lines("chunksize");
    let table = place(&lines, "chunk size");
    let doubled: Vec<_> = lines[..table - 1].iter().flat_map(|line| numbers(line)[1..].to_vec()).collect();
    assert_eq!(doubled, (1..=10).map(|n| 2 * n).collect::<Vec<_>>());
    // One worker may have had both chunks.
    assert!(lines[..table - 1].iter().all(|line| numbers(line)[1..].len().is_multiple_of(5)), "{lines:#?}");
    let sizes: Vec<_> = lines[table + 1..].iter().map(|line| (numbers(line)[0], numbers(line)[1])).collect();
    assert_eq!(sizes, [(1, 10_000), (10, 1000), (100, 100), (1000, 10), (10_000, 1)]);
}

#[test]
fn starmap_sums_three_arguments_a_row() {
    let lines = lines("starmap");
    for i in 1..=6 {
        place(&lines, &format!("{i} + {} + {} = {}", 2 * i, 3 * i, 6 * i));
    }
    assert_eq!(lines[6], "[6, 12, 18, 24, 30, 36]");
}

#[test]
fn partial_fixes_a_number_and_a_table() {
    assert_eq!(
        lines("partial"),
        [
            "to the power of 1: [1, 2, 3, 4]",
            "to the power of 2: [1, 4, 9, 16]",
            "to the power of 3: [1, 8, 27, 64]",
            "to the power of 4: [1, 16, 81, 256]",
            r#"[Some("entry 7"), Some("entry 77777"), None]"#,
        ]
    );
}

#[test]
fn closure_unpacks_tuples_and_upper_cases() {
    assert_eq!(
        lines("closure"),
        [
            r#"["LOVELACE, ADA", "TURING, ALAN", "HOPPER, GRACE"]"#,
            r#"["Hello Ada Lovelace", "Hello Alan Turing", "Hello Grace Hopper"]"#,
        ]
    );
}

/// The whole numbers a, b and c of `ax² bx c = 0`.
fn coefficients(equation: &str) -> [i64; 3] {
    let words: Vec<_> = equation.split_whitespace().collect();
    let coefficient = |place: usize| words[place].trim_end_matches("x²").trim_end_matches('x').parse().unwrap();
    [coefficient(0), coefficient(1), coefficient(2)]
}

#[test]
fn solver_finds_the_roots_of_twenty_equations() {
    let lines = lines("solver");
    assert_eq!(lines.len(), 20);
    let mut kinds = [0; 3];
    for line in &lines {
        let [a, b, c] = coefficients(line);
        let (_, found) = line.split_once(" = 0 ").unwrap();
        let roots: Vec<f64> = found.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let expected = match b * b - 4 * a * c {
            1.. => 2,
            0 => 1,
            _ => 0,
        };
        assert_eq!(roots.len(), expected, "{line}");
        // The roots are rounded to a thousandth, and the slope at a root is the square root of b² -
        // 4ac: 21 at most.
        let value = |x: f64| (a as f64 * x + b as f64) * x + c as f64;
        assert!(roots.iter().all(|root| value(*root).abs() < 0.05), "{line}");
        kinds[expected] += 1;
    }
    assert!(kinds.iter().all(|kind| *kind > 0), "{kinds:?}: the rows show all three");
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

#[test]
fn for_loop_finds_the_same_on_the_pool_and_prints_the_speed_up() {
    let lines = lines("for_loop");
    place(&lines, "the same results: true");
    let speed_up: f64 = lines[place(&lines, "speed-up: ")].rsplit(' ').next().unwrap().parse().unwrap();
    assert!(speed_up > 0.0, "{speed_up}");
}

#[test]
fn data_parallel_finds_the_same_by_threads_and_by_the_pool() {
    let lines = lines("data_parallel");
    assert_eq!(numbers(&lines[0])[2], multiproc::cpu_count() as u64, "{lines:#?}");
    let results = |start: &str| {
        let results = lines.iter().filter(|line| line.starts_with(start)).map(|line| *numbers(line).last().unwrap());
        results.collect::<Vec<_>>()
    };
    assert_eq!(results("a sum, "), [31_999_996_000_000; 4]);
    assert_eq!(results("long tasks, "), [121_140; 2]);
}

#[test]
fn trips_measures_trips_payloads_and_shared_memory() {
    let lines = lines("trips");
    let parts: Vec<_> = lines.split(|line| line.is_empty()).map(<[String]>::len).collect();
    assert_eq!(parts, [3, 2, 2], "{lines:#?}");
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let time: f64 = line.strip_suffix(" ms").unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        assert!(time >= 0.0, "{line}");
    }
}
