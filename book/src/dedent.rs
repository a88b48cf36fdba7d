//! Moves code to the left edge: a piece that is included from within a function is indented there,
//! and on a page that would only take room from its lines.

use mdbook_driver::book::{Book, BookItem};
use mdbook_driver::errors::Result;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

/// Runs after mdBook's own preprocessors, so that the code has been included.
pub(crate) struct Dedent;

impl Preprocessor for Dedent {
    fn name(&self) -> &str {
        "dedent"
    }

    fn run(&self, _: &PreprocessorContext, mut book: Book) -> Result<Book> {
        book.for_each_mut(|item| {
            if let BookItem::Chapter(chapter) = item {
                chapter.content = dedented(&chapter.content);
            }
        });
        Ok(book)
    }
}

/// Returns `page` with every block of Rust moved to the left, as far as its fence.
fn dedented(page: &str) -> String {
    let mut lines = page.split_inclusive('\n');
    let mut result = String::with_capacity(page.len());
    while let Some(fence) = lines.next() {
        result.push_str(fence);
        if fence.trim_start().starts_with("```rust") {
            let block: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            let code = block.iter().filter(|line| !line.trim().is_empty());
            let common = code.map(|line| indent(line)).min().unwrap_or_default();
            let cut = common.saturating_sub(indent(fence));
            result.extend(block.iter().map(|line| line.get(cut..).unwrap_or("\n")));
            // The closing fence was taken, too.
            result.push_str(&" ".repeat(indent(fence)));
            result.push_str("```\n");
        }
    }
    result
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::dedented;

    #[test]
    fn code_is_moved_to_the_left_edge() {
        let page = "words\n\n```rust,ignore\n    if a {\n\n        b();\n    }\n```\n\n    words\n";
        assert_eq!(dedented(page), "words\n\n```rust,ignore\nif a {\n\n    b();\n}\n```\n\n    words\n");
    }

    #[test]
    fn code_in_a_list_stays_in_the_list() {
        let page = "- words\n\n  ```rust\n      a();\n  ```\n- words\n";
        assert_eq!(dedented(page), "- words\n\n  ```rust\n  a();\n  ```\n- words\n");
    }

    #[test]
    fn code_at_the_left_edge_and_other_blocks_stay_as_they_are() {
        for page in ["```rust\nfn a() {\n    b();\n}\n```\n", "```text\n    a\n```\n", "    a\n", ""] {
            assert_eq!(dedented(page), page);
        }
    }
}
