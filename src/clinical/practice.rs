//! What a site has decided that bears on the judgement.
//!
//! Turns names of rules into a yes or no: shown, or evaluated in silence; and says whose label the
//! doses follow. It knows no client and reads no settings file.

/// The country, or union, whose label of a drug a site follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Country {
    /// United States.
    Us,
    /// European Union.
    Eu,
}

/// Names of rules, as `drug/table/row`; `*` stands for any one part, and at the end for all that follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulePattern(Vec<Box<str>>);

/// What a site has decided. By default nothing: no country, and every rule is shown.
#[derive(Clone, Debug, Default)]
pub struct Practice {
    /// Whose label counts; `None` where any does.
    pub country: Option<Country>,
    /// Rules that are evaluated and not shown.
    pub silent: Vec<RulePattern>,
}

impl RulePattern {
    /// Reads a pattern; `None` if it is not one to three parts of small letters, digits and hyphens, or
    /// `*`, with slashes between them, or if it has fewer than three and does not end in `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_name = |part: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            part == "*" || !part.is_empty() && part.bytes().all(plain)
        };
        let parts: Vec<Box<str>> = text.split('/').map(Box::from).collect();
        let ends_open = parts.last().is_some_and(|last| &**last == "*");
        let whole = parts.len() == 3 || parts.len() < 3 && ends_open;
        (whole && parts.iter().all(|part| is_name(part))).then_some(Self(parts))
    }

    /// Whether it covers a rule.
    #[must_use]
    pub fn covers(&self, rule: &str) -> bool {
        let given: Vec<&str> = rule.split('/').collect();
        let open = self.0.last().is_some_and(|last| &**last == "*");
        let long_enough = given.len() == self.0.len() || open && given.len() > self.0.len();
        long_enough
            && self
                .0
                .iter()
                .zip(given)
                .all(|(part, name)| &**part == "*" || **part == *name)
    }
}

impl std::fmt::Display for RulePattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0.join("/"))
    }
}

impl Practice {
    /// The first pattern that covers none of these rules: what it was to withhold would be shown.
    #[must_use]
    pub fn idle<'p>(&'p self, rules: &[String]) -> Option<&'p RulePattern> {
        self.silent
            .iter()
            .find(|pattern| !rules.iter().any(|rule| pattern.covers(rule)))
    }

    /// Whether a rule is evaluated in silence.
    #[must_use]
    pub fn withholds(&self, rule: &str) -> bool {
        self.silent.iter().any(|pattern| pattern.covers(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_what_it_names() {
        let cases = [
            ("drug/table/row", "drug/table/row", true),
            ("drug/table/row", "drug/table/other", false),
            ("drug/table/*", "drug/table/row", true),
            ("drug/table/*", "drug/tables/row", false),
            ("drug/*", "drug/table/row", true),
            ("drug/*", "drugs/table/row", false),
            ("*", "drug/table/row", true),
            ("*/gates/*", "drug/gates/row", true),
            ("*/gates/*", "drug/table/row", false),
            ("*/*/row", "drug/table/row", true),
        ];
        for (pattern, rule, expected) in cases {
            let read = RulePattern::parse(pattern).unwrap();
            assert_eq!(read.covers(rule), expected, "{pattern} {rule}");
        }
    }

    #[test]
    fn a_pattern_that_covers_no_rule_is_found() {
        let silent = ["drug/*", "drug/table/row"].map(|text| RulePattern::parse(text).unwrap());
        let practice = Practice {
            silent: silent.to_vec(),
            ..Practice::default()
        };
        let rules = |rule: &str| [rule.to_owned()];
        assert_eq!(practice.idle(&rules("drug/table/row")), None);
        let idle = practice
            .idle(&rules("drug/table/renamed"))
            .map(ToString::to_string);
        assert_eq!(idle.as_deref(), Some("drug/table/row"));
    }

    #[test]
    fn what_could_cover_nothing_is_no_pattern() {
        for text in [
            "",
            "drug",
            "drug/table",
            "drug/table/",
            "a/b/c/d",
            "Drug/*",
            "drug/ta*",
            "drug//row",
        ] {
            assert!(RulePattern::parse(text).is_none(), "{text}");
        }
    }
}
