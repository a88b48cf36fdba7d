//! Finds the names that a misspelt word may stand for.

/// The smallest similarity, from 0 to 1, at which a name is offered. Half a name left out (`prime`
/// for `is_prime`) is still above it, an unrelated name below.
const MIN_SIMILARITY: f64 = 0.7;

/// The largest number of names that are offered.
const MAX_NAMES: usize = 3;

/// Returns the names most similar to `word`, best first; none if no name is similar enough.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let mut scored: Vec<_> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&word, name), name))
        .filter(|(score, _)| *score >= MIN_SIMILARITY)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(MAX_NAMES).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const NAMES: [&str; 6] = ["is_prime", "map", "imap", "unordered", "chunksize", "miller_rabin"];

    #[test]
    fn a_slip_of_the_finger_finds_its_name_first() {
        for (word, name) in [
            ("imop", "imap"),
            ("IMAP", "imap"),
            ("chunk", "chunksize"),
            ("prime", "is_prime"),
            ("miller-rabin", "miller_rabin"),
        ] {
            assert_eq!(nearest(word, NAMES).first(), Some(&name), "for {word:?}");
        }
    }

    #[test]
    fn an_unrelated_word_finds_nothing() {
        assert!(nearest("xyzzy", NAMES).is_empty());
    }
}
