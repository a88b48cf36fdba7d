//! Tasks, sorted: a row for each worker, in it a bar for each task, or for several that are too
//! short to be told apart.

use std::borrow::Cow;

use multiproc::TaskEvent;

use crate::timeline::axis::Axis;

/// Bars narrower than this, in units of the picture, are joined with such neighbours.
const NARROW: f64 = 1.5;

/// One task, or whatever else took some time.
#[derive(Debug, Clone)]
pub(crate) struct Span<'a> {
    /// Its number in its pool.
    pub(crate) task: u64,
    /// What ran; a function's name may come with its path.
    pub(crate) function: Cow<'a, str>,
    /// Who ran it: a name that ends in `-` and a number says which of several.
    pub(crate) name: Cow<'a, str>,
    /// In which process, or thread.
    pub(crate) pid: u32,
    /// Nanoseconds of the common clock.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Whether it failed, or was cut short.
    pub(crate) failed: bool,
}

impl<'a> From<&'a TaskEvent> for Span<'a> {
    fn from(event: &'a TaskEvent) -> Self {
        let TaskEvent { task, function, name, pid, start, end, failed, .. } = event;
        let (function, name) = (Cow::Borrowed(*function), Cow::Borrowed(&**name));
        Self { task: *task, function, name, pid: *pid, start: *start, end: *end, failed: *failed }
    }
}

/// What one worker ran.
pub(crate) struct Row<'a> {
    /// The worker's name.
    pub(crate) name: &'a str,
    /// Its process.
    pub(crate) pid: u32,
    /// Whether the tasks' numbers tell them apart; that of a process's only task does not.
    pub(crate) numbered: bool,
    /// From the first to the last.
    pub(crate) bars: Vec<Bar<'a>>,
}

impl Row<'_> {
    /// How many tasks it ran.
    pub(crate) fn tasks(&self) -> usize {
        self.bars.iter().map(|bar| bar.tasks).sum()
    }

    /// Nanoseconds it spent on them.
    pub(crate) fn busy(&self) -> u64 {
        self.bars.iter().map(|bar| bar.busy).sum()
    }
}

/// One task, or several short ones of the same function.
pub(crate) struct Bar<'a> {
    /// The first task's number in its pool.
    pub(crate) first: u64,
    /// How many there are.
    pub(crate) tasks: usize,
    /// The function's name without its path.
    pub(crate) function: &'a str,
    /// Whether it failed, or was cut short.
    pub(crate) failed: bool,
    /// When the first began, and the last ended.
    pub(crate) start: u64,
    pub(crate) end: u64,
    busy: u64,
}

/// Rows in the order in which their pools first ran something, and the workers of a pool by number.
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

/// Workers that are named alike.
struct Pool<'a> {
    name: &'a str,
    numbered: bool,
    /// With the numbers in their names.
    rows: Vec<(u64, Row<'a>)>,
}

impl<'a> Pool<'a> {
    fn into_rows(mut self) -> impl Iterator<Item = Row<'a>> {
        self.rows.sort_by_key(|(number, _)| *number);
        self.rows.into_iter().map(move |(_, row)| Row { numbered: self.numbered, ..row })
    }
}

/// The name of the pool that a worker called `name` belongs to, and its number there.
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

/// The name of a function without its path and its types: `nap` for `lesson::example::nap::<u8>`.
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
