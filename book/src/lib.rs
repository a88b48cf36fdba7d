//! Builds the book, and fails where the book would be wrong.
//!
//! mdBook does the work. It is lenient, though: an include that it does not find, or an anchor that
//! is gone, leaves a page with a hole, and a dead link is the reader's to find. So the pages'
//! sources are checked before (`check::sources`: what can be told with the line it is in), and the
//! pages that were made of them afterwards (`check::rendered`: which fragments there are, and that
//! nothing is loaded from elsewhere).

mod check;
mod dedent;
mod html;
mod page;
mod problem;

use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, ensure};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;

use dedent::Dedent;
use page::Chapters;
use problem::Problems;

/// Builds the book whose `book.toml` is in the folder `root`, into the folder `into` or else where
/// `book.toml` says, and returns the folder with the pages.
///
/// # Errors
///
/// A book that is wrong, with a line for each thing found amiss, `file:line: what`; files that
/// cannot be read or written.
pub fn build(root: &Path, into: Option<&Path>) -> anyhow::Result<PathBuf> {
    let file = root.join("book.toml");
    ensure!(file.is_file(), "{} is missing", file.display());
    let mut config = Config::from_disk(&file)?;
    // A page that the summary names and nobody has written is a problem, not a page to begin.
    config.build.create_missing = false;
    if let Some(into) = into {
        config.build.build_dir = absolute(into)?;
    }

    let chapters = Chapters::read(root.join(&config.book.src))?;
    Problems::none_in(check::sources(&chapters)?)?;

    let mut book = MDBook::load_with_config(root, config)?;
    book.with_preprocessor(Dedent);
    book.build()?;
    let folder = book.build_dir_for("html");
    Problems::none_in(check::rendered(&chapters, &folder)?)?;
    folder.canonicalize().with_context(|| folder.display().to_string())
}
