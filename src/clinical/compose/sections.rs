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

/// Adds a paragraph with its heading; nothing without items.
pub(in crate::clinical) fn paragraph(text: &mut String, heading: &str, items: &[impl AsRef<str>]) {
    if items.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str("**");
    text.push_str(heading);
    text.push_str("**");
    for item in items {
        text.push_str(" · ");
        text.push_str(item.as_ref());
    }
}

impl Sections<'_, '_> {
    /// The lines that can be filled.
    pub(super) fn filled(&self, templates: &[Template]) -> Vec<String> {
        templates
            .iter()
            .filter_map(|t| text::fill(t, &|name| self.values.get(name).map(text::in_detail)))
            .collect()
    }

    fn paragraph(&mut self, heading: &str, items: &[String]) {
        let heading = self.words.get(heading);
        paragraph(&mut self.text, heading, items);
    }

    /// One line without a heading.
    pub(super) fn line(&mut self, template: &Template) {
        for line in self.filled(std::slice::from_ref(template)) {
            self.plain(&line);
        }
    }

    /// A line of the tables' own words.
    pub(super) fn plain(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(line);
    }

    /// Why for this patient: the numbers, then the row's lines.
    pub(super) fn why(&mut self, numbers: &[String], lines: &[Template]) {
        self.why_beside(numbers, lines, None);
    }

    /// The same with a last item that no row writes.
    pub(super) fn why_beside(&mut self, numbers: &[String], lines: &[Template], last: Option<String>) {
        let mut items: Vec<String> = numbers
            .iter()
            .map(|n| text::in_detail(n.as_str().into()).into_owned())
            .collect();
        items.extend(self.filled(lines));
        items.extend(last);
        self.paragraph("heading.why", &items);
    }

    /// A section of the row's lines.
    pub(super) fn listed(&mut self, heading: &str, lines: &[Template]) {
        let items = self.filled(lines);
        self.paragraph(heading, &items);
    }

    /// What is not known, at most six; and that this raised the urgency, if it did.
    pub(super) fn gaps(&mut self, gaps: &[Gap<'_>], raised: bool) {
        let mut items: Vec<String> = gaps.iter().take(MOST_GAPS).map(|gap| self.gap(gap)).collect();
        if raised {
            items.insert(0, self.words.get("raised").to_owned());
        }
        self.paragraph("heading.not-known", &items);
    }

    fn gap(&self, gap: &Gap<'_>) -> String {
        let analytes = &self.values.signals.knowledge.vocabulary.analytes;
        let need = match self.words.need(gap.need) {
            Some(phrase) => phrase,
            None => analytes
                .iter()
                .find(|a| *a.key == *gap.need)
                .map_or(gap.need, |a| &a.name),
        };
        self.words.with(gap.why.phrase(), &[("need", need)])
    }

    /// A list of the tables' own lines.
    pub(super) fn lines<'l>(&mut self, lines: impl Iterator<Item = &'l str>) {
        let list: Vec<String> = lines.map(|line| format!("- {line}")).collect();
        self.plain(&list.join("\n"));
    }

    /// The steps of a reduction.
    pub(super) fn steps(&mut self, steps: &[(Step, String)]) {
        let line = |n: usize, (step, dose): &(Step, String)| {
            let values = [
                ("step", &*n.to_string()),
                ("doses", dose),
                ("daily", &text::number(step.daily())),
                ("days", &step.days.to_string()),
            ];
            self.words.with("taper.step", &values)
        };
        let list: Vec<String> = steps
            .iter()
            .enumerate()
            .map(|(i, s)| format!("- {}", line(i + 1, s)))
            .collect();
        self.plain(&list.join("\n"));
    }

    /// The agents with their status and reasons; doses only for adults.
    pub(super) fn agents(&mut self, screening: &Screening<'_>, adult: bool) {
        let mut list = Vec::new();
        for screened in &screening.agents {
            let key = match (screened.status, &*screened.reasons) {
                (Status::Offered, _) => "agent.offered",
                (Status::CheckFirst, _) => "agent.check-first",
                (Status::Excluded, _) => "agent.excluded",
                (Status::AlreadyTaking, []) => "agent.already-taking",
                // Drafted, not taken yet: it says so, and what has to be checked.
                (Status::AlreadyTaking, _) => "agent.drafted",
            };
            let status = self.words.with(key, &[("reasons", &screened.reasons.join(", "))]);
            let mut line = format!("- **{}**: {status}", screened.agent.name);
            let usable = matches!(screened.status, Status::Offered | Status::CheckFirst);
            if adult && usable && !screened.of.dose.is_empty() {
                line.push_str(" · ");
                line.push_str(&screened.of.dose);
            }
            if usable && !screened.notes.is_empty() {
                line.push_str(" · ");
                line.push_str(&screened.notes.join("; "));
            }
            list.push(line);
        }
        self.plain(&list.join("\n"));
    }
}
