//! The tags of a piece of HTML or SVG, each with its line; and what they make a browser load.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};

/// An opening tag, or the text within `<style>` or `<script>`.
pub(crate) struct Element {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// What stands in it, if it is no markup.
    text: String,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The addresses of what a browser loads to show this element. Links do not count: the reader
    /// follows those.
    pub(crate) fn loads(&self) -> Vec<String> {
        let mut addresses = Vec::new();
        for (key, value) in &self.attributes {
            match key.as_str() {
                "href" | "xlink:href" if matches!(self.name.as_str(), "a" | "area" | "base") => {}
                "src" | "href" | "xlink:href" | "data" | "poster" | "background" => addresses.push(value.clone()),
                "srcset" => addresses
                    .extend(value.split(',').filter_map(|image| image.split_whitespace().next()).map(str::to_string)),
                "style" => addresses.extend(style_loads(value).map(|(_, address)| address)),
                _ => {}
            }
        }
        if self.name == "style" {
            addresses.extend(style_loads(&self.text).map(|(_, address)| address));
        }
        addresses
    }
}

/// The elements of `markup`, in order.
pub(crate) fn elements(markup: &str) -> Vec<Element> {
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(markup));
    let tokenizer = Tokenizer::new(Sink::default(), Default::default());
    // The queue is fed once, and the sink never asks for a pause.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.elements.into_inner()
}

/// What a style sheet makes a browser load, each with its line in `css`.
pub(crate) fn style_loads(css: &str) -> impl Iterator<Item = (usize, String)> {
    css.lines().enumerate().flat_map(|(place, line)| {
        let after = |mark: &'static str| line.match_indices(mark).map(move |(at, _)| &line[at + mark.len()..]);
        after("url(")
            .chain(after("@import"))
            .map(|rest| rest.trim_start_matches(['"', '\'', ' ']))
            .map(|rest| rest.split(['"', '\'', ')', ';']).next().unwrap_or_default())
            .map(move |address| (place + 1, address.to_string()))
            .collect::<Vec<_>>()
    })
}

/// Whether `address` is not a file of the book's own.
pub(crate) fn is_elsewhere(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme);
    address.starts_with("//")
        || scheme.is_some_and(|scheme| {
            scheme != "data"
                && scheme.len() > 1
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        })
}

#[derive(Default)]
struct Sink {
    elements: RefCell<Vec<Element>>,
    /// Whether the characters that come belong to the last element.
    in_text: RefCell<bool>,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return self.open(tag, line),
            Token::TagToken(_) => *self.in_text.borrow_mut() = false,
            Token::CharacterTokens(text) if *self.in_text.borrow() => {
                if let Some(element) = self.elements.borrow_mut().last_mut() {
                    element.text.push_str(&text);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Sink {
    fn open(&self, tag: Tag, line: u64) -> TokenSinkResult<()> {
        let name = tag.name.to_string();
        let raw = match name.as_str() {
            "script" => Some(RawKind::ScriptData),
            "style" => Some(RawKind::Rawtext),
            _ => None,
        };
        let attributes = tag.attrs.iter().map(|a| (a.name.local.to_string(), a.value.to_string())).collect();
        // html5ever counts from 1, and tells the line that a tag ends in.
        self.elements.borrow_mut().push(Element { line: line as usize, name, attributes, text: String::new() });
        *self.in_text.borrow_mut() = raw.is_some();
        raw.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(markup: &str) -> Vec<String> {
        elements(markup).iter().flat_map(Element::loads).collect()
    }

    #[test]
    fn what_is_shown_is_loaded_and_what_is_linked_is_not() {
        let markup = r#"<a href="x.html"><img src='a.png' srcset="b.png 2x, c.png"></a><link href="d.css">"#;
        assert_eq!(loads(markup), ["a.png", "b.png", "c.png", "d.css"]);
    }

    #[test]
    fn styles_load_fonts_and_pictures() {
        let markup =
            "<style>@import 'a.css';\np { background: url(\"b.png\") }</style><p style='background: url(c.png)'>";
        assert_eq!(loads(markup), ["a.css", "b.png", "c.png"]);
    }

    #[test]
    fn scripts_are_no_markup() {
        assert_eq!(loads("<script>let x = '<img src=\"a.png\">';</script>"), [""; 0]);
    }

    #[test]
    fn every_tag_knows_its_line() {
        let lines: Vec<_> = elements("<p>\n<b>x</b>\n\n<i>").iter().map(|element| element.line).collect();
        assert_eq!(lines, [1, 2, 4]);
    }

    #[test]
    fn other_sites_are_elsewhere() {
        for address in ["https://example.org/a.png", "http://example.org", "//example.org/a.js", "ftp://x"] {
            assert!(is_elsewhere(address), "{address}");
        }
        for address in ["a.png", "../a.png#x", "data:image/png;base64,AA", "#x", ""] {
            assert!(!is_elsewhere(address), "{address}");
        }
    }
}
