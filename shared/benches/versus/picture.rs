//! The comparison as a picture: a line for each row, a dot for each side, as far to the right as it
//! takes more than ours.

use svg::Document;
use svg::node::element::{Circle, Description, Line, Style, Text, Title};

use crate::case::{LIMIT, OURS};
use crate::measure::Row;
use crate::report::short;

const WIDTH: usize = 760;
const LEFT: f64 = 132.0;
/// How long the axis is, which has powers of ten.
const TRACK: f64 = 600.0;
const TOP: usize = 76;
const ROW: usize = 26;

/// The sides, in the order of the legend; colours that stand out from white and from black.
const SIDES: [&str; 9] = [OURS, "cpython", "loky", "procspawn", "ipc-channel", "rayon", "sequential", "pipe", LIMIT];

/// What all pictures have in common: readable on white and on black.
pub(crate) const BASE: &str = "
text { font: 12px system-ui, sans-serif; fill: #3b4550; }
.title { font-size: 15px; font-weight: 600; }
line { stroke: #8b949e; stroke-opacity: 0.35; }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }
";

const STYLE: &str = "line.one { stroke: #2f6fb5; stroke-opacity: 1; stroke-width: 2; }
.s0 { fill: #2f6fb5; } .s1 { fill: #c27c0e; } .s2 { fill: #b3362b; } .s3 { fill: #7a55b8; } .s4 { fill: #2e8b57; }
.s5 { fill: #c2478e; } .s6 { fill: #0f8b8d; } .s7 { fill: #84745a; } .s8 { fill: none; stroke: #6e7781; stroke-width: 2; }
";

/// Draws all rows that have ours and another side.
pub(crate) fn draw(rows: &[Row<'_>]) -> Document {
    let lines: Vec<_> = rows.iter().map(|row| (row.case.id, dots(row))).filter(|(_, dots)| dots.len() > 1).collect();
    let ratios = || lines.iter().flat_map(|(_, dots)| dots).map(|(_, ratio)| ratio.log10());
    let (first, last) = (ratios().fold(-1.0, f64::min).floor(), ratios().fold(1.0, f64::max).ceil());
    let place = |ratio: f64| LEFT + ((ratio.log10() - first) / (last - first) * TRACK * 10.0).round() / 10.0;

    let title = "What the others take, in units of ours";
    let bottom = TOP + lines.len() * ROW;
    let mut picture = Document::new()
        .set("viewBox", (0, 0, WIDTH, bottom + 34))
        .set("role", "img")
        .set("aria-labelledby", "title description")
        .add(Title::new(title).set("id", "title"))
        .add(Description::new().set("id", "description").add(svg::node::Text::new(in_words(&lines))))
        .add(Style::new(format!("{BASE}{STYLE}")))
        .add(Text::new(title).set("class", "title").set("x", 8).set("y", 19));
    picture = legend(picture);
    for power in first as i32..=last as i32 {
        let ratio = 10f64.powi(power);
        let (x, class) = (place(ratio), if power == 0 { "one" } else { "power" });
        picture = picture
            .add(Line::new().set("class", class).set("x1", x).set("x2", x).set("y1", TOP - 8).set("y2", bottom))
            .add(Text::new(format!("{ratio} ×")).set("x", x).set("y", bottom + 18).set("text-anchor", "middle"));
    }
    for (index, (id, dots)) in lines.iter().enumerate() {
        let y = TOP + index * ROW + ROW / 2;
        picture = picture
            .add(Text::new(*id).set("x", LEFT - 14.0).set("y", y + 4).set("text-anchor", "end"))
            .add(Line::new().set("x1", LEFT).set("x2", LEFT + TRACK).set("y1", y).set("y2", y));
        for (side, ratio) in dots {
            let tip = format!("{id}: {} {} ×", SIDES[*side], short(*ratio));
            let dot = Circle::new().set("class", format!("s{side}")).set("cx", place(*ratio)).set("cy", y).set("r", 5);
            picture = picture.add(dot.add(Title::new(tip)));
        }
    }
    picture
}

/// The sides of a row that were measured, by their place among [`SIDES`], and their numbers divided
/// by ours.
fn dots(row: &Row<'_>) -> Vec<(usize, f64)> {
    let ratio = |(place, name): (usize, &&str)| Some((place, row.ratio(name)?));
    SIDES.iter().enumerate().filter_map(ratio).collect()
}

fn legend(picture: Document) -> Document {
    let mut x = LEFT;
    SIDES.iter().enumerate().fold(picture, |picture, (place, name)| {
        let dot = Circle::new().set("class", format!("s{place}")).set("cx", x).set("cy", 42).set("r", 5);
        let text = Text::new(*name).set("x", x + 10.0).set("y", 46);
        x += 27.0 + name.len() as f64 * 6.4;
        picture.add(dot).add(text)
    })
}

fn in_words(lines: &[(&str, Vec<(usize, f64)>)]) -> String {
    let of = |(id, dots): &(&str, Vec<(usize, f64)>)| {
        let others = dots.iter().filter(|(side, _)| SIDES[*side] != OURS);
        let others: Vec<_> = others.map(|(side, ratio)| format!("{} {} ×", SIDES[*side], short(*ratio))).collect();
        format!("{id}: {}", others.join(", "))
    };
    let lines: Vec<_> = lines.iter().map(of).collect();
    format!("A line for each row; the axis is logarithmic, and ours is at 1. {}.", lines.join("; "))
}
