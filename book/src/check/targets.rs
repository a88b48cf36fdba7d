//! Links and pictures lead to pages and files that the book has. Fragments are checked once the
//! pages are made.

use std::path::Path;

use crate::check::references::{Reference, references};
use crate::page::{Chapters, resolve};
use crate::problem::Problem;

pub(crate) fn check(chapters: &Chapters, path: &Path, text: &str) -> Vec<Problem> {
    let file = chapters.folder.join(path);
    let (references, complaints) = references(text);
    let dead = references.iter().filter_map(|link| Some((link.line, complaint(chapters, path, link)?)));
    complaints.into_iter().chain(dead).map(|(line, what)| Problem::new(&file, line, what)).collect()
}

/// What is wrong with a reference of the page `path`.
fn complaint(chapters: &Chapters, path: &Path, link: &Reference) -> Option<String> {
    let target = &link.target;
    if link.is_elsewhere() {
        return link
            .shown
            .then(|| format!("{target} is loaded from elsewhere: the book has to be whole without a network"));
    }
    if target.is_empty() {
        return Some("the link leads nowhere".into());
    }
    if target.starts_with("data:") || link.file().is_empty() {
        return None;
    }
    let found = resolve(path, link.file()).filter(|it| chapters.pages.contains_key(it) || chapters.files.contains(it));
    match found {
        None if link.shown => Some(format!("there is no picture {target}")),
        None => Some(format!("the link to {target} is dead")),
        Some(_) => None,
    }
}
