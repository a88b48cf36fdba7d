//! The table on standard output.

use crate::case::{Goal, OURS};
use crate::measure::{Row, processors};

/// Prints what was compared, and with which peer, and the table's head.
pub(crate) fn header(peer: &str) {
    println!("{} processors, {}; {peer}", processors(), std::env::consts::ARCH);
    println!("ratio: the side's number divided by ours; all numbers are times or memory, so less is better\n");
    println!("{:<18}{:<14}{:<17}{:>9}  {:<19}{:>8}  goal", "case", "unit", "side", "median", "min–max", "ratio");
}

/// Prints a row, one line a side.
pub(crate) fn print(row: &Row<'_>) {
    for (index, (name, outcome)) in row.sides.iter().enumerate() {
        let (id, unit) = if index == 0 { (row.case.id, row.case.unit.name) } else { ("", "") };
        let start = format!("{id:<18}{unit:<14}{name:<17}");
        match outcome {
            Err(reason) => println!("{start}{:>9}  {reason}", "missing"),
            Ok(times) => {
                let spread = format!("{}–{}", short(times.min), short(times.max));
                let ratio = match row.ratio(name) {
                    Some(ratio) if *name != OURS => format!("{} ×", short(ratio)),
                    _ => String::new(),
                };
                let line =
                    format!("{start}{:>9}  {spread:<19}{ratio:>8}  {}", short(times.median), comparison(row, name));
                println!("{}", line.trim_end());
            }
        }
    }
}

/// What is said beside a side: of the goal against it, or of ours alone beside ours.
fn comparison(row: &Row<'_>, name: &str) -> String {
    let of_side = |goal: &&Goal| match goal {
        Goal::Times { side, .. } => *side == name,
        Goal::AtMost(_) => name == OURS,
    };
    let Some(goal) = row.case.goals.iter().find(of_side) else { return String::new() };
    let bound = match goal {
        Goal::Times { times, .. } => format!("≥ {} ×", short(*times)),
        Goal::AtMost(max) => format!("≤ {}", short(*max)),
    };
    match row.reaches(goal) {
        Some(true) => format!("{bound} reached"),
        Some(false) => format!("{bound} missed"),
        None => String::new(),
    }
}

/// Three significant digits, and no more than the whole number has when it is long.
pub(crate) fn short(number: f64) -> String {
    let digits = if number > 0.0 { number.log10().floor() as i32 } else { 0 };
    format!("{number:.*}", (2 - digits).clamp(0, 4) as usize)
}
