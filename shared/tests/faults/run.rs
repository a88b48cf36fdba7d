//! Running cells in processes of their own, several at a time.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cells::{Cell, all};
use crate::faults::Fault;
use crate::places::Place;
use crate::support::{descendants_of, end_hung};

/// The argument before the numbers of the cells to try in this very process.
pub(crate) const CELLS: &str = "--cells";
/// How the outcome of a cell that did not end begins.
pub(crate) const HANGS: &str = "hangs";

/// How long a cell may take. The slowest wait for a zygote that is stopped, which takes a few
/// seconds.
const DEADLINE: Duration = Duration::from_secs(40);
/// Processes at a time: most of them wait for something most of the time.
const AT_A_TIME: usize = 6;

/// Tries the cells of these numbers, and prints a line for each.
pub(crate) fn cells_in_this_process(numbers: &str) {
    let cells = all();
    for number in numbers.split(',') {
        let outcome = cells[number.parse::<usize>().unwrap()].observe();
        let text = outcome.unwrap_or_else(|broken| format!("broken: {broken}"));
        println!("{}", text.replace('\n', " "));
        std::io::stdout().flush().unwrap();
    }
}

/// Tries all wanted cells; their outcomes come in the order of the cells.
pub(crate) fn all_in_processes(wanted: impl Fn(&Cell) -> bool) -> Vec<(Cell, String)> {
    let cells = all();
    let mut groups: BTreeMap<(bool, usize), Vec<usize>> = BTreeMap::new();
    let mut first = 0;
    for (number, cell) in cells.iter().enumerate().filter(|(_, cell)| wanted(cell)) {
        let same = cells[first].charge == cell.charge && cells[first].method == cell.method;
        // Those that wait for seconds go first, each on its own.
        let slow = cell.charge.1 == Fault::Stop;
        if !same || (slow && matches!(cell.charge.0, Place::Zygote | Place::Idle)) {
            first = number;
        }
        groups.entry((!slow, first)).or_default().push(number);
    }
    let queue = Mutex::new(groups.into_values());
    let outcomes = Mutex::new(BTreeMap::new());
    let next = || queue.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(group) = next() {
                    let results = in_a_process(&group);
                    outcomes.lock().unwrap().extend(group.into_iter().zip(results));
                }
            });
        }
    });
    outcomes.into_inner().unwrap().into_iter().map(|(number, outcome)| (cells[number], outcome)).collect()
}

/// Tries cells in one process; says what came of each.
fn in_a_process(numbers: &[usize]) -> Vec<String> {
    let list: Vec<String> = numbers.iter().map(usize::to_string).collect();
    let mut words = tempfile::tempfile().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([CELLS, &list.join(",")])
        .stdin(Stdio::null())
        .env("RUST_BACKTRACE", "0")
        .stderr(words.try_clone().unwrap());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = lines(&mut child);
    let mut outcomes = Vec::new();
    while outcomes.len() < numbers.len() {
        match lines.recv_timeout(DEADLINE) {
            Ok(line) => outcomes.push(line),
            Err(end) => {
                let why = match end {
                    RecvTimeoutError::Timeout => format!("{HANGS}, its threads:{}", end_hung(&mut child)),
                    RecvTimeoutError::Disconnected => {
                        end_with_all_below(&mut child);
                        "the program died".to_string()
                    }
                };
                let mut text = String::new();
                words.rewind().unwrap();
                words.read_to_string(&mut text).unwrap();
                outcomes.push(format!("{why}: {text}"));
                break;
            }
        }
    }
    end_with_all_below(&mut child);
    outcomes.resize(numbers.len(), "not tried, for one before it failed".to_string());
    outcomes
}

/// The lines that a program prints, as they come.
fn lines(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

/// Waits for a program that has said all it had to say, for a moment, and kills it and its
/// processes after that.
fn end_with_all_below(child: &mut Child) {
    for _ in 0..200 {
        if child.try_wait().unwrap().is_some() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    for process in descendants_of(child.id()) {
        let _ = kill(Pid::from_raw(process.pid as i32), Signal::SIGKILL);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
