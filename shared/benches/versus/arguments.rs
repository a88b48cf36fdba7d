//! The command line: which rows to measure and with which limits on time, and the errands that this
//! program sends itself on.

use crate::fresh::{END, FRESH};
use crate::measure::Effort;
use crate::peers::ipc_channel::PRODUCER;

/// What a start of this program is to do.
pub(crate) enum Action {
    /// Measure the rows with these ids, or all when there are none.
    Measure { effort: Effort, ids: Vec<&'static str> },
    /// Name the rows.
    List,
    /// Do an errand so many times and print the seconds that one took.
    Fresh { errand: String, times: u64 },
    /// Be the process that sends through ipc-channel, to the parent that waits under this name.
    Produce { name: String },
    /// End at once.
    End,
}

/// Reads the arguments after the program's name; `known` are the ids of all rows.
pub(crate) fn parse(mut arguments: impl Iterator<Item = String>, known: &[&'static str]) -> Result<Action, String> {
    let mut ids = Vec::new();
    // `cargo bench` passes `--bench`; without it this is `cargo test --all-targets`, which only
    // asks whether it works.
    let mut effort = Effort::Check;
    let mut quick = false;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => effort = Effort::Full,
            "--quick" => quick = true,
            "--list" => return Ok(Action::List),
            END => return Ok(Action::End),
            PRODUCER => return Ok(Action::Produce { name: arguments.next().ok_or("to whom?")? }),
            FRESH => {
                let errand = arguments.next().ok_or("which errand?")?;
                let times = arguments.next().and_then(|n| n.parse().ok()).ok_or("how many times?")?;
                return Ok(Action::Fresh { errand, times });
            }
            id => match known.iter().find(|name| **name == id) {
                Some(name) => ids.push(*name),
                None => {
                    return Err(format!("no row is called {id}; there are: {}", known.join(", ")));
                }
            },
        }
    }
    if quick {
        effort = Effort::Quick;
    }
    Ok(Action::Measure { effort, ids })
}
