//! How time grows with the work, as a picture: both axes are logarithmic, so that what is linear is
//! a straight line that rises by one power of ten for each.

use svg::Document;
use svg::node::element::{Circle, Description, Group, Line, Polyline, Style, Text, Title};

use crate::case::NS_AN_ITEM;
use crate::measure::Row;
use crate::picture::BASE;
use crate::report::short;

/// The rows that are drawn, side by side.
const ROWS: &str = "growth_";
const PANEL: f64 = 390.0;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 62.0;
const TOP: f64 = 56.0;

const STYLE: &str = "line.linear { stroke: #c27c0e; stroke-opacity: 1; stroke-dasharray: 5 4; stroke-width: 2; }
.size { font-size: 11px; text-anchor: middle; }
polyline { fill: none; stroke: #2f6fb5; stroke-width: 2; }
circle { fill: #2f6fb5; }
";

/// A point of a curve: what its size is called, the size, and the seconds that it takes.
type Point = (&'static str, f64, f64);

/// Draws the rows about growth, as far as they were measured.
pub(crate) fn draw(rows: &[Row<'_>]) -> Document {
    let curves: Vec<_> =
        rows.iter().filter(|row| row.case.id.starts_with(ROWS)).map(|row| (row, points(row))).collect();
    let title = "The whole time, as there is more to do";
    let in_words: Vec<_> = curves.iter().map(|(row, points)| in_words(row, points)).collect();
    let mut picture = Document::new()
        .set("viewBox", (0, 0, (PANEL * curves.len().max(1) as f64) as u32, (TOP + HEIGHT + 40.0) as u32))
        .set("role", "img")
        .set("aria-labelledby", "title description")
        .add(Title::new(title).set("id", "title"))
        .add(Description::new().set("id", "description").add(svg::node::Text::new(in_words.join(" "))))
        .add(Style::new(format!("{BASE}{STYLE}")))
        .add(Text::new(title).set("class", "title").set("x", 8).set("y", 19));
    for (place, (row, points)) in curves.iter().enumerate() {
        let panel = Group::new().set("transform", format!("translate({} {TOP})", LEFT + PANEL * place as f64));
        picture = picture.add(curve(panel.add(Text::new(row.case.id).set("y", -12)), points));
    }
    picture
}

/// The points that were measured, from the smallest to the largest.
fn points(row: &Row<'_>) -> Vec<Point> {
    let point = |side: &crate::case::Side| {
        let times = row.times(side.name)?;
        let items = if row.case.unit.name == NS_AN_ITEM.name { side.size } else { 1.0 };
        let name = if side.point { side.name } else { row.case.largest };
        (side.size > 0.0).then_some((name, side.size, times.median / row.case.unit.per_second * items))
    };
    let mut points: Vec<Point> = row.case.sides.iter().filter_map(point).collect();
    points.sort_by(|a, b| a.1.total_cmp(&b.1));
    points
}

fn curve(mut panel: Group, points: &[Point]) -> Group {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return panel };
    let powers = |of: fn(&Point) -> f64| {
        let logs = || points.iter().map(|point| of(point).log10());
        (logs().fold(f64::MAX, f64::min).floor(), logs().fold(f64::MIN, f64::max).ceil())
    };
    let (low, high) = powers(|point| point.2);
    let span = (last.1.log10() - first.1.log10()).max(1.0);
    let x = |size: f64| round((size.log10() - first.1.log10()) / span * WIDTH);
    let y = |seconds: f64| round(HEIGHT - (seconds.log10() - low) / (high - low).max(1.0) * HEIGHT);
    for power in low as i32..=high as i32 {
        let seconds = 10f64.powi(power);
        panel = panel
            .add(Line::new().set("x1", 0).set("x2", WIDTH).set("y1", y(seconds)).set("y2", y(seconds)))
            .add(Text::new(time(seconds)).set("x", -8).set("y", y(seconds) + 4.0).set("text-anchor", "end"));
    }
    // What the last point's time would be at other sizes, down to where the line leaves the panel.
    let start = first.1.max(last.1 * 10f64.powf(low) / last.2);
    let linear = last.2 / last.1;
    panel = panel.add(
        Line::new()
            .set("class", "linear")
            .set("x1", x(start))
            .set("y1", y(start * linear))
            .set("x2", x(last.1))
            .set("y2", y(last.2)),
    );
    let corners: Vec<_> = points.iter().map(|point| format!("{},{}", x(point.1), y(point.2))).collect();
    panel = panel.add(Polyline::new().set("points", corners.join(" ")));
    for (name, size, seconds) in points {
        let tip = format!("{name}: {}", time(*seconds));
        panel = panel
            .add(Circle::new().set("cx", x(*size)).set("cy", y(*seconds)).set("r", 4).add(Title::new(tip)))
            .add(Text::new(*name).set("class", "size").set("x", x(*size)).set("y", HEIGHT + 20.0));
    }
    panel
}

fn in_words(row: &Row<'_>, points: &[Point]) -> String {
    let points: Vec<_> = points.iter().map(|(name, _, seconds)| format!("{name} {}", time(*seconds))).collect();
    format!("{}: {}; a dashed line shows linear growth.", row.case.id, points.join(", "))
}

/// Seconds, in the unit that suits them.
fn time(seconds: f64) -> String {
    let units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    let (of, name) = units.into_iter().find(|(of, _)| seconds >= *of * 0.999).unwrap_or((1e-9, "ns"));
    format!("{} {name}", short(seconds / of))
}

fn round(at: f64) -> f64 {
    (at * 10.0).round() / 10.0
}
