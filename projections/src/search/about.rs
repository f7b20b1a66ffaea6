//! Descriptions, as far as search is concerned.

/// So much of a description is searched and shown, in characters.
const MAX_CHARS: usize = 1_000;

/// The text of a description in Markdown: without the signs that only say how it looks, in one
/// line, cut.
pub(super) fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut chars = markdown.chars().peekable();
    let mut left = MAX_CHARS;
    while left > 0
        && let Some(c) = chars.next()
    {
        match c {
            // A link's address says little; its text stands before it.
            ']' if chars.peek() == Some(&'(') => {
                chars.by_ref().take_while(|c| *c != ')' && *c != '\n').for_each(drop);
            }
            '*' | '`' | '#' | '>' | '[' | ']' | '|' | '~' => (),
            c if c.is_whitespace() || c.is_control() => {
                if !text.is_empty() && !text.ends_with(' ') {
                    text.push(' ');
                    left -= 1;
                }
            }
            c => {
                text.push(c);
                left -= 1;
            }
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_is_left() {
        let markdown = "# Kasse\n\nNimmt **Zahlungen** an, siehe [das Wiki](https://x/y).\n\n```sh\nrun me\n```";
        assert_eq!(plain(markdown), "Kasse Nimmt Zahlungen an, siehe das Wiki. sh run me");
        assert_eq!(plain(&"ä".repeat(5_000)).chars().count(), MAX_CHARS);
        assert_eq!(plain(" \n\t "), "");
        assert_eq!(plain("[open"), "open");
    }
}
