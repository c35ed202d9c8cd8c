//! Words on a card: numbers as a laboratory rounds them, chart text made safe, templates filled.
//!
//! Everything that comes from the chart passes [`plain`]: no markup of GFM, no HTML, no control or
//! bidirectional characters, and a limit on length. Everything else comes from `hooks/`.

use crate::clinical::knowledge::{Piece, Template};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// Longest piece of chart text on a card, in characters.
const LONGEST: usize = 120;
/// A summary has fewer characters than this (CDS Hooks, card attributes).
const SUMMARY: usize = 140;

/// A number with at most three significant digits, without trailing zeros.
pub fn number(value: Decimal) -> String {
    rounded(value).to_string()
}

/// The value with at most three significant digits; whole numbers keep all of theirs.
pub fn rounded(value: Decimal) -> Decimal {
    let whole = value.round();
    let digits = if value.abs() >= Decimal::ONE_HUNDRED {
        return whole.normalize();
    } else {
        3
    };
    value.round_sf(digits).unwrap_or(value).normalize()
}

/// A value in a detail: units hold an asterisk (`10*9/L`), which GFM would take for emphasis.
pub fn in_detail(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.contains('*') {
        Cow::Owned(value.replace('*', "\\*"))
    } else {
        value
    }
}

/// GFM turns bare addresses into links; a space inside keeps them words.
fn defuse_links(text: String) -> String {
    // Each of the three holds one of these.
    if !text.contains([':', '.', ']']) {
        return text;
    }
    text.replace("://", ": //")
        .replace("www.", "www .")
        .replace("](", "] (")
}

/// Chart text made safe for a card: markup is taken out rather than escaped, because summaries and labels are
/// plain text and details are GFM.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST && is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let kept: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| {
            !is_hidden(*c)
                && !matches!(
                    c,
                    '<' | '>' | '`' | '*' | '_' | '[' | ']' | '|' | '\\' | '#' | '!' | '~' | '&'
                )
        })
        .take(LONGEST)
        .collect();
    Cow::Owned(defuse_links(
        kept.split_whitespace().collect::<Vec<_>>().join(" "),
    ))
}

/// Whether it has only letters, digits, harmless signs and single spaces between words, as most chart text does.
fn is_plain(text: &[u8]) -> bool {
    let mut before = b' ';
    for byte in text {
        let harmless = matches!(
            byte,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'-' | b'+' | b',' | b';' | b'/' | b'(' | b')' | b'%'
        );
        // A point may be part of an address.
        let in_number = *byte == b'.' && before.is_ascii_digit();
        if !(harmless || in_number) || (*byte, before) == (b' ', b' ') {
            return false;
        }
        before = *byte;
    }
    before != b' '
}

/// Control, formatting and bidirectional characters.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

/// Writes a template behind a text; `None` if a value is missing, and then the text may end anywhere in it.
pub fn fill<'v>(
    template: &Template,
    value: &dyn Fn(&str) -> Option<Cow<'v, str>>,
    text: &mut String,
) -> Option<()> {
    for piece in &template.0 {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Value(name) => text.push_str(&value(name)?),
        }
    }
    Some(())
}

/// The first template that can be filled and is short enough for a summary; else the first that is with the shorter
/// values; else the last, cut at a word (the tables have no such text).
pub fn summary<'v>(
    templates: &[Template],
    value: &dyn Fn(&str) -> Option<Cow<'v, str>>,
    shorter: &dyn Fn(&str) -> Option<Cow<'v, str>>,
) -> String {
    let mut last = String::new();
    for value in [value, shorter] {
        for template in templates {
            let mut text = String::with_capacity(SUMMARY);
            if fill(template, value, &mut text).is_none() {
                continue;
            }
            if text.chars().count() < SUMMARY {
                return text;
            }
            last = text;
        }
    }
    let mut short = String::new();
    for word in last.split_whitespace() {
        if short.chars().count() + word.chars().count() + 1 >= SUMMARY {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

/// `a`, `a and b`, `a, b and c`.
pub fn joined(items: &[&str], and: &str) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} {and} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_three_significant_digits() {
        let show = |text: &str| number(text.parse().unwrap());
        assert_eq!(show("2.10"), "2.1");
        assert_eq!(show("9.96784"), "9.97");
        assert_eq!(show("0.53040"), "0.53");
        assert_eq!(show("1234.4"), "1234");
        assert_eq!(show("0.0000"), "0");
    }

    #[test]
    fn chart_text_cannot_carry_markup() {
        assert_eq!(plain("<b>x</b> [a](http://e.x) **b**"), "bx/b a(http: //e.x) b");
        assert_eq!(plain("tacro\u{202e}sumil\u{0007}"), "tacrosumil");
        assert_eq!(plain(" drug  0.5 mg "), "drug 0.5 mg");
        assert_eq!(plain("drug 0.5 mg (twice daily)"), "drug 0.5 mg (twice daily)");
        assert_eq!(plain("see www.e.x"), "see www .e.x");
        assert_eq!(
            plain("<img src=x onerror=alert(1)> *drug*"),
            "img src=x onerror=alert(1) drug"
        );
    }

    #[test]
    fn a_summary_never_reaches_140_characters() {
        let long = Template(vec![Piece::Literal("word ".repeat(60).into())]);
        let short = summary(&[long], &|_| None, &|_| None);
        assert!(short.chars().count() < 140 && short.ends_with("word"));
    }

    #[test]
    fn a_summary_that_is_too_long_takes_the_shorter_values() {
        let piece = |text: &str| Piece::Literal(text.into());
        let template = Template(vec![
            piece("Stopping "),
            Piece::Value("drug".into()),
            piece(" is risky"),
        ]);
        let names = |_: &str| Some(Cow::Owned("name, ".repeat(30)));
        let counted = |_: &str| Some(Cow::Borrowed("7 drugs"));
        assert_eq!(
            summary(&[template], &names, &counted),
            "Stopping 7 drugs is risky"
        );
    }
}
