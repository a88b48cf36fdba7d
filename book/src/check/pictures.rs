//! Pictures and style sheets of the book load nothing from elsewhere.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::html::{elements, is_elsewhere, style_loads};
use crate::page::Chapters;
use crate::problem::Problem;

pub(crate) fn check(chapters: &Chapters) -> anyhow::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for file in &chapters.files {
        problems.extend(loads_elsewhere(&chapters.folder.join(file))?);
    }
    Ok(problems)
}

/// What the file at `path` loads from elsewhere, if it is markup or a style sheet.
pub(crate) fn loads_elsewhere(path: &Path) -> anyhow::Result<Vec<Problem>> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if !matches!(extension, "css" | "html" | "svg") {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let loaded: Vec<_> = match extension {
        "css" => style_loads(&text).collect(),
        _ => elements(&text)
            .iter()
            .flat_map(|element| element.loads().into_iter().map(|address| (element.line, address)))
            .collect(),
    };
    Ok(loaded
        .into_iter()
        .filter(|(_, address)| is_elsewhere(address))
        .map(|(line, address)| Problem::new(path, line, format!("{address} is loaded from elsewhere")))
        .collect())
}
