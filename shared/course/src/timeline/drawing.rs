//! Draws the timeline as SVG.

use svg::Document;
use svg::node::Text as Words;
use svg::node::element::{Description, Group, Line, Rectangle, Style, Text, Title};

use crate::timeline::Timeline;
use crate::timeline::axis::duration;
use crate::timeline::rows::{Bar, Row};

/// The length of the axis, in units of the picture: the width without the names.
pub(crate) const TRACK: f64 = (WIDTH - LEFT - RIGHT) as f64;

const WIDTH: usize = 760;
const LEFT: usize = 152;
const RIGHT: usize = 32;
const TITLE: usize = 28;
const LEGEND: usize = 24;
const ROW: usize = 26;
const BAR: usize = 20;
/// The height between the last row and the bottom.
const FOOT: usize = 34;
/// The width of a letter, in units of the picture.
const LETTER: f64 = 6.8;

/// The number of colours; further functions share the last one. Each is dark enough for white
/// letters, and stands out from white and black.
const COLOURS: usize = 5;
const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #3b4550; }
.title { font-size: 15px; font-weight: 600; }
.bar text { fill: #fff; }
.mark { stroke: #8b949e; stroke-opacity: 0.35; }
.f0 rect { fill: #2f6fb5; } .f1 rect { fill: #2e7d4f; } .f2 rect { fill: #7a55b8; } .f3 rect { fill: #9a5b13; } .f4 rect { fill: #5c6670; }
.failed rect { fill: #b3362b; }
.page { fill: #fff; }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } .page { fill: #1c2129; } }
";

/// Draws a timeline.
pub(crate) fn draw(timeline: &Timeline<'_>) -> Document {
    let functions = functions(&timeline.rows);
    let failures = timeline.rows.iter().flat_map(|row| &row.bars).any(|bar| bar.failed);
    let top = TITLE + if functions.len() > 1 || failures { LEGEND } else { 8 };
    let bottom = top + timeline.rows.len() * ROW;
    let mut picture = Document::new()
        .set("viewBox", (0, 0, WIDTH, bottom + FOOT))
        .set("role", "img")
        .set("aria-labelledby", "title description")
        .add(Title::new(timeline.title).set("id", "title"))
        .add(Description::new().set("id", "description").add(Words::new(in_words(timeline))))
        .add(Style::new(STYLE))
        // A background of its own: the page's theme may differ from the browser's.
        .add(Rectangle::new().set("class", "page").set("width", WIDTH).set("height", bottom + FOOT).set("rx", 8))
        .add(Text::new(timeline.title).set("class", "title").set("x", 8).set("y", 19));
    if top > TITLE + 8 {
        picture = picture.add(legend(&functions, failures));
    }
    for (place, label) in timeline.axis.marks() {
        let x = LEFT as f64 + place;
        picture = picture
            .add(Line::new().set("class", "mark").set("x1", x).set("x2", x).set("y1", top).set("y2", bottom + 6))
            .add(Text::new(label).set("x", x).set("y", bottom + 22).set("text-anchor", "middle"));
    }
    for (place, row) in timeline.rows.iter().enumerate() {
        let y = top + place * ROW + (ROW - BAR) / 2;
        picture = picture.add(
            Text::new(format!("{} ({})", row.name, row.pid))
                .set("x", LEFT - 8)
                .set("y", y + BAR - 6)
                .set("text-anchor", "end"),
        );
        for bar in &row.bars {
            picture = picture.add(self::bar(timeline, row, bar, y, &functions));
        }
    }
    picture
}

/// Returns the functions that ran, each once, in order of appearance.
fn functions<'a>(rows: &[Row<'a>]) -> Vec<&'a str> {
    let mut functions = Vec::new();
    for bar in rows.iter().flat_map(|row| &row.bars) {
        if !functions.contains(&bar.function) {
            functions.push(bar.function);
        }
    }
    functions
}

fn class(function: &str, functions: &[&str]) -> usize {
    functions.iter().position(|known| *known == function).unwrap_or(0).min(COLOURS - 1)
}

fn legend(functions: &[&str], failures: bool) -> Group {
    let entries = functions.iter().map(|name| (format!("f{}", class(name, functions)), *name));
    let mut x = LEFT as f64;
    let mut legend = Group::new();
    for (class, name) in entries.chain(failures.then(|| ("failed".to_owned(), "failed, or cut short"))) {
        let square = Rectangle::new().set("x", x).set("y", TITLE + 2).set("width", 12).set("height", 12).set("rx", 2);
        legend = legend
            .add(Group::new().set("class", class).add(square))
            .add(Text::new(name).set("x", x + 17.0).set("y", TITLE + 12));
        x += 33.0 + name.chars().count() as f64 * LETTER;
    }
    legend
}

fn bar(timeline: &Timeline<'_>, row: &Row<'_>, bar: &Bar<'_>, y: usize, functions: &[&str]) -> Group {
    let x = LEFT as f64 + timeline.axis.place(bar.start);
    // Even the shortest task is visible.
    let width = (LEFT as f64 + timeline.axis.place(bar.end) - x).max(1.0);
    let class = if bar.failed { "failed".to_owned() } else { format!("f{}", class(bar.function, functions)) };
    let what = if bar.tasks == 1 {
        format!("task {}: {}", bar.first, bar.function)
    } else {
        format!("{} tasks: {}", bar.tasks, bar.function)
    };
    let spent = duration(bar.end.saturating_sub(bar.start));
    let outcome = if bar.failed { ", failed or cut short" } else { "" };
    let tip = format!("{what}, {spent} from {} on, in {}{outcome}", timeline.axis.after(bar.start), row.name);
    let mut group = Group::new()
        .set("class", format!("bar {class}"))
        .add(Title::new(tip))
        .add(Rectangle::new().set("x", x).set("y", y).set("width", width).set("height", BAR).set("rx", width.min(3.0)));
    if let Some(label) = label(bar, row).into_iter().find(|label| label.chars().count() as f64 * LETTER + 6.0 < width) {
        group =
            group.add(Text::new(label).set("x", x + width / 2.0).set("y", y + BAR - 6).set("text-anchor", "middle"));
    }
    group
}

/// Returns the possible labels of a bar, the longest first.
fn label(bar: &Bar<'_>, row: &Row<'_>) -> Vec<String> {
    if bar.tasks > 1 {
        return vec![format!("{} × {}", bar.tasks, bar.function), format!("{} tasks", bar.tasks)];
    }
    if !row.numbered {
        return vec![bar.function.to_owned()];
    }
    vec![format!("{} {}", bar.function, bar.first), bar.first.to_string()]
}

/// Describes the picture in words, for screen readers.
fn in_words(timeline: &Timeline<'_>) -> String {
    let rows: Vec<_> = timeline
        .rows
        .iter()
        .map(|row| {
            let tasks = row.tasks();
            let plural = if tasks == 1 { "task" } else { "tasks" };
            format!("{}: {tasks} {plural}, {} in all", row.name, duration(row.busy()))
        })
        .collect();
    format!("A row for each worker, a bar for each task, from left to right in time. {}.", rows.join("; "))
}
