//! What the menu prints around the examples. Colours reach a terminal only, and not when `NO_COLOR`
//! is set.

use clap::builder::styling::{AnsiColor, Style};

const TITLE: Style = Style::new().bold();
const NAME: Style = AnsiColor::Cyan.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// The lesson's own heading, before its first example.
pub(crate) fn lesson(name: &str, title: &str) {
    anstream::println!("{TITLE}{name}: {title}{TITLE:#}");
}

/// Before an example: its name, where it stands in the lesson, and what to watch for.
pub(crate) fn example(name: &str, watch: &str, number: usize, of: usize) {
    anstream::println!("\n{NAME}── {name}{NAME:#} {FAINT}({number} of {of}){FAINT:#}");
    anstream::println!("{FAINT}Watch for: {watch}{FAINT:#}\n");
}

/// One line of `list`, the names in a column as wide as the longest of them.
pub(crate) fn listed(name: &str, watch: &str, width: usize) {
    anstream::println!("{NAME}{name:width$}{NAME:#}  {watch}");
}

/// Something that went wrong.
pub(crate) fn failed(error: &str) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {error}");
}
