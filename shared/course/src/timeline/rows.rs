//! Sorts tasks into a row for each worker, and in it a bar for each task, or for several that are
//! too short to be drawn apart.

use std::borrow::Cow;

use multiproc::TaskEvent;

use crate::timeline::axis::Axis;

/// Bars narrower than this, in units of the picture, are joined with narrow neighbours.
const NARROW: f64 = 1.5;

/// One task, or another activity that takes time.
#[derive(Debug, Clone)]
pub(crate) struct Span<'a> {
    /// The number of the task in its pool.
    pub(crate) task: u64,
    /// The function that ran, perhaps with its path.
    pub(crate) function: Cow<'a, str>,
    /// The name of the worker. If it ends in `-` and a number, the worker is one of several.
    pub(crate) name: Cow<'a, str>,
    /// The id of the process, or thread.
    pub(crate) pid: u32,
    /// The start, in nanoseconds of the common clock.
    pub(crate) start: u64,
    /// The end, on the same clock.
    pub(crate) end: u64,
    /// `true` if it failed, or was cut short.
    pub(crate) failed: bool,
}

impl<'a> From<&'a TaskEvent> for Span<'a> {
    fn from(event: &'a TaskEvent) -> Self {
        let TaskEvent { task, function, name, pid, start, end, failed, .. } = event;
        let (function, name) = (Cow::Borrowed(*function), Cow::Borrowed(&**name));
        Self { task: *task, function, name, pid: *pid, start: *start, end: *end, failed: *failed }
    }
}

/// The tasks of one worker.
pub(crate) struct Row<'a> {
    /// The worker's name.
    pub(crate) name: &'a str,
    /// The id of its process.
    pub(crate) pid: u32,
    /// `true` if the tasks have numbers worth showing; a process's only task has none.
    pub(crate) numbered: bool,
    /// The bars, from the first to the last.
    pub(crate) bars: Vec<Bar<'a>>,
}

impl Row<'_> {
    /// Returns the number of tasks.
    pub(crate) fn tasks(&self) -> usize {
        self.bars.iter().map(|bar| bar.tasks).sum()
    }

    /// Returns the nanoseconds that the tasks took.
    pub(crate) fn busy(&self) -> u64 {
        self.bars.iter().map(|bar| bar.busy).sum()
    }
}

/// One task, or several short ones of the same function.
pub(crate) struct Bar<'a> {
    /// The first task's number in its pool.
    pub(crate) first: u64,
    /// The number of tasks.
    pub(crate) tasks: usize,
    /// The function's name without its path.
    pub(crate) function: &'a str,
    /// `true` if it failed, or was cut short.
    pub(crate) failed: bool,
    /// The start of the first task.
    pub(crate) start: u64,
    /// The end of the last task.
    pub(crate) end: u64,
    busy: u64,
}

/// Returns the rows in the order in which their pools first ran a task, and the workers of a pool
/// by number.
pub(crate) fn sort<'a>(spans: &'a [Span<'_>], axis: &Axis) -> Vec<Row<'a>> {
    let mut sorted: Vec<_> = spans.iter().collect();
    sorted.sort_by_key(|span| span.start);
    let mut pools: Vec<Pool<'_>> = Vec::new();
    for span in sorted {
        let (name, number) = parts(&span.name);
        let place = pools.iter().position(|pool| pool.name == name).unwrap_or_else(|| {
            pools.push(Pool { name, numbered: false, rows: Vec::new() });
            pools.len() - 1
        });
        let pool = &mut pools[place];
        pool.numbered |= span.task > 0;
        let row = pool.rows.iter().position(|(_, row)| row.pid == span.pid && row.name == span.name);
        let row = row.unwrap_or_else(|| {
            let row = Row { name: &span.name, pid: span.pid, numbered: false, bars: Vec::new() };
            pool.rows.push((number, row));
            pool.rows.len() - 1
        });
        add(&mut pool.rows[row].1.bars, span, axis);
    }
    pools.into_iter().flat_map(Pool::into_rows).collect()
}

/// Workers whose names differ only in the number.
struct Pool<'a> {
    name: &'a str,
    numbered: bool,
    /// The workers' rows, with the numbers in their names.
    rows: Vec<(u64, Row<'a>)>,
}

impl<'a> Pool<'a> {
    fn into_rows(mut self) -> impl Iterator<Item = Row<'a>> {
        self.rows.sort_by_key(|(number, _)| *number);
        self.rows.into_iter().map(move |(_, row)| Row { numbered: self.numbered, ..row })
    }
}

/// Splits a worker's name into that of its pool and its number there.
fn parts(name: &str) -> (&str, u64) {
    let numbered = name.rsplit_once('-').and_then(|(pool, number)| Some((pool, number.parse().ok()?)));
    numbered.unwrap_or((name, 0))
}

fn add<'a>(bars: &mut Vec<Bar<'a>>, span: &'a Span<'_>, axis: &Axis) {
    let (function, failed) = (short(&span.function), span.failed);
    let busy = span.end.saturating_sub(span.start);
    let narrow = |start: u64, end: u64| axis.place(end) - axis.place(start) < NARROW;
    if let Some(bar) = bars.last_mut()
        && (bar.function, bar.failed) == (function, failed)
        && narrow(span.start, span.end)
        && narrow(bar.end, span.start)
        && (bar.tasks > 1 || narrow(bar.start, bar.end))
    {
        bar.tasks += 1;
        bar.end = bar.end.max(span.end);
        bar.busy += busy;
        return;
    }
    bars.push(Bar { first: span.task, tasks: 1, function, failed, start: span.start, end: span.end, busy });
}

/// Returns the name of a function without its path and types: `nap` for
/// `lesson::example::nap::<u8>`.
fn short(function: &str) -> &str {
    let plain = function.split('<').next().unwrap_or(function);
    let name = plain.trim_end_matches("::").rsplit("::").find(|part| *part != "main").unwrap_or(plain);
    if name == "{{closure}}" { "closure" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_lose_their_path_and_closures_their_braces() {
        let names = ["a::b::nap", "nap", "a::nap::<u8>", "a::nap<b::C>", "a::main::{{closure}}"];
        assert_eq!(names.map(short), ["nap", "nap", "nap", "nap", "closure"]);
    }

    #[test]
    fn a_worker_belongs_to_the_pool_it_is_named_after() {
        let names = ["pool1-12", "my-pool-3", "Process-1", "alone", "so-so"];
        assert_eq!(names.map(parts), [("pool1", 12), ("my-pool", 3), ("Process", 1), ("alone", 0), ("so-so", 0)]);
    }
}
