//! The picture that `compare` draws: a bar for each variant, as long as its time.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use multiproc::Error;
use svg::Document;
use svg::node::element::{Description, Rectangle, Style, Text, Title};

const DEFAULT_PATH: &str = "target/primes.svg";
static PATH: OnceLock<PathBuf> = OnceLock::new();

const WIDTH: usize = 720;
const TOP: usize = 56;
const ROW: usize = 32;
const BAR: usize = 20;
/// Where the bars begin, and how long the longest is; the rest of the width is for the figures
/// behind them.
const LEFT: usize = 128;
const LONGEST: f64 = 400.0;

/// Light or dark as the page is, with a ground of its own: a page's theme may be another than the
/// browser takes it for. The bars have a tone that stands out from both.
const STYLE: &str = "
text { font: 14px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 18px; font-weight: 600; }
.figure { font-variant-numeric: tabular-nums; }
rect { fill: #3d86c6; }
.page { fill: #ffffff; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .page { fill: #1c2129; } }
";

/// The option that says where the picture goes.
#[derive(clap::Args)]
pub struct Chart {
    /// Where `compare` draws its picture
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    svg: PathBuf,
}

/// Makes [`draw`] write where the option says.
pub fn choose(options: Chart) -> Result<(), String> {
    PATH.get_or_init(|| options.svg);
    Ok(())
}

/// One line of the table, one bar of the picture.
pub struct Row {
    /// The example that the variant is from.
    pub variant: &'static str,
    /// The median of its times.
    pub median: Duration,
    /// How many times as fast as one number after the other.
    pub speed_up: f64,
}

impl Row {
    /// The speed-up with as many digits as mean something.
    pub fn speed_up(&self) -> String {
        format!("{:.*}", if self.speed_up < 100.0 { 2 } else { 0 }, self.speed_up)
    }

    /// The median in milliseconds.
    pub fn milliseconds(&self) -> f64 {
        self.median.as_secs_f64() * 1e3
    }
}

/// Draws the rows, and returns the path of the picture.
pub fn draw(rows: &[Row]) -> multiproc::Result<PathBuf> {
    let path = PATH.get().cloned().unwrap_or_else(|| DEFAULT_PATH.into());
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| svg::save(&path, &picture(rows)))
        .map_err(|error| Error::Config(format!("cannot draw {}: {error}", path.display())))?;
    Ok(path)
}

fn picture(rows: &[Row]) -> Document {
    let heading = "Time to test the numbers, by variant";
    let figures = |row: &Row| format!("{:.3} ms, {} ×", row.milliseconds(), row.speed_up());
    let in_words: Vec<_> = rows.iter().map(|row| format!("{}: {}", row.variant, figures(row))).collect();
    let longest = rows.iter().map(|row| row.median).max().unwrap_or_default().as_secs_f64();

    let height = TOP + rows.len() * ROW + ROW / 2;
    let mut picture = Document::new()
        .set("viewBox", (0, 0, WIDTH, height))
        .set("role", "img")
        .set("aria-labelledby", "title description")
        .add(Title::new(heading).set("id", "title"))
        .add(Description::new().set("id", "description").add(svg::node::Text::new(format!(
            "{}. Times are medians, followed by the speed-up.",
            in_words.join("; ")
        ))))
        .add(Style::new(STYLE))
        .add(Rectangle::new().set("class", "page").set("width", WIDTH).set("height", height).set("rx", 8))
        .add(Text::new(heading).set("class", "title").set("x", 16).set("y", 30));
    for (place, row) in rows.iter().enumerate() {
        let top = TOP + place * ROW;
        let baseline = top + BAR - 5;
        // Even the shortest time leaves a mark.
        let length = (LONGEST * row.median.as_secs_f64() / longest).max(1.0);
        picture = picture
            .add(Text::new(row.variant).set("x", LEFT - 10).set("y", baseline).set("text-anchor", "end"))
            .add(Rectangle::new().set("x", LEFT).set("y", top).set("width", length).set("height", BAR).set("rx", 2))
            .add(
                Text::new(figures(row)).set("class", "figure").set("x", LEFT as f64 + length + 8.0).set("y", baseline),
            );
    }
    picture
}
