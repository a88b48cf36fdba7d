//! Every page is in the table of contents: one that is not would not be part of the book.

use std::path::Path;

use crate::check::references::references;
use crate::page::{Chapters, SUMMARY, resolve};
use crate::problem::Problem;

pub(crate) fn check(chapters: &Chapters) -> Vec<Problem> {
    let summary = chapters.folder.join(SUMMARY);
    let Some((path, text)) = chapters.pages.get_key_value(Path::new(SUMMARY)) else {
        return vec![Problem::new(&summary, 1, "the file is missing: it names the pages of the book")];
    };
    let listed: Vec<_> = references(text).0.iter().filter_map(|link| resolve(path, link.file())).collect();
    chapters
        .pages
        .keys()
        .filter(|page| *page != path && !listed.contains(page))
        .map(|page| Problem::new(&chapters.folder.join(page), 1, format!("the page is not in {SUMMARY}")))
        .collect()
}
