//! What people write in Markdown, as markup that is safe to show to others (SR-WEB-4).
//!
//! HTML in it becomes text, links lead to http, https and mailto alone, nothing is loaded from
//! elsewhere, and nothing is nested deeper than a page bears. This is the one place where markup
//! that is made of people's text is not escaped by the template: what leaves [`render`] is made of
//! the tags named here.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd, html as writer};

/// How deep quotes and lists are nested; what lies deeper is shown, but not as deep.
pub(super) const MAX_DEPTH: usize = 16;
/// The longest address that a link leads to, in bytes.
const MAX_LINK_BYTES: usize = 2_048;

/// Whose words they are does not matter: they are worth no other site's notice, and do not see us.
const REL: &str = "nofollow noopener noreferrer ugc";

/// The text as markup. No tables: a row of many short cells grows with the square of its length.
pub(super) fn render(text: &str) -> Markup {
    let parser = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH);
    let mut filter = Filter::default();
    let mut out = String::with_capacity(text.len() * 2);
    writer::push_html(&mut out, parser.filter_map(|event| filter.pass(event)));
    html! { div.said { (PreEscaped(out)) } }
}

/// Keeps what is allowed, and remembers which ends belong to what was left out.
#[derive(Default)]
struct Filter {
    /// Blocks open now, but for paragraphs: whether each was let through.
    blocks: Vec<bool>,
    /// Links and images open now: whether each became a link.
    links: Vec<bool>,
}

impl Filter {
    fn pass<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        Some(match event {
            Event::Start(tag) => return self.start(tag),
            Event::End(end) => return self.end(end),
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::Rule => {
                event
            }
            Event::InlineMath(text) | Event::DisplayMath(text) => Event::Text(text),
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => return None,
        })
    }

    fn start<'a>(&mut self, tag: Tag<'a>) -> Option<Event<'a>> {
        match tag {
            Tag::Paragraph | Tag::Strong | Tag::Emphasis | Tag::Strikethrough => {
                Some(Event::Start(tag))
            }
            // The page has its own headings, in their own order.
            Tag::Heading { .. } => Some(Event::InlineHtml("<p><strong>".into())),
            Tag::HtmlBlock => Some(Event::Start(Tag::Paragraph)),
            // The word behind the fence would become a class.
            Tag::CodeBlock(_) => Some(Event::Start(Tag::CodeBlock(CodeBlockKind::Indented))),
            Tag::BlockQuote(_) => self.open(Tag::BlockQuote(None)),
            Tag::List(first) => self.open(Tag::List(first)),
            Tag::Item => self.open(Tag::Item),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                let link = opening(&dest_url).filter(|_| !self.links.contains(&true));
                self.links.push(link.is_some());
                link.map(|link| Event::InlineHtml(link.into()))
            }
            _ => None,
        }
    }

    fn end<'a>(&mut self, end: TagEnd) -> Option<Event<'a>> {
        match end {
            TagEnd::Paragraph
            | TagEnd::Strong
            | TagEnd::Emphasis
            | TagEnd::Strikethrough
            | TagEnd::CodeBlock => Some(Event::End(end)),
            TagEnd::Heading(_) => Some(Event::InlineHtml("</strong></p>".into())),
            TagEnd::HtmlBlock => Some(Event::End(TagEnd::Paragraph)),
            TagEnd::BlockQuote(_) | TagEnd::List(_) | TagEnd::Item => {
                self.blocks.pop().unwrap_or(false).then_some(Event::End(end))
            }
            TagEnd::Link | TagEnd::Image => {
                let link = self.links.pop().unwrap_or(false);
                link.then(|| Event::InlineHtml("</a>".into()))
            }
            _ => None,
        }
    }

    /// An item goes with its list: half of a pair is no markup.
    fn open<'a>(&mut self, tag: Tag<'a>) -> Option<Event<'a>> {
        let within = match tag {
            Tag::Item => self.blocks.last().copied().unwrap_or(false),
            // With room for its items.
            _ => self.blocks.iter().filter(|open| **open).count() + 1 < MAX_DEPTH,
        };
        self.blocks.push(within);
        within.then_some(Event::Start(tag))
    }
}

/// The beginning of a link, if it leads where links may.
fn opening(to: &str) -> Option<String> {
    let scheme = to.split_once(':')?.0.to_ascii_lowercase();
    let allowed = matches!(scheme.as_str(), "http" | "https" | "mailto");
    let plain = !to.chars().any(|c| c.is_whitespace() || c.is_control());
    if !allowed || !plain || to.len() > MAX_LINK_BYTES {
        return None;
    }
    // The template escapes the address; the end of the element is ours to write.
    let whole = html! { a href=(to) rel=(REL) {} }.into_string();
    whole.strip_suffix("</a>").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use scraper::{Html, Selector};

    use super::*;

    fn shown(text: &str) -> String {
        let whole = render(text).into_string();
        let inner = whole.strip_prefix("<div class=\"said\">").unwrap();
        inner.strip_suffix("</div>").unwrap().trim().to_owned()
    }

    #[test]
    fn what_people_mean_is_shown() {
        assert_eq!(
            shown("*a* **b** ~~c~~ `d`"),
            "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>"
        );
        assert_eq!(shown("# Title"), "<p><strong>Title</strong></p>");
        assert!(shown("- a\n- b").starts_with("<ul>"));
        assert_eq!(shown("```sh\ndocker pull x\n```"), "<pre><code>docker pull x\n</code></pre>");
    }

    #[test]
    fn html_becomes_text() {
        let page = shown("<script>alert(1)</script>");
        assert_eq!(page, "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>");
        assert!(shown("a <b onclick=x>b</b>").contains("&lt;b onclick=x&gt;"));
    }

    #[test]
    fn links_lead_to_the_web_and_to_mailboxes_alone() {
        for good in ["http://example.org/a?b=c&d", "HTTPS://example.org", "mailto:a@example.org"] {
            let page = shown(&format!("[x]({good})"));
            assert!(page.contains("rel=\"nofollow noopener noreferrer ugc\">x</a>"), "{page}");
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\u{1}script:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//example.org",
            "/admin/users",
            "x",
            "file:///etc/passwd",
            &format!("http://example.org/{}", "a".repeat(MAX_LINK_BYTES)),
        ] {
            let page = shown(&format!("[x](<{bad}>) <{bad}>"));
            assert!(!page.contains("<a "), "{page}");
        }
    }

    #[test]
    fn a_picture_is_a_link_to_it_and_is_not_loaded() {
        let page = shown("![a picture](https://example.org/x.png)");
        assert!(!page.contains("<img"), "{page}");
        assert!(
            page.contains("href=\"https://example.org/x.png\"") && page.contains(">a picture</a>")
        );
        let page = shown("[![in](https://example.org/x.png)](https://example.org)");
        assert_eq!(page.matches("<a ").count(), 1, "{page}");
        assert_eq!(page.matches("</a>").count(), 1, "{page}");
    }

    /// The depth of the deepest element, and whether only the tags of this module are there.
    fn looked_through(page: &str) -> usize {
        let html = Html::parse_fragment(page);
        let all = Selector::parse("*").unwrap();
        let mut deepest = 0;
        for element in html.select(&all) {
            let name = element.value().name();
            let known = [
                "html",
                "p",
                "em",
                "strong",
                "del",
                "code",
                "pre",
                "ul",
                "ol",
                "li",
                "blockquote",
                "a",
                "br",
                "hr",
            ];
            assert!(known.contains(&name), "{name} in {page}");
            for (attribute, value) in element.value().attrs() {
                let ours = matches!((name, attribute), ("a", "href" | "rel") | ("ol", "start"));
                assert!(ours, "{name} {attribute}={value}");
            }
            deepest = deepest.max(element.ancestors().count());
        }
        deepest
    }

    #[test]
    fn nothing_is_nested_without_end() {
        for deep in ["> ".repeat(4_000), "- ".repeat(4_000), "1. > ".repeat(1_600)] {
            let page = shown(&format!("{deep}x"));
            assert!(looked_through(&page) <= MAX_DEPTH + 6, "{page:.300}");
            assert!(page.contains('x') && page.len() < 100_000);
        }
        let emphasis = shown(&("*a **b ".repeat(1_000) + &"** *".repeat(1_000)));
        assert!(emphasis.len() < 100_000);
    }

    /// Every pair, and many a triple, of what matters to a Markdown parser or to a browser.
    #[test]
    fn no_mixture_of_marks_makes_other_markup() {
        let parts = [
            "<",
            ">",
            "\"",
            "'",
            "&",
            "[",
            "](",
            ")",
            "!",
            "`",
            "```",
            "*",
            "_",
            "~~",
            "#",
            "- ",
            "> ",
            "\n",
            "\n\n",
            "    ",
            "\\",
            ":",
            "javascript:alert(1)",
            "https://a.example",
            "<script>",
            "</div>",
            "<!--",
            "-->",
            "<![CDATA[",
            "<img src=x onerror=alert(1)>",
            "&lt;",
            "&#106;avascript:",
            "|",
            "---",
            "[^1]",
            "$$",
            "\u{0}",
            "\u{202e}",
            "x",
        ];
        for a in parts {
            for b in parts {
                looked_through(&shown(&format!("{a}{b}")));
                for c in ["](", "\n", "`", ">", "javascript:alert(1)"] {
                    looked_through(&shown(&format!("{a}{b}{c}x{a}")));
                }
            }
        }
    }
}
