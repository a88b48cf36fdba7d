//! What can be told once the pages are made: fragments lead to a heading, and nothing is loaded
//! from elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use walkdir::WalkDir;

use crate::check::pictures::loads_elsewhere;
use crate::check::references::references;
use crate::html::elements;
use crate::page::{Chapters, SUMMARY, resolve};
use crate::problem::Problem;

/// What is wrong with the book in `folder`, made of `chapters`.
pub(crate) fn rendered(chapters: &Chapters, folder: &Path) -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut known = BTreeMap::new();
    for (path, text) in chapters.pages.iter().filter(|(path, _)| *path != Path::new(SUMMARY)) {
        for link in references(text).0.iter().filter(|link| !link.is_elsewhere()) {
            let Some(fragment) = link.fragment() else { continue };
            let target = if link.file().is_empty() { Some(path.clone()) } else { resolve(path, link.file()) };
            let Some(target) = target.filter(|target| chapters.pages.contains_key(target)) else { continue };
            let places = places(folder, &target, &mut known)?;
            // `name=value&…` sets fields of the page.
            let is_there = match fragment.contains('=') {
                true => fragment
                    .split('&')
                    .filter_map(|pair| pair.split_inclusive('=').next())
                    .all(|key| places.contains(key)),
                false => places.contains(fragment),
            };
            if !is_there {
                let what = format!("the link to {} is dead: the page has no such part", link.target);
                problems.push(Problem::new(&chapters.folder.join(path), link.line, what));
            }
        }
    }
    for entry in WalkDir::new(folder) {
        problems.extend(loads_elsewhere(entry?.path())?);
    }
    Ok(problems)
}

/// What fragments can lead to on the page that was made of `page`: ids, and names of fields, each
/// with a `=` behind it.
fn places<'a>(
    folder: &Path,
    page: &Path,
    known: &'a mut BTreeMap<PathBuf, BTreeSet<String>>,
) -> anyhow::Result<&'a BTreeSet<String>> {
    if !known.contains_key(page) {
        let html = folder.join(page.with_extension("html"));
        let html = fs::read_to_string(&html).with_context(|| html.display().to_string())?;
        let elements = elements(&html);
        let ids = elements.iter().filter_map(|element| element.attribute("id")).map(str::to_string);
        let fields = elements.iter().filter(|element| matches!(element.name.as_str(), "input" | "select"));
        let names = fields.filter_map(|field| field.attribute("name")).map(|name| format!("{name}="));
        known.insert(page.to_path_buf(), ids.chain(names).collect());
    }
    Ok(&known[page])
}
