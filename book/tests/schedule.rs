//! The page on schedules: what its table says is what the model computes.

use std::fs;
use std::path::Path;

use course::schedule::{Schedule, Setting};

/// The rows of the page's table: the setting in the link, and the other columns.
fn rows() -> Vec<(String, Vec<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("chapters/schedule.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| [")?.split_once("](#")?.1.split_once(')'));
    rows.map(|(setting, cells)| {
        let cells = cells.trim_matches([' ', '|']).split('|').map(|cell| cell.trim().to_string());
        (setting.to_string(), cells.collect())
    })
    .collect()
}

#[test]
fn table_of_settings_is_that_of_the_model() {
    let rows = rows();
    assert!(rows.len() > 5, "{rows:?}");
    for (setting, cells) in rows {
        let model = Schedule::new(&setting.parse::<Setting>().unwrap());
        let expected = [
            format!("{:.1} ms", model.total() as f64 / 1000.0),
            format!("{:.1} %", 100.0 * model.idle()),
            format!("{:.2}", model.speed_up()),
            format!("{:.2}", model.amdahl()),
            format!("{:.2}", model.longest_bound()),
        ];
        assert_eq!(cells, expected, "{setting}");
    }
}
