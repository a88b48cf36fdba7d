//! What the lesson promises on its command line.

use course::testing::{Program, Varies, nothing, numbers, place};

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson04-async"));

fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

course::lesson_tests!(LESSON, "event-lop" => "event_loop", varies);

/// Returns what varies between two runs of an example.
fn varies(example: &str) -> Varies {
    match example {
        "map_async" | "as_completed" => nothing().order(),
        // The eight sums, and how many of them are there already.
        "submit" => nothing()
            .text("[SUM]", r"^sum \d: (\d+)")
            .text("[N]", r"submitted, (\d) results")
            .text("[CPUS]", r"sums on (\d+) CPUs"),
        // How far each task is at that moment.
        "statistics" => nothing().pids().text("[COUNTERS]", "^meanwhile: (.*)"),
        "await_result" => nothing().lines("tick"),
        // Which worker gets how many naps.
        "async_in_workers" => nothing().lines("^worker").longer(20.0, "^64 naps,", "^64 naps, .*, took"),
        "event_loop" => nothing().order().lines("♥").longer(50.0, "^naively:", "^with select!:"),
        "priority_queue" => nothing().order().text("[N]", r"\((\d+) more wait"),
        _ => nothing(),
    }
}

#[test]
fn apply_async_counts_in_the_worker_and_in_the_parent() {
    let lines = lines("apply_async");
    let sent = place(&lines, ": the task is sent");
    let ours = place(&lines, ": 11709 primes from 300000 to 450000, says the parent");
    assert!(sent < ours && ours < place(&lines, ": 25997 primes below 300000, says the worker"), "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "37706 primes below 450000");
}

#[test]
fn map_async_lets_the_parent_go_on_before_the_first_task_is_done() {
    let lines = lines("map_async");
    let sent = place(&lines, "ten tasks are on their way; are they done? false");
    let done = place(&lines, "parent: are they done? true");
    for task in 0..10 {
        assert!((sent..done).contains(&place(&lines, &format!("task {task}: I am done"))), "{lines:#?}");
    }
    assert_eq!(lines.last().unwrap(), "parent: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]");
}

#[test]
fn starmap_async_finds_the_sums_of_the_formulas() {
    let lines = lines("starmap_async");
    place(&lines, "16 tasks are sent in two calls");
    let sums = "(49999995000000, 333333283333335000000)";
    place(&lines, &format!("by formula:  {sums}"));
    place(&lines, &format!("by 16 tasks: {sums}"));
}

#[test]
fn batches_has_chunks_of_four_with_one_worker_each_in_all_three_calls() {
    let products = "[2, 6, 12, 20] [30, 42, 56, 72] [90, 110]";
    let squares = "[1, 4, 9, 16] [25, 36, 49, 64] [81, 100]";
    assert_eq!(
        lines("batches"),
        [
            format!("starmap        .......... {products}"),
            format!("map_async      .......... {squares}"),
            format!("starmap_async  .......... {products}"),
        ]
    );
}

#[test]
fn submit_finds_eight_sums_of_a_million_random_numbers() {
    let lines = lines("submit");
    place(&lines, "8 tasks are submitted");
    // 50.5 million on average, and hardly ever more than 0.2 million off (that would be seven
    // standard deviations).
    let mut sums: Vec<_> = (1..=8).map(|sum| numbers(&lines[place(&lines, &format!("sum {sum}: "))])[1]).collect();
    assert!(sums.iter().all(|sum| sum.abs_diff(50_500_000) < 200_000), "{sums:?}");
    sums.sort();
    sums.dedup();
    for what in ["8 threads ", "Pool::map, 4 workers ", "submit, 4 workers "] {
        assert!(place(&lines, what) > place(&lines, "eight sums on "), "{lines:#?}");
    }
    assert!(sums.len() > 6, "the random numbers are the same in all of them: {sums:?}");
}

#[test]
fn as_completed_gives_every_result_and_adds_the_times_up() {
    let lines = lines("as_completed");
    for (task, time) in [(0, "0.6"), (1, "0.4"), (2, "0.0"), (3, "0.2"), (4, "0.5")] {
        place(&lines, &format!("task {task}, which took {time} s"));
    }
    place(&lines, "1.7 s of tasks in ");
}

#[test]
fn statistics_counts_every_task_once() {
    let lines = lines("statistics");
    assert_eq!(numbers(&lines[place(&lines, "before: ")]), [0; 5]);
    let meanwhile = &lines[place(&lines, "meanwhile: ")];
    assert_eq!(numbers(meanwhile).iter().sum::<u64>(), 5, "{meanwhile}");
    assert_eq!(numbers(&lines[place(&lines, "after: ")]), [0, 0, 3, 1, 1]);
    place(&lines, "13 is bad luck");
    place(&lines, "task 4: the task was cancelled");
}

#[test]
fn await_result_ticks_while_it_waits_and_stops_what_takes_too_long() {
    let lines = lines("await_result");
    // Had a result blocked the thread, the clock would not even have begun.
    let cancelled = place(&lines, "is the task cancelled? true");
    assert!(lines[..cancelled].iter().filter(|line| line.contains("tick")).count() > 1, "{lines:#?}");
    place(&lines, "25997 primes below 300000");
    place(&lines, "3 naps; [4, 25, 168] primes");
    place(&lines, "the task was cancelled");
}

#[test]
fn async_in_workers_has_several_naps_at_a_time_in_each_process() {
    let lines = lines("async_in_workers");
    let workers: Vec<_> = lines.iter().filter(|line| line.starts_with("worker ")).map(|line| numbers(line)).collect();
    assert!((1..=4).contains(&workers.len()), "{lines:#?}");
    assert_eq!(workers.iter().map(|worker| worker[1]).sum::<u64>(), 64, "{lines:#?}");
    assert!(workers.iter().all(|worker| worker[2] == 8), "{lines:#?}");
    place(&lines, "64 naps, 6.4s in all");
}

/// The messages of a round: eight squares, four subtotals, the total.
const ROUND: [&str; 13] = [
    "Value 1",
    "Value 4",
    "Value 9",
    "Value 16",
    "Value 25",
    "Value 36",
    "Value 49",
    "Value 64",
    "Subtotal 5",
    "Subtotal 25",
    "Subtotal 61",
    "Subtotal 113",
    "Total 204",
];

/// Where the messages of each of the rounds are among all messages, in the order of `ROUND`. There
/// are no others.
#[track_caller]
fn rounds<const N: usize>(lines: &[String]) -> [Vec<usize>; N] {
    // `   15 ms  round 1: Value 49, waited 0.1 ms`, or `round 1: Value 49 (3 more wait)`.
    let message = |line: &str| {
        let (_, rest) = line.split_once("round ")?;
        let message = rest.split([',', '(']).next()?.trim();
        message.contains(": ").then(|| message.to_string())
    };
    let messages: Vec<_> = lines.iter().filter_map(|line| message(line)).collect();
    assert_eq!(messages.len(), N * ROUND.len(), "{lines:#?}");
    let find = |round, message| {
        let message = format!("{round}: {message}");
        messages.iter().position(|it| *it == message).unwrap_or_else(|| panic!("{message:?} in {lines:#?}"))
    };
    std::array::from_fn(|round| ROUND.iter().map(|message| find(round + 1, message)).collect())
}

/// The time, in milliseconds, behind `words` in a line: that of `waited 310.5µs` is 0.3105.
fn time_after(line: &str, words: &str) -> f64 {
    let time = line.split_once(words).unwrap_or_else(|| panic!("{words:?} in {line:?}")).1;
    let (number, unit) = time.split_at(time.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap());
    let factor = match unit.trim() {
        "ns" => 1e-6,
        "µs" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        _ => panic!("{line:?}"),
    };
    number.parse::<f64>().unwrap() * factor
}

#[test]
fn event_loop_prints_every_value_subtotal_and_total_and_ends() {
    let lines = lines("event_loop");
    for round in rounds::<2>(&lines) {
        let (parts, total) = round.split_at(12);
        let (values, subtotals) = parts.split_at(8);
        assert!(parts.iter().all(|part| *part < total[0]), "{lines:#?}");
        for (chunk, subtotal) in values.chunks(2).zip(subtotals) {
            assert!(chunk.iter().all(|value| value < subtotal), "{lines:#?}");
        }
    }
    assert!(lines.iter().any(|line| line.contains('♥')), "{lines:#?}");
    // The second producer has the squares once their round is complete.
    for round in 1..=2 {
        let total = place(&lines, &format!("round {round}: Total 204"));
        assert!(total < place(&lines, &format!("round {round}, squared again: Total 8772")), "{lines:#?}");
    }
    assert!(place(&lines, "with select!: 26 messages") < place(&lines, "naively: 26 messages"));
    assert_eq!(place(&lines, "naively: 26 messages"), lines.len() - 1);
}

/// What the beats cost: next to nothing for the one who waits for both, up to a beat for the other.
#[test]
fn event_loop_shows_that_select_delays_messages_less_than_polling() {
    let delays = || {
        let lines = lines("event_loop");
        ["with select!: ", "naively: "].map(|who| time_after(&lines[place(&lines, who)], "the longest wait was "))
    };
    // On a busy machine, a run may be late.
    let tries: Vec<_> = (0..5).map(|_| delays()).collect();
    assert!(tries.iter().any(|[select, naive]| 4.0 * select < *naive), "{tries:?}");
}

#[test]
fn event_loop_prints_times_that_never_go_back() {
    let lines = lines("event_loop");
    let times: Vec<_> = lines.iter().filter(|line| line.contains(" ms  ")).map(|line| numbers(line)[0]).collect();
    assert!(times.len() >= 28 && times.is_sorted(), "{lines:#?}");
    // The second round begins when it is due, half a second after the first.
    let second = lines.iter().find(|line| line.contains("round 2: ")).unwrap();
    assert!(numbers(second)[0] >= 500, "{second}");
}

#[test]
fn priority_queue_lets_totals_overtake_values() {
    let lines = lines("priority_queue");
    let rounds = rounds::<3>(&lines);
    assert_eq!(rounds[0][12], 0, "the first of all is a total: {lines:#?}");
    // The whole first round was there when the first message was taken.
    let (values, subtotals) = rounds[0][..12].split_at(8);
    assert!(values.iter().all(|value| subtotals.iter().all(|subtotal| subtotal < value)), "{lines:#?}");
    assert_eq!(place(&lines, "closed and empty"), lines.len() - 1);
}

#[test]
fn list_splitter_makes_parts_of_nearly_the_same_size() {
    let lines = lines("list_splitter");
    place(&lines, "[[1, 2, 3], [4, 5], [6, 7], [8, 9]]");
    place(&lines, "[[1], [2], [3], [], []]");
    place(&lines, "[[], []]");
    place(&lines, "[6, 9, 13, 17], 45 in all");
}

#[test]
fn tasks_and_futures_shows_who_begins_when() {
    let lines = lines("tasks_and_futures");
    let order = [
        "three futures, and nothing has happened",
        "begin the second cup",
        "begin the first cup",
        "neither has begun",
        "Alice: I begin tea",
        "both have begun",
        "I get tea",
    ];
    let places = order.map(|text| place(&lines, text));
    assert!(places.is_sorted(), "{lines:#?}");
    assert!(place(&lines, "Bob: I begin coffee") < place(&lines, "both have begun"));
    assert!(!lines.iter().any(|line| line.contains("begin the third cup")));
}
