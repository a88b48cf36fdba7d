//! What the menu prints around the examples. Colours reach a terminal only, and not when `NO_COLOR`
//! is set.

use clap::builder::styling::{AnsiColor, Style};

const TITLE: Style = Style::new().bold();
const NAME: Style = AnsiColor::Cyan.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Prints the lesson's own heading, before its first example.
pub(crate) fn lesson(name: &str, title: &str) {
    anstream::println!("{TITLE}{name}: {title}{TITLE:#}");
}

/// Prints the heading of an example: its name, its place in the lesson, and what to watch for.
pub(crate) fn example(name: &str, watch: &str, number: usize, of: usize) {
    anstream::println!("\n{NAME}── {name}{NAME:#} {FAINT}({number} of {of}){FAINT:#}");
    anstream::println!("{FAINT}Watch for: {watch}{FAINT:#}\n");
}

/// Prints one line of `list`. `width` is that of the longest name.
pub(crate) fn listed(name: &str, watch: &str, width: usize) {
    anstream::println!("{NAME}{name:width$}{NAME:#}  {watch}");
}

/// Prints an error.
pub(crate) fn failed(error: &str) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {error}");
}
