//! What the book promises, checked: code and output are included from files that have them, links
//! lead somewhere, pictures are described in words, and nothing is loaded from elsewhere.

mod includes;
mod pictures;
mod references;
mod rendered;
mod summary;
mod targets;
#[cfg(test)]
mod tests;

use crate::page::Chapters;
use crate::problem::Problem;

pub(crate) use rendered::rendered;

/// What can be told before the pages are made.
pub(crate) fn sources(chapters: &Chapters) -> anyhow::Result<Vec<Problem>> {
    let mut problems = summary::check(chapters);
    for (path, text) in &chapters.pages {
        problems.extend(includes::check(chapters, path, text));
        problems.extend(targets::check(chapters, path, text));
    }
    problems.extend(pictures::check(chapters)?);
    Ok(problems)
}
