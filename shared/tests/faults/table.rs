//! The outcomes as a table in Markdown, cells that end alike in one row.

use std::fmt::Write;

use crate::calls::Call;
use crate::cells::{Cell, METHODS, all};
use crate::places::{Charge, Place};

const HEAD: &str = "\
| where | fault | calls | what the caller gets |
|---|---|---|---|
";

/// The table of these outcomes; those of a fault at a place follow each other.
pub(crate) fn table(outcomes: &[(Cell, String)]) -> String {
    let mut text = HEAD.to_string();
    let mut rest = outcomes;
    while let Some((first, _)) = rest.first() {
        let len = rest.iter().take_while(|(cell, _)| cell.charge == first.charge).count();
        let (alike, others) = rest.split_at(len);
        rest = others;
        rows(first.charge, alike, &mut text);
    }
    text
}

fn rows(Charge(place, fault): Charge, outcomes: &[(Cell, String)], text: &mut String) {
    let mut seen: Vec<&str> = Vec::new();
    for (_, outcome) in outcomes {
        if seen.contains(&&**outcome) {
            continue;
        }
        seen.push(outcome);
        let of_this: Vec<_> = outcomes.iter().filter(|(_, other)| other == outcome).map(|(cell, _)| *cell).collect();
        let _ = writeln!(text, "| {place} | {fault} | {} | {outcome} |", calls(place, &of_this));
    }
}

/// The calls, and the start methods if not all of them ended so.
fn calls(place: Place, cells: &[Cell]) -> String {
    let every = Call::ALL.into_iter().filter(|call| call.has(place));
    let here: Vec<_> = every.clone().filter(|call| cells.iter().any(|cell| cell.call == *call)).collect();
    let methods: Vec<_> =
        METHODS.into_iter().filter(|method| cells.iter().any(|cell| cell.method == *method)).collect();
    let mut text = match here.len() {
        all if all == Call::ALL.len() => "all".to_string(),
        _ => here.iter().map(|call| format!("`{call}`")).collect::<Vec<_>>().join(", "),
    };
    if cells.len() < here.len() * METHODS.len() {
        let _ = write!(text, " ({methods:?})");
    }
    text
}

/// The table that should be.
pub(crate) fn expected() -> String {
    table(&all().into_iter().map(|cell| (cell, cell.expected().to_string())).collect::<Vec<_>>())
}
