//! What the lesson promises on its command line.

use std::io::{self, BufRead, BufReader};
use std::thread;

use course::testing::{Program, Varies, nothing, numbers, place};

const LESSON: Program = Program::new(env!("CARGO_BIN_EXE_lesson01-processes"));

/// What one example prints, line by line.
#[track_caller]
fn lines(example: &str) -> Vec<String> {
    LESSON.lines(&[example])
}

course::lesson_tests!(LESSON, "proces" => "process", varies);

/// Returns what varies between two runs of an example.
fn varies(example: &str) -> Varies {
    match example {
        "fork" | "process_args" => nothing().pids().order(),
        "process" | "first_pool" => nothing().pids(),
        "threads" | "shared_list" => nothing().text("[SUM]", r"\b\d{8}\b"),
        "queue" => nothing().order(),
        "queue_drain" => nothing().text("[COUNT]", r"is_empty: (\d+)"),
        "pipe_or_queue" => nothing()
            .text("[COUNT]", r"(\d+) thousand")
            .lines("of a debug build")
            .longer(2.0, "a stream on a queue", "a stream on a pipe")
            .longer(2.0, "a conversation on two queues", "a conversation on a pipe"),
        "sync" => nothing().text("[COUNT]", r"get, then set: (\d+)").text("[COUNTS]", r"they read (\[.*\])"),
        _ => nothing(),
    }
}

#[test]
fn a_lesson_that_nobody_reads_ends_quietly() {
    for arguments in [&["list"], &["fork"], &["process"], &["process_args"], &["hello_pool"], &[][..]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        LESSON.assert_succeeds_into(arguments, writer);
    }
}

#[test]
fn a_lesson_whose_reader_leaves_half_way_ends_quietly() {
    // The reader may leave while the parent prints or while a child does, and nobody may wait for
    // anybody then.
    for lines in [1, 2, 4, 6] {
        let (reader, writer) = io::pipe().unwrap();
        let reader = thread::spawn(move || BufReader::new(reader).lines().take(lines).count());
        LESSON.assert_succeeds_into(&["queue"], writer);
        assert_eq!(reader.join().unwrap(), lines);
    }
}

#[test]
fn fork_tells_who_is_whose_parent_and_shows_a_zombie() {
    let lines = lines("fork");
    let parent = numbers(&lines[place(&lines, "and my child is")]);
    let child = numbers(&lines[place(&lines, "and my parent is")]);
    assert_eq!(parent, [child[1], child[0]]);
    let zombie = place(&lines, "its state is Z");
    let reaped = place(&lines, &format!("child {} exited with code 7", child[0]));
    assert!(zombie < reaped);
    assert_eq!(place(&lines, "the zombie is gone"), lines.len() - 1);
}

#[test]
fn process_prints_the_childs_words_between_start_and_join() {
    let lines = lines("process");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let child = numbers(lines[1].strip_prefix("parent: my child says: Hello from ").unwrap())[0];
    assert_ne!(numbers(&lines[0]), [child]);
    assert_eq!(lines[2], format!("parent: child {child} has ended"));
}

#[test]
fn process_args_greets_every_name_in_a_process_of_its_own() {
    let lines = lines("process_args");
    let mut pids: Vec<_> =
        ["Bob", "Alice", "Eve"].map(|name| numbers(&lines[place(&lines, &format!("Hello {name}"))])).into();
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 3);
    let results: Vec<_> = lines.iter().filter(|line| line.starts_with("parent: ")).collect();
    assert_eq!(results, ["parent: Bob has 3 letters", "parent: Alice has 5 letters", "parent: Eve has 3 letters"]);
}

/// A million random numbers from 1 to 100: 50.5 million on average, and hardly ever more than 0.2
/// million off (that would be seven standard deviations).
#[track_caller]
fn assert_random_sums(line: &str) {
    let mut sums = numbers(line);
    assert!(sums.iter().all(|sum| sum.abs_diff(50_500_000) < 200_000), "{line}");
    sums.sort();
    sums.dedup();
    assert!(sums.len() > 6, "the random numbers are the same in all of them: {line}");
}

#[test]
fn threads_finds_eight_sums_of_a_million_random_numbers() {
    assert_random_sums(&lines("threads")[0]);
}

#[test]
fn subprocess_tells_how_each_program_ended_and_which_is_missing() {
    let lines = lines("subprocess");
    assert!(place(&lines, "exit status: 0; success: true") < place(&lines, "exit status: 3; success: false"));
    place(&lines, "SIGTERM");
    place(&lines, "cannot run `no-such-program`: No such file or directory");
}

#[test]
fn communicate_moves_10_mib_both_ways() {
    let lines = lines("communicate");
    place(&lines, "Alice, Bob, Eve");
    place(&lines, "no-such-file");
    let size = 10 << 20;
    assert_eq!(numbers(&lines[place(&lines, "tee: ")]), [size; 3]);
    assert_eq!(numbers(&lines[place(&lines, "head: ")]), [size, 5]);
}

#[test]
fn pipe_ends_with_its_last_writer() {
    let lines = lines("fork_pipe");
    place(&lines, "23 bytes came: bytes, and nothing else");
    let open = place(&lines, "is there an end? false");
    assert!(open < place(&lines, "is there an end? true"));
    assert_eq!(numbers(lines.last().unwrap()), [0]);
}

#[test]
fn merged_output_keeps_the_order_of_both_outputs() {
    let lines = lines("merged_output");
    assert_eq!(lines[..3], ["two pipes: one, three", "           two, four", "one pipe:  one, two, three, four"]);
    assert!(lines[3].ends_with("false") && lines[4].ends_with("true"), "{lines:#?}");
}

#[test]
fn first_pool_runs_all_tasks_in_one_worker() {
    let lines = lines("first_pool");
    assert!(lines[3].ends_with("under way, and I go on"), "{lines:#?}");
    let [own, first, second, third] = [0, 1, 2, 4].map(|line| numbers(&lines[line]));
    assert_eq!([first[2], second[2], third[2]], [42, 2, 5]);
    assert_eq!([second[3], third[3]], [first[3]; 2]);
    assert_ne!(own[0], first[3]);
}

#[test]
fn hello_pool_greets_in_the_order_of_the_names() {
    assert_eq!(lines("hello_pool"), [r#"["Hello Bob", "Hello Alice", "Hello Eve"]"#]);
}

#[test]
fn options_has_defaults_for_what_a_call_leaves_out() {
    assert_eq!(
        lines("options"),
        [
            "*******Alice********",
            "*******Alice********",
            "........Bob.........",
            "........EVE.........",
            "............GRACE.............",
        ]
    );
}

#[test]
fn pipe_prints_what_the_child_sent() {
    assert_eq!(lines("pipe"), [r#"[42, None, "Hello"]"#]);
}

#[test]
fn pipe_duplex_answers_each_number_and_sees_the_end_of_file() {
    assert_eq!(
        lines("pipe_duplex"),
        [
            "parent: 3 squared is 9",
            "parent: 1000 squared is 1000000",
            "parent: 4294967295 squared is 18446744065119617025",
            "child: no more numbers, the other side is gone",
        ]
    );
}

#[test]
fn queue_hands_over_every_url_and_ends_in_both_ways() {
    let lines = lines("queue");
    let halves: Vec<_> = lines.split(|line| line.is_empty()).collect();
    assert_eq!(halves.len(), 2, "{lines:#?}");
    for half in &halves {
        for (producer, number) in [("first", 1), ("first", 2), ("first", 3), ("second", 4), ("second", 5)] {
            let put = place(half, &format!("{producer} producer puts url{number}"));
            assert!(put < place(half, &format!("consumer: url{number}")), "{half:#?}");
        }
    }
    place(halves[0], "the consumer waits for more");
    place(halves[0], "the consumer was killed by SIGTERM");
    assert_eq!(halves[1].last().unwrap(), "parent: the consumer returned after 5 urls");
}

#[test]
fn queue_drain_gets_every_value() {
    let lines = lines("queue_drain");
    let early = numbers(&lines[place(&lines, "until is_empty")]);
    assert!(early[0] <= early[1]);
    assert_eq!(numbers(&lines[place(&lines, "until closed")]), [10_000, 10_000]);
}

#[test]
fn pipe_or_queue_measures_both_in_two_ways() {
    let mut lines = lines("pipe_or_queue");
    lines.retain(|line| line.contains("messages a second"));
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.iter().all(|line| numbers(line).into_iter().all(|number| number > 0)), "{lines:#?}");
}

#[test]
fn shared_list_finds_eight_sums_in_threads_and_eight_in_processes() {
    let lines = lines("shared_list");
    for name in ["8 threads", "8 processes"] {
        let line = &lines[place(&lines, name)];
        let (_, sums) = line.split_once('[').unwrap();
        let (sums, _) = sums.split_once(']').unwrap();
        assert_random_sums(sums);
    }
}

#[test]
fn sync_loses_no_update_that_is_made_under_the_lock() {
    let lines = lines("sync");
    let careless = numbers(&lines[place(&lines, "get, then set")]);
    let careful = numbers(&lines[place(&lines, "update")]);
    assert!(careless[0] <= careless[1]);
    assert_eq!(careful, [400_000, 400_000]);
    // No process read before all had counted.
    assert_eq!(numbers(&lines[place(&lines, "at the barrier")]), [careless[0]; 4]);
}

#[test]
fn a_trace_shows_threads_and_children_where_there_are_no_tasks() {
    let threads = LESSON.picture("threads");
    // One that is done between two looks is missed.
    assert!(threads.contains("thread-1 (") && threads.contains("thread-2 ("), "{threads}");
    let children = LESSON.picture("communicate");
    assert!(children.contains("tee") && children.contains("child-1 ("), "{children}");
}

#[test]
fn a_trace_shows_who_ran_which_task() {
    let picture = LESSON.picture("hello_pool");
    // Two tasks next to each other may share a bar.
    assert!(
        ["task 0: hello,", "2 tasks: hello,", "3 tasks: hello,"].iter().any(|bar| picture.contains(bar)),
        "{picture}"
    );
}
