//! Every value arrives as it went, or is refused: serde's attributes, implementations by hand, the
//! types of std and of other crates.

mod attributes;
mod by_hand;
mod crates;
mod enums;
mod family;
mod refused;
mod std_types;
#[path = "../../../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use multiproc::Result;
use tests_values::Channels;

fn main() -> ExitCode {
    let tests = [
        attributes::TESTS,
        by_hand::TESTS,
        crates::TESTS,
        enums::TESTS,
        family::TESTS,
        refused::TESTS,
        std_types::TESTS,
    ];
    support::run_each_in_a_process(&tests, &[])
}

/// Derives what every value of these tests has.
macro_rules! value {
    ($($item:item)*) => {
        $(
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
            $item
        )*
    };
}
pub(crate) use value;

/// Runs a test with the channels open.
fn through_all(body: impl FnOnce(&Channels)) -> Result<()> {
    body(&Channels::open()?);
    Ok(())
}
