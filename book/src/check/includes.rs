//! `{{#include …}}`: the file is there, and has the anchor.

use std::fs;
use std::path::Path;

use crate::page::{Chapters, line_at};
use crate::problem::Problem;

const OPENING: &str = "{{#";

pub(crate) fn check(chapters: &Chapters, path: &Path, text: &str) -> Vec<Problem> {
    let file = chapters.folder.join(path);
    let folder = file.parent().unwrap_or(&chapters.folder);
    directives(text)
        .filter_map(|(line, directive)| Some(Problem::new(&file, line, complaint(folder, directive)?)))
        .collect()
}

/// What stands between `{{#` and `}}`, and the line it is in. A backslash before says that it is
/// meant as it stands.
fn directives(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices(OPENING).filter(|(at, _)| !text[..*at].ends_with('\\')).map(|(at, _)| {
        let rest = text[at + OPENING.len()..].lines().next().unwrap_or_default();
        (line_at(text, at), rest.split_once("}}").map_or(rest, |(directive, _)| directive))
    })
}

/// What is wrong with a directive of a page in `folder`.
fn complaint(folder: &Path, directive: &str) -> Option<String> {
    let (name, what) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
    match name {
        "title" => return None,
        "include" => {}
        _ => return Some(format!("this book includes by `include`, not by `{name}`")),
    }
    let (file, anchor) = what.trim().split_once(':').map_or((what.trim(), None), |(file, anchor)| (file, Some(anchor)));
    let text = match fs::read_to_string(folder.join(file)) {
        Ok(text) => text,
        Err(error) => return Some(format!("cannot include {file}: {error}")),
    };
    let Some(anchor) = anchor else {
        if text.trim().is_empty() {
            return Some(format!("{file} is empty"));
        }
        let marks = text.lines().any(|line| marked(line, START).is_some());
        return marks.then(|| format!("{file} is to be included by one of its anchors: their marks would show"));
    };
    if anchor.chars().all(|c| c.is_ascii_digit() || c == ':') {
        return Some(format!("{file} is to be included by an anchor: line numbers move"));
    }
    piece(&text, anchor).err().map(|what| format!("{file}: {what}"))
}

/// The lines within the anchor, without those that only mark anchors.
pub(crate) fn piece<'a>(text: &'a str, anchor: &str) -> Result<Vec<&'a str>, String> {
    let lines: Vec<_> = text.lines().collect();
    let find = |mark, from: usize| (from..lines.len()).find(|at| marked(lines[*at], mark) == Some(anchor));
    let start = find(START, 0).ok_or_else(|| format!("there is no anchor `{anchor}`"))?;
    let end = find(END, start).ok_or_else(|| format!("the anchor `{anchor}` is never closed"))?;
    if find(START, start + 1).is_some() {
        return Err(format!("the anchor `{anchor}` is there twice"));
    }
    let is_mark = |line: &str| marked(line, START).is_some() || marked(line, END).is_some();
    let piece: Vec<_> = lines[start..end].iter().copied().filter(|line| !is_mark(line)).collect();
    if piece.iter().all(|line| line.trim().is_empty()) {
        return Err(format!("the anchor `{anchor}` is empty"));
    }
    Ok(piece)
}

const START: &str = "ANCHOR:";
const END: &str = "ANCHOR_END:";

/// The anchor that `line` marks by `mark`.
fn marked<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let name = line.split_once(mark)?.1.trim_start();
    Some(name.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next().unwrap_or_default())
}
