//! What is not known, and why.
//!
//! A gap is a value, not an error: bad data is normal. Names are those of the outside contract
//! (machine-readable basis, `gaps`).

/// Why something is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Looked for, none there.
    Absent,
    /// There, but older than its window.
    Stale,
    /// There, without a unit or with one that the analyte does not know.
    UnitUnknown,
    /// There, but without a date, or a level without the time of the last dose.
    TimingUnknown,
    /// A level that is certainly not a trough.
    NotTrough,
    /// Two sources disagree.
    Conflicting,
    /// It came and could not be used.
    NotReadable,
    /// 401, 403, missing scope, or not on the allow-list.
    NotPermitted,
    /// Failed, late, or not sent and no server to ask.
    FetchFailed,
    /// It belongs to another patient and was dropped.
    OtherPatient,
}

impl Why {
    /// All.
    pub const ALL: [Why; 10] = [
        Why::Absent,
        Why::Stale,
        Why::UnitUnknown,
        Why::TimingUnknown,
        Why::NotTrough,
        Why::Conflicting,
        Why::NotReadable,
        Why::NotPermitted,
        Why::FetchFailed,
        Why::OtherPatient,
    ];

    /// The reason with that code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.code() == code)
    }

    /// The code in `gaps[].why`.
    pub fn code(self) -> &'static str {
        &self.phrase()["gap.".len()..]
    }

    /// The key of the words for something that is missing so.
    pub fn phrase(self) -> &'static str {
        match self {
            Why::Absent => "gap.absent",
            Why::Stale => "gap.stale",
            Why::UnitUnknown => "gap.unit-unknown",
            Why::TimingUnknown => "gap.timing-unknown",
            Why::NotTrough => "gap.not-trough",
            Why::Conflicting => "gap.conflicting",
            Why::NotReadable => "gap.not-readable",
            Why::NotPermitted => "gap.not-permitted",
            Why::FetchFailed => "gap.fetch-failed",
            Why::OtherPatient => "gap.other-patient",
        }
    }
}

/// One thing that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gap<'k> {
    /// The name of the missing thing, as in `gaps[].need`.
    pub need: &'k str,
    /// Why it is missing.
    pub why: Why,
}

impl<'k> Gap<'k> {
    /// A gap of the given name.
    pub fn new(need: &'k str, why: Why) -> Self {
        Gap { need, why }
    }
}

/// The truth of a sign, from "no" to "yes" by how much it may still be so.
///
/// Four values on one chain, so that `any` is the maximum and `all` the minimum. `Unreadable` stands
/// between unknown and true: what would decide it is there, or its source failed, so it must be counted
/// as possible; `Unknown` means looked and not found, or too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// Certainly not.
    False,
    /// Not known: absent or stale.
    Unknown,
    /// Not known, because what is there could not be read.
    Unreadable,
    /// Certainly so.
    True,
}

impl Truth {
    /// Truth of a plain fact.
    pub fn of(fact: bool) -> Self {
        if fact { Truth::True } else { Truth::False }
    }

    /// Negation: the two kinds of unknown stay what they are.
    #[must_use]
    pub fn negate(self) -> Self {
        match self {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            unknown @ (Truth::Unknown | Truth::Unreadable) => unknown,
        }
    }
}
