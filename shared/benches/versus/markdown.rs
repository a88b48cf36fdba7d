//! The table as the book has it, in Markdown.

use crate::case::{Goal, LIMIT, OURS, Side};
use crate::measure::{Row, processors};
use crate::report::short;

/// What was compared and on what, then the rows with their peers, then the rows that compare ours
/// with itself.
pub(crate) fn write(rows: &[Row<'_>], peers: &str) -> String {
    let (curves, beside): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.case.sides.iter().any(|side| side.point));
    let lines = |rows: &[&Row<'_>], line: fn(&Row<'_>) -> String| rows.iter().map(|row| line(row)).collect::<String>();
    format!(
        "Measured on {} processors, {}, beside {peers}. Each number is a median; in brackets stand the smallest and the largest. A side's *×* is \
         its number divided by ours.\n\n\
         | row | unit | ours | limit | the others | goals |\n|---|---|--:|--:|---|---|\n{}\n\
         | row | unit | ours, from the least to the most | goals |\n|---|---|---|---|\n{}",
        processors(),
        std::env::consts::ARCH,
        lines(&beside, line_beside),
        lines(&curves, line_curve),
    )
}

fn line_beside(row: &Row<'_>) -> String {
    let limit = row.times(LIMIT).map_or(String::new(), |times| short(times.median));
    let others = row.sides.iter().filter(|(name, _)| ![OURS, LIMIT].contains(name));
    let others: Vec<_> = others
        .map(|(name, outcome)| match (outcome, row.ratio(name)) {
            (Ok(times), Some(ratio)) => format!("{name} {} (**{} ×**)", short(times.median), short(ratio)),
            _ => format!("{name} missing"),
        })
        .collect();
    let (id, unit) = (row.case.id, row.case.unit.name);
    format!("| `{id}` | {unit} | {} | {limit} | {} | {} |\n", of(row, OURS), others.join(", "), goals(row))
}

fn line_curve(row: &Row<'_>) -> String {
    let mut points: Vec<_> = row.case.sides.iter().filter(|side| side.size > 0.0).collect();
    points.sort_by(|a, b| a.size.total_cmp(&b.size));
    let point = |side: &&Side| match side.point {
        true => format!("{}: {}", side.name, of(row, side.name)),
        false => format!("**{}: {}**", row.case.largest, of(row, side.name)),
    };
    let points: Vec<_> = points.iter().map(point).collect();
    format!("| `{}` | {} | {} | {} |\n", row.case.id, row.case.unit.name, points.join(", "), goals(row))
}

/// A side's median and spread.
fn of(row: &Row<'_>, name: &str) -> String {
    let spread = |times: crate::measure::Times| match times.min < times.max {
        true => format!("{} ({}–{})", short(times.median), short(times.min), short(times.max)),
        false => short(times.median),
    };
    row.times(name).map_or("missing".to_owned(), spread)
}

fn goals(row: &Row<'_>) -> String {
    let goal = |goal: &Goal| {
        let bound = match goal {
            Goal::Times { side, times } => format!("{side} ≥ {} ×", short(*times)),
            Goal::AtMost(max) => format!("≤ {}", short(*max)),
        };
        let reached = row.reaches(goal).map_or("not measured", |reached| if reached { "reached" } else { "missed" });
        format!("{bound}: {reached}")
    };
    row.case.goals.iter().map(goal).collect::<Vec<_>>().join("; ")
}
