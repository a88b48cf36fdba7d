//! `--trace FILE`: a picture of who ran what, when.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use multiproc::Recording;

use crate::timeline::Timeline;

const OPTION: &str = "trace";

/// Adds the option to a lesson's.
pub(crate) fn add_option(command: Command) -> Command {
    command.arg(
        Arg::new(OPTION)
            .long(OPTION)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Draw which worker ran what, when: FILE is an .svg picture, or .json for ui.perfetto.dev"),
    )
}

/// The file that the command line names.
pub(crate) fn file(matches: &ArgMatches) -> Option<PathBuf> {
    matches.get_one(OPTION).cloned()
}

/// An example being recorded.
pub(crate) struct Trace {
    recording: Recording,
    file: PathBuf,
}

impl Trace {
    /// Begins to record, for `file`. An ending that no format has is refused.
    pub(crate) fn start(file: PathBuf) -> Result<Self, String> {
        match file.extension().and_then(OsStr::to_str) {
            Some("svg" | "json") => Ok(Self { recording: Recording::start(), file }),
            _ => Err(format!("{} must end in .svg or .json", file.display())),
        }
    }

    /// Ends the recording of the example `name` of `lesson`, and writes the file.
    pub(crate) fn finish(self, lesson: &str, name: &str) -> Result<(), String> {
        let zero = self.recording.started_at();
        let trace = self.recording.finish();
        if trace.events().is_empty() {
            return Err(format!(
                "`{name}` has no task of a pool and no `Process`: there is nothing to draw in {}",
                self.file.display()
            ));
        }
        let text = if self.file.extension() == Some(OsStr::new("json")) {
            trace.to_chrome_json()
        } else {
            Timeline::new(&format!("{lesson}: {name}"), trace.events(), zero).to_svg()
        };
        write(&self.file, &text).map_err(|error| format!("cannot write {}: {error}", self.file.display()))
    }
}

/// Writes a file, and the folders on its way.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, format!("{}\n", text.trim_end()))
}
