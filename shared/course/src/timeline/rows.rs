//! Tasks, sorted: a row for each worker, in it a bar for each task, or for several that are too short to be told apart.

use multiproc::TaskEvent;

use crate::timeline::axis::Axis;

/// Bars narrower than this, in units of the picture, are joined with such neighbours.
const NARROW: f64 = 1.5;

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
pub(crate) fn sort<'a>(events: &'a [TaskEvent], axis: &Axis) -> Vec<Row<'a>> {
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|event| event.start);
    let mut pools: Vec<Pool<'_>> = Vec::new();
    for event in sorted {
        let (name, number) = parts(&event.name);
        let place = pools.iter().position(|pool| pool.name == name).unwrap_or_else(|| {
            pools.push(Pool { name, numbered: false, rows: Vec::new() });
            pools.len() - 1
        });
        let pool = &mut pools[place];
        pool.numbered |= event.task > 0;
        let row = pool.rows.iter().position(|(_, row)| row.pid == event.pid && row.name == &*event.name);
        let row = row.unwrap_or_else(|| {
            let row = Row { name: &event.name, pid: event.pid, numbered: false, bars: Vec::new() };
            pool.rows.push((number, row));
            pool.rows.len() - 1
        });
        add(&mut pool.rows[row].1.bars, event, axis);
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

fn add<'a>(bars: &mut Vec<Bar<'a>>, event: &'a TaskEvent, axis: &Axis) {
    let (function, failed) = (short(event.function), event.failed);
    let busy = event.end.saturating_sub(event.start);
    let narrow = |start: u64, end: u64| axis.place(end) - axis.place(start) < NARROW;
    if let Some(bar) = bars.last_mut()
        && (bar.function, bar.failed) == (function, failed)
        && narrow(event.start, event.end)
        && narrow(bar.end, event.start)
        && (bar.tasks > 1 || narrow(bar.start, bar.end))
    {
        bar.tasks += 1;
        bar.end = bar.end.max(event.end);
        bar.busy += busy;
        return;
    }
    bars.push(Bar { first: event.task, tasks: 1, function, failed, start: event.start, end: event.end, busy });
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
