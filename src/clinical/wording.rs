//! What a free text says, and what it denies.
//!
//! Turns a lower-case text and a phrase into "said" or "not said". A phrase counts as whole words, and only
//! at a place where its own clause does not deny it: by a denial before it or behind it, or by words of
//! someone else (a relative, a donor). The words are data; what stands here is how far they reach. It never
//! takes a denial for proof of the contrary.

/// Words that deny, and words at which a denial ends; all lower case.
#[derive(Default)]
pub struct Denials {
    /// Deny what follows them in their clause.
    pub before: Vec<Box<str>>,
    /// Say that what follows them is of someone else, or not done yet; behind a colon too.
    pub others: Vec<Box<str>>,
    /// Deny what stands right before them in their clause, or right before the mark behind which they stand.
    pub behind: Vec<Box<str>>,
    /// May stand between.
    pub between: Vec<Box<str>>,
    /// The same, where they are all that follows in the clause.
    pub alone: Vec<Box<str>>,
    /// End the reach of a denial within a clause.
    pub ends: Vec<Box<str>>,
    /// Join what one denial denies across commas.
    pub lists: Vec<Box<str>>,
    /// Right behind a name they are what is denied, not the name: no rejection of it does not mean that there is none.
    pub heads: Vec<Box<str>>,
}

impl Denials {
    /// Whether a text says a phrase at one place at least.
    pub fn says(&self, text: &str, phrase: &str) -> bool {
        places(text, phrase).any(|at| !self.denies(text, at, phrase))
    }

    /// Whether a text denies the phrase that it holds at a place. A phrase that begins with a denial means it.
    pub fn denies(&self, text: &str, at: usize, phrase: &str) -> bool {
        let behind = &text[at + phrase.len()..];
        if begins_with_any(behind.trim_start(), &self.heads) {
            return false;
        }
        has_any(self.reach(text, at, true), &self.others)
            || !begins_with_any(phrase, &self.before) && has_any(self.reach(text, at, false), &self.before)
            || self.denied_behind(behind)
    }

    /// The words of the clause before a place, as far as a denial among them reaches it.
    fn reach<'t>(&self, text: &'t str, at: usize, over_colons: bool) -> &'t str {
        let end = marks(text).find(|mark| mark.at >= at && mark.ends_sentence);
        let end = end.map_or(text.len(), |mark| mark.at);
        let mut marks = marks(text).filter(|mark| match mark.sign {
            ',' => !has_any(&text[mark.after.min(end)..end], &self.lists),
            ':' => !over_colons,
            _ => true,
        });
        let clause = &text[begin_of_clause(&mut marks, at)..at];
        let ended = self.ends.iter().filter_map(|word| {
            let last = places(clause, word).last()?;
            Some(last + word.len())
        });
        &clause[ended.max().unwrap_or(0)..]
    }

    /// Whether what follows a phrase denies it: in its clause, or at the very beginning of the next one.
    fn denied_behind(&self, behind: &str) -> bool {
        let mut marks = marks(behind);
        let first = marks.next();
        let clause = &behind[..first.map_or(behind.len(), |mark| mark.at)];
        let is_between = |word: &str| word.is_empty() || self.between.iter().any(|known| **known == *word);
        let all_between = |at: usize| clause[..at].split(|c: char| !c.is_alphanumeric()).all(is_between);
        let denied = self
            .behind
            .iter()
            .any(|word| places(clause, word).any(all_between));
        if denied || self.is_alone(clause) {
            return true;
        }
        let Some(mark) = first.filter(|mark| !mark.ends_sentence && clause.trim().is_empty()) else {
            return false;
        };
        let next = behind[mark.after..marks.next().map_or(behind.len(), |mark| mark.at)].trim();
        begins_with_any(next, &self.behind) || matches!(mark.sign, ':' | '-' | '?') && self.is_alone(next)
    }

    fn is_alone(&self, clause: &str) -> bool {
        self.alone.iter().any(|word| **word == *clause.trim())
    }
}

/// The clause in which a place stands: what is before it and what is from it on.
pub fn clause_at(text: &str, at: usize) -> (&str, &str) {
    let begin = begin_of_clause(&mut marks(text), at);
    let end = marks(text).find(|mark| mark.at >= at);
    (
        &text[begin..at],
        &text[at..end.map_or(text.len(), |mark| mark.at)],
    )
}

/// The rest of a sentence that has begun, with a date in it whose month is abbreviated.
pub fn rest_of_sentence(text: &str) -> &str {
    let goes_on = |mark: &Mark| {
        mark.sign == '.'
            && text[mark.after..]
                .trim_start()
                .starts_with(|c: char| c.is_ascii_digit())
    };
    let end = marks(text).find(|mark| mark.ends_sentence && !goes_on(mark));
    &text[..end.map_or(text.len(), |mark| mark.at)]
}

/// Whether a phrase stands in a text as whole words; both lower case.
pub fn has_words(text: &str, phrase: &str) -> bool {
    places(text, phrase).next().is_some()
}

/// Every place where a phrase stands in a text as whole words.
pub fn places<'t>(text: &'t str, phrase: &'t str) -> impl Iterator<Item = usize> + 't {
    let bounded = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    // Most texts are empty; a search costs more to begin than to carry out.
    let may = text.len() >= phrase.len() && !phrase.is_empty();
    let found = may.then(|| text.match_indices(phrase)).into_iter().flatten();
    found.map(|(at, _)| at).filter(move |&at| {
        bounded(text[..at].chars().next_back()) && bounded(text[at + phrase.len()..].chars().next())
    })
}

fn has_any(text: &str, words: &[Box<str>]) -> bool {
    words.iter().any(|word| has_words(text, word))
}

fn begins_with_any(text: &str, words: &[Box<str>]) -> bool {
    words.iter().any(|word| places(text, word).next() == Some(0))
}

/// A mark between clauses.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    /// Where the next clause begins.
    after: usize,
    /// Dashes of all lengths are `-`.
    sign: char,
    ends_sentence: bool,
}

/// The marks between the clauses of a text, in order.
fn marks(text: &str) -> impl Iterator<Item = Mark> {
    text.char_indices().filter_map(|(at, sign)| {
        let after = at + sign.len_utf8();
        let (before, behind) = (&text[..at], &text[after..]);
        let open_before = before.chars().next_back().is_none_or(char::is_whitespace);
        let open_behind = behind.chars().next().is_none_or(char::is_whitespace);
        let (sign, ends_sentence) = match sign {
            ';' | '!' | '\n' => (sign, true),
            // Not within a number or an abbreviation, nor behind the day of a date.
            '.' => (open_behind && !ends_in_day(before)).then_some((sign, true))?,
            ',' | ':' | '?' | '(' | ')' => (sign, false),
            '-' => (open_before || open_behind).then_some((sign, false))?,
            '\u{2013}' | '\u{2014}' => ('-', false),
            _ => return None,
        };
        Some(Mark {
            at,
            after,
            sign,
            ends_sentence,
        })
    })
}

/// Whether a text ends in a number of one or two digits.
fn ends_in_day(text: &str) -> bool {
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    (1..=2).contains(&digits)
}

/// Where the clause begins that holds a place.
fn begin_of_clause(marks: &mut impl Iterator<Item = Mark>, at: usize) -> usize {
    let before = marks.take_while(|mark| mark.at < at);
    before.last().map_or(0, |mark| mark.after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denials() -> Denials {
        let words = |list: &[&str]| list.iter().map(|word| (*word).into()).collect();
        Denials {
            before: words(&["no", "not", "without", "ruled out"]),
            others: words(&["fh", "mother had", "awaiting"]),
            behind: words(&["ruled out", "unlikely", "not confirmed"]),
            between: words(&["on", "biopsy", "was"]),
            alone: words(&["negative", "no", "donor"]),
            ends: words(&["after", "due to", "not tolerated"]),
            lists: words(&["or"]),
            heads: words(&["rejection"]),
        }
    }

    fn says(text: &str) -> bool {
        denials().says(text, "graft")
    }

    #[test]
    fn phrases_are_whole_words() {
        assert!(has_words("take by mouth, daily", "by mouth"));
        assert!(!has_words("carpool", "po") && !has_words("5po", "po"));
        assert!(!has_words("a", "") && !has_words("", "a"));
    }

    #[test]
    fn a_denial_reaches_to_the_end_of_its_clause() {
        for denied in [
            "no graft",
            "not a graft",
            "without signs of graft",
            "no fever and graft",
            "no fever, graft or rash",
            "ruled out graft",
        ] {
            assert!(!says(denied), "{denied}");
        }
        for said in [
            "no known allergies. graft 2012",
            "no fever; graft",
            "no fever, graft",
            "no fever - graft",
            "no fever: graft",
            "no fever after graft",
            "not tolerated graft",
            "not sent in 3.5 h due to graft",
            "no graft here. graft there",
        ] {
            assert!(says(said), "{said}");
        }
    }

    #[test]
    fn a_denial_behind_counts_in_the_clause_or_at_its_edge() {
        for denied in [
            "graft ruled out",
            "graft on biopsy ruled out",
            "graft: ruled out",
            "graft (not confirmed)",
            "graft, unlikely",
            "graft negative",
            "graft: no",
            "graft? no",
            "graft donor",
        ] {
            assert!(!says(denied), "{denied}");
        }
        for said in [
            "graft not ruled out",
            "graft rejection ruled out",
            "graft 2012 fever ruled out",
            "no graft rejection",
            "graft, fever ruled out",
            "graft. fever unlikely",
            "graft after fever was ruled out",
            "graft no fever",
            "graft, negative crossmatch",
            "graft donor specific antibodies",
            "graft (living donor)",
        ] {
            assert!(says(said), "{said}");
        }
    }

    #[test]
    fn what_is_of_someone_else_does_not_count() {
        assert!(!says("fh: graft") && !says("mother had a graft") && !says("awaiting graft"));
        assert!(says("fh: diabetes. graft") && says("fh: diabetes, graft") && says("graft from mother"));
    }

    #[test]
    fn a_phrase_that_begins_with_a_denial_means_it() {
        let denials = denials();
        assert!(denials.says("she does not feel well, no longer taken", "no longer taken"));
        assert!(denials.says("not well no longer taken", "no longer taken"));
        assert!(!denials.says("fh no longer taken", "no longer taken"));
    }

    #[test]
    fn a_clause_ends_at_its_marks() {
        let text = "seen 1. december 2026, then stopped (long ago). well";
        let at = text.find("stopped").unwrap();
        assert_eq!(clause_at(text, at), (" then ", "stopped "));
        assert_eq!(
            rest_of_sentence("on 1. december 2026. well"),
            "on 1. december 2026"
        );
        for whole in ["on 01.12.2026", "on dec. 1, 2026"] {
            assert_eq!(rest_of_sentence(whole), whole);
        }
    }
}
