//! `--trace FILE`: draws which worker ran what, when.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use multiproc::Recording;

use crate::timeline::{Span, Timeline};
use crate::watch::Watch;

const OPTION: &str = "trace";

/// Adds the option `--trace` to those of a lesson.
pub(crate) fn add_option(command: Command) -> Command {
    command.arg(
        Arg::new(OPTION)
            .long(OPTION)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Draw which worker ran what, when: FILE is an .svg picture, or .json for ui.perfetto.dev"),
    )
}

/// Returns the file that the command line names.
pub(crate) fn file(matches: &ArgMatches) -> Option<PathBuf> {
    matches.get_one(OPTION).cloned()
}

/// An example being recorded.
pub(crate) struct Trace {
    recording: Recording,
    /// Used by examples without a pool.
    watch: Watch,
    file: PathBuf,
}

impl Trace {
    /// Starts to record, for `file`.
    ///
    /// # Errors
    ///
    /// Fails if the file's extension is that of no format, or if the watcher does not start.
    pub(crate) fn start(file: PathBuf) -> Result<Self, String> {
        match file.extension().and_then(OsStr::to_str) {
            Some("svg" | "json") => {}
            _ => return Err(format!("{} must end in .svg or .json", file.display())),
        }
        let watch = Watch::start().map_err(unwatched)?;
        Ok(Self { watch, recording: Recording::start(), file })
    }

    /// Ends the recording of the example `name` of `lesson`, and writes the file.
    pub(crate) fn finish(self, lesson: &str, name: &str) -> Result<(), String> {
        let zero = self.recording.started_at();
        let watched = self.watch.finish(zero).map_err(unwatched)?;
        let trace = self.recording.finish();
        let text = if self.file.extension() == Some(OsStr::new("json")) {
            trace.to_chrome_json()
        } else {
            let tasks: Vec<_> = trace.events().iter().map(Span::from).collect();
            let spans = if tasks.is_empty() { watched } else { tasks };
            if spans.is_empty() {
                return Err(format!(
                    "nothing to draw: `{name}` has no tasks, and no threads or children for long enough to be seen"
                ));
            }
            Timeline::new(&format!("{lesson}: {name}"), &spans, zero).to_svg()
        };
        write(&self.file, &text).map_err(|error| format!("cannot write {}: {error}", self.file.display()))
    }
}

fn unwatched(error: io::Error) -> String {
    format!("cannot watch the example: {error}")
}

/// Writes a file, and makes the folders that it is in.
fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, format!("{}\n", text.trim_end()))
}
