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

use tests_values::Channels;

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

/// Runs a test with the channels open; it leaves nothing behind.
fn through_all(body: impl FnOnce(&Channels) + Send + 'static) {
    support::promise(|| {
        body(&Channels::open()?);
        Ok(())
    });
}
