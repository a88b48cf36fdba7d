//! Parses the command line: an example's name first, if any, then options.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command};

use crate::nearest::nearest;

/// The word that names the examples instead of running one.
pub(crate) const LIST: &str = "list";

/// Which examples to run.
#[derive(Debug, PartialEq)]
pub(crate) enum Choice {
    /// From the first to the last.
    All,
    /// None: only print their names.
    List,
    /// The one at this place.
    One(usize),
}

/// Parses `arguments`. `command` has the lesson's options, `names` its examples.
///
/// clap gets the rest without the name: it would otherwise read the first positional word of a
/// lesson's own options (a number, say) as an example's name.
pub(crate) fn parse(
    command: &mut Command,
    names: &[&str],
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Choice, ArgMatches), clap::Error> {
    let mut arguments = arguments.into_iter().peekable();
    let name = arguments.next_if(|word| word.to_string_lossy().starts_with(char::is_alphabetic));
    let choice = match &name {
        None => Choice::All,
        Some(word) if word == LIST => Choice::List,
        Some(word) => match names.iter().position(|name| word == name) {
            Some(place) => Choice::One(place),
            None => return Err(unknown(command, names, &word.to_string_lossy())),
        },
    };
    let matches = command.try_get_matches_from_mut(arguments)?;
    Ok((choice, matches))
}

/// Returns the error for a name that no example has, with the nearest ones that exist.
fn unknown(command: &mut Command, names: &[&str], word: &str) -> clap::Error {
    let near: Vec<_> =
        nearest(word, names.iter().copied().chain([LIST])).into_iter().map(|name| format!("`{name}`")).collect();
    let advice = if near.is_empty() {
        format!("`{LIST}` shows the names there are")
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    command.error(ErrorKind::InvalidSubcommand, format!("no example is named `{word}`; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(words: &[&str]) -> Result<Choice, clap::Error> {
        let mut command = Command::new("lesson").no_binary_name(true).arg(clap::arg!([NUMBER]...));
        let words = words.iter().map(OsString::from);
        parse(&mut command, &["map", "imap"], words).map(|(choice, _)| choice)
    }

    #[test]
    fn no_word_asks_for_every_example() {
        assert_eq!(choice(&[]).unwrap(), Choice::All);
    }

    #[test]
    fn a_name_asks_for_that_example() {
        assert_eq!(choice(&["imap", "97"]).unwrap(), Choice::One(1));
    }

    #[test]
    fn list_asks_for_the_names() {
        assert_eq!(choice(&["list"]).unwrap(), Choice::List);
    }

    #[test]
    fn a_word_that_is_no_name_belongs_to_the_options() {
        assert_eq!(choice(&["97", "101"]).unwrap(), Choice::All);
    }

    #[test]
    fn a_wrong_name_ends_with_status_2_and_offers_the_nearest() {
        let error = choice(&["imop"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("no example is named `imop`; did you mean `imap`"), "{error}");
    }

    #[test]
    fn a_word_like_no_name_points_to_the_list() {
        let error = choice(&["xyzzy"]).unwrap_err();
        assert!(error.to_string().contains("`list` shows the names there are"), "{error}");
    }

    #[test]
    fn an_unknown_option_ends_with_status_2() {
        assert_eq!(choice(&["map", "--what"]).unwrap_err().exit_code(), 2);
    }
}
