//! What a page refers to: its links and pictures, in Markdown and in HTML.

use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};

use crate::html::{self, elements};
use crate::page::line_at;

/// A link or a picture.
#[derive(Debug)]
pub(crate) struct Reference {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Where to, as it is written.
    pub(crate) target: String,
    /// Whether it is shown, and not only linked.
    pub(crate) shown: bool,
}

impl Reference {
    /// The target without its fragment.
    pub(crate) fn file(&self) -> &str {
        self.target.split_once('#').map_or(&self.target, |(file, _)| file)
    }

    /// The part of the page that it leads to, if not to all of it.
    pub(crate) fn fragment(&self) -> Option<&str> {
        self.target.split_once('#').map(|(_, fragment)| fragment)
    }

    pub(crate) fn is_elsewhere(&self) -> bool {
        html::is_elsewhere(&self.target)
    }
}

/// What is wrong with a page's Markdown itself, by line.
pub(crate) type Complaints = Vec<(usize, String)>;

/// What the page `text` refers to.
pub(crate) fn references(text: &str) -> (Vec<Reference>, Complaints) {
    let (mut found, mut complaints) = (Vec::new(), Vec::new());
    let mut undefined = Vec::new();
    // `[text]` alone may be meant as it stands, but `[text][label]` is a link.
    let broken = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
        if link.link_type == LinkType::Reference {
            undefined.push((line_at(text, link.span.start), format!("no link is defined for [{}]", link.reference)));
        }
        None
    };
    // As mdBook reads it.
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_GFM;

    // The words that stand for the picture that is being read, if any, and its line.
    let mut words: Option<(usize, String)> = None;
    for (event, range) in Parser::new_with_broken_link_callback(text, options, Some(broken)).into_offset_iter() {
        let line = line_at(text, range.start);
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                found.push(Reference { line, target: dest_url.to_string(), shown: false });
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                found.push(Reference { line, target: dest_url.to_string(), shown: true });
                words = Some((line, String::new()));
            }
            Event::End(TagEnd::Image) => {
                if let Some((line, _)) = words.take().filter(|(_, words)| words.trim().is_empty()) {
                    complaints.push((line, NO_WORDS.to_string()));
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, words)) = &mut words {
                    words.push_str(&text);
                }
            }
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => {
                of_html(&text[range], line, &mut found, &mut complaints);
            }
            _ => {}
        }
    }
    complaints.extend(undefined);
    (found, complaints)
}

const NO_WORDS: &str = "the picture has no alternative text";

/// The references of a piece of HTML that begins in the page's line `first`.
fn of_html(markup: &str, first: usize, found: &mut Vec<Reference>, complaints: &mut Complaints) {
    for element in elements(markup) {
        let line = first + element.line - 1;
        if element.name == "img" && element.attribute("alt").is_none_or(|alt| alt.trim().is_empty()) {
            complaints.push((line, NO_WORDS.to_string()));
        }
        found.extend(element.loads().into_iter().map(|target| Reference { line, target, shown: true }));
        if let Some(target) = element.attribute("href").filter(|_| element.name == "a") {
            found.push(Reference { line, target: target.to_string(), shown: false });
        }
    }
}
