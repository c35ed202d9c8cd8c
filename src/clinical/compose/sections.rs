//! The detail of a card: paragraphs with a heading, in the order in which a prescriber reads them.

use super::text;
use super::values::Values;
use crate::clinical::agents::{Screening, Status};
use crate::clinical::gap::Gap;
use crate::clinical::knowledge::{Template, Words};
use crate::clinical::taper::Step;

/// Most gaps named in the text; the basis names all.
const MOST_GAPS: usize = 6;

/// Builds the detail, section by section.
pub(super) struct Sections<'a, 'k> {
    pub(super) words: &'k Words,
    pub(super) values: Values<'a, 'k>,
    pub(super) text: String,
}

/// Room for the detail of most cards.
pub(super) const USUAL_DETAIL: usize = 2 * 1024;

/// A paragraph with its heading; nothing without items.
pub(in crate::clinical) struct Paragraph<'t> {
    text: &'t mut String,
    heading: &'t str,
    begun: bool,
}

impl<'t> Paragraph<'t> {
    /// Behind a text.
    pub(in crate::clinical) fn new(text: &'t mut String, heading: &'t str) -> Self {
        Paragraph {
            text,
            heading,
            begun: false,
        }
    }

    /// Adds an item; none if it cannot be written.
    fn item(&mut self, write: impl FnOnce(&mut String) -> Option<()>) {
        let before = self.text.len();
        if !self.begun {
            apart(self.text);
            self.text.extend(["**", self.heading, "**"]);
        }
        self.text.push_str(" · ");
        match write(self.text) {
            Some(()) => self.begun = true,
            None => self.text.truncate(before),
        }
    }

    /// Adds an item of these words.
    pub(in crate::clinical) fn says(&mut self, words: &str) {
        self.item(|text| {
            text.push_str(words);
            Some(())
        });
    }
}

/// Sets what follows apart from a text.
fn apart(text: &mut String) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
}

impl<'k> Sections<'_, 'k> {
    /// One line without a heading, if it can be filled.
    pub(super) fn line(&mut self, template: &Template) {
        let mut line = String::new();
        if self.values.fill(template, &mut line).is_some() {
            self.plain(&line);
        }
    }

    /// A line of the tables' own words.
    pub(super) fn plain(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        apart(&mut self.text);
        self.text.push_str(line);
    }

    /// Why for this patient: the numbers, then the row's lines.
    pub(super) fn why(&mut self, numbers: &[String], lines: &[Template]) {
        self.why_beside(numbers, lines, None);
    }

    /// The same with a last item that no row writes.
    pub(super) fn why_beside(&mut self, numbers: &[String], lines: &[Template], last: Option<String>) {
        let mut paragraph = Paragraph::new(&mut self.text, self.words.get("heading.why"));
        for number in numbers {
            paragraph.says(&text::in_detail(number.as_str().into()));
        }
        for line in lines {
            paragraph.item(|text| self.values.fill(line, text));
        }
        if let Some(last) = last {
            paragraph.says(&last);
        }
    }

    /// A section of the row's lines that can be filled.
    pub(super) fn listed(&mut self, heading: &str, lines: &[Template]) {
        let mut paragraph = Paragraph::new(&mut self.text, self.words.get(heading));
        for line in lines {
            paragraph.item(|text| self.values.fill(line, text));
        }
    }

    /// What is not known, at most six; and that this raised the urgency, if it did.
    pub(super) fn gaps(&mut self, gaps: &[Gap<'k>], raised: bool) {
        let mut paragraph = Paragraph::new(&mut self.text, self.words.get("heading.not-known"));
        if raised {
            paragraph.says(self.words.get("raised"));
        }
        for gap in gaps.iter().take(MOST_GAPS) {
            let values = [("need", name_of(gap, self.words, &self.values))];
            paragraph.item(|text| {
                self.words.put(text, gap.why.phrase(), &values);
                Some(())
            });
        }
    }

    /// Begins a line of a list, which is the first or follows another.
    fn bullet(&mut self, first: bool) {
        match first {
            true => apart(&mut self.text),
            false => self.text.push('\n'),
        }
        self.text.push_str("- ");
    }

    /// A list of the tables' own lines.
    pub(super) fn lines<'l>(&mut self, lines: impl Iterator<Item = &'l str>) {
        for (place, line) in lines.enumerate() {
            self.bullet(place == 0);
            self.text.push_str(line);
        }
    }

    /// The steps of a reduction.
    pub(super) fn steps(&mut self, steps: &[(Step, String)]) {
        for (place, (step, doses)) in steps.iter().enumerate() {
            self.bullet(place == 0);
            let values = [
                ("step", &*(place + 1).to_string()),
                ("doses", doses),
                ("daily", &text::number(step.daily())),
                ("days", &step.days.to_string()),
            ];
            self.words.put(&mut self.text, "taper.step", &values);
        }
    }

    /// The agents with their status and reasons; doses only for adults.
    pub(super) fn agents(&mut self, screening: &Screening<'_>, adult: bool) {
        for (place, screened) in screening.agents.iter().enumerate() {
            let key = match (screened.status, &*screened.reasons) {
                (Status::Offered, _) => "agent.offered",
                (Status::CheckFirst, _) => "agent.check-first",
                (Status::Excluded, _) => "agent.excluded",
                (Status::AlreadyTaking, []) => "agent.already-taking",
                // Drafted, not taken yet: it says so, and what has to be checked.
                (Status::AlreadyTaking, _) => "agent.drafted",
            };
            self.bullet(place == 0);
            self.text.extend(["**", &screened.agent.name, "**: "]);
            let reasons = screened.reasons.join(", ");
            self.words.put(&mut self.text, key, &[("reasons", &reasons)]);
            let usable = matches!(screened.status, Status::Offered | Status::CheckFirst);
            if adult && usable && !screened.of.dose.is_empty() {
                self.text.extend([" · ", &screened.of.dose]);
            }
            if usable && !screened.notes.is_empty() {
                self.text.extend([" · ", &screened.notes.join("; ")]);
            }
        }
    }
}

/// What a gap is about, in words.
fn name_of<'n>(gap: &Gap<'n>, words: &'n Words, values: &Values<'_, 'n>) -> &'n str {
    let analytes = &values.signals.knowledge.vocabulary.analytes;
    words.need(gap.need).unwrap_or_else(|| {
        let named = analytes.iter().find(|analyte| *analyte.key == *gap.need);
        named.map_or(gap.need, |analyte| &analyte.name)
    })
}
