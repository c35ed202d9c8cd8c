//! Turns the Markdown of a card's detail into HTML that is safe to show.
//!
//! In: GitHub flavoured Markdown from a service, which an EHR must not trust. Out: HTML with paragraphs,
//! lists, tables and emphasis. Raw HTML becomes text, a picture becomes its description, and a link that is
//! not http or https loses its target. Headings begin at the fourth level, below those of the page.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// HTML for a detail.
pub fn html(detail: &str) -> String {
    let events = Parser::new_ext(detail, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut written = String::with_capacity(detail.len() * 2);
    html::push_html(&mut written, events.filter_map(harmless));
    written
}

/// Whether a link from a card may be shown as a link.
pub(crate) fn may_link(target: &str) -> bool {
    url::Url::parse(target).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn harmless(event: Event<'_>) -> Option<Event<'_>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock | Tag::Image { .. }) => None,
        Event::End(TagEnd::HtmlBlock | TagEnd::Image) => None,
        Event::Start(Tag::Link { dest_url, .. }) => Some(Event::Start(Tag::Link {
            link_type: LinkType::Inline,
            dest_url: if may_link(&dest_url) {
                dest_url
            } else {
                CowStr::Borrowed("#")
            },
            title: CowStr::Borrowed(""),
            id: CowStr::Borrowed(""),
        })),
        Event::Start(Tag::Heading { level, .. }) => Some(Event::Start(Tag::Heading {
            level: lower(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        })),
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        other => Some(other),
    }
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_emphasis_lists_and_links_are_shown() {
        let shown = html("**Why** now\n\n- one\n- [two](https://doi.org/10.1000/1)\n");
        assert!(shown.contains("<strong>Why</strong>"));
        assert!(shown.contains("<li>one</li>"));
        assert!(shown.contains("<a href=\"https://doi.org/10.1000/1\">two</a>"));
    }

    #[test]
    fn raw_html_becomes_text() {
        for attack in [
            "<script>alert(1)</script>",
            "text <script src=//x></script> text",
            "<div>\n<script>alert(1)</script>\n</div>",
            "<img src=x onerror=alert(1)>",
            "a <b onmouseover=alert(1)>b</b>",
            "<!-- --><svg/onload=alert(1)>",
            "<style>*{display:none}</style>",
        ] {
            let shown = html(attack);
            for tag in ["<script", "<img", "<svg", "<div", "<b ", "<style", "<!--"] {
                assert!(!shown.contains(tag), "{attack} became {shown}");
            }
        }
    }

    #[test]
    fn links_that_are_not_of_the_web_lose_their_target() {
        for attack in [
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](java&#115;cript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x)",
            "<javascript:alert(1)>",
            "[x][1]\n\n[1]: javascript:alert(1)",
            "[x](//example.org/a)",
        ] {
            let shown = html(attack);
            assert!(shown.contains("href=\"#\""), "{attack} became {shown}");
        }
    }

    #[test]
    fn a_title_cannot_break_out_of_its_attribute() {
        let shown = html("[x](https://example.org/ \"a\\\" onclick=\\\"alert(1)\")");
        assert_eq!(shown.trim(), "<p><a href=\"https://example.org/\">x</a></p>");
        let shown = html("[x](https://example.org/\"onclick=\"alert)");
        assert!(!shown.contains("\"onclick"), "{shown}");
    }

    #[test]
    fn a_picture_becomes_its_description() {
        let shown = html("![a chart](https://example.org/x.png \"t\")");
        assert!(!shown.contains("<img") && shown.contains("a chart"));
        assert!(!html("![x](x onerror=alert(1))").contains("<img"));
    }

    #[test]
    fn headings_stay_below_those_of_the_page() {
        assert_eq!(html("# A").trim(), "<h4>A</h4>");
    }
}
