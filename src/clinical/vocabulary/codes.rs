//! Codes of many systems to what they mean.
//!
//! Turns system and code of a coding into a drug, an analyte, groups, a finding, a route or a timing; systems are known
//! by their address, by aliases, and in the spellings that EHRs use. A code counts in its own system only.

use super::{DrugCode, Finding, GroupId, LabCode, Site, Vocabulary};
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;
use smallvec::SmallVec;
use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// The systems of codes, each once.
fn distinct<'k>(codes: impl Iterator<Item = &'k (u8, Box<str>)>) -> Vec<u8> {
    let mut systems: Vec<u8> = codes.map(|(system, _)| *system).collect();
    systems.sort_unstable();
    systems.dedup();
    systems
}

/// An address of a system without what EHRs write in several ways, in small letters.
pub type Spelling = SmallVec<[u8; 48]>;

/// The spelling of an address: without scheme, `www.`, a slash at the end and capitals.
fn bare(address: &str) -> Spelling {
    let mut bare = address.trim_end_matches('/');
    for prefix in ["https://", "http://", "urn:oid:", "www."] {
        let start = bare.get(..prefix.len()).unwrap_or_default();
        if start.eq_ignore_ascii_case(prefix) {
            bare = &bare[prefix.len()..];
        }
    }
    bare.bytes().map(|byte| byte.to_ascii_lowercase()).collect()
}

impl Vocabulary {
    /// Prepares that systems are found in other spellings, and codes without their system.
    pub(super) fn prepare_codes(&mut self) {
        let spelled = self.systems.iter().map(|(address, key)| (bare(address), *key));
        self.spellings = spelled.collect();
        self.lab_systems = distinct(self.lab_codes.keys());
        self.group_systems = distinct(self.group_codes.keys());
    }

    /// Whether a code is one of a group in some system.
    pub fn is_group_anywhere(&self, code: &str) -> bool {
        let mut systems = self.group_systems.iter();
        systems.any(|system| lookup(&self.group_codes, *system, code).is_some())
    }

    /// Key of a code system address or alias; also of one that differs in its scheme, in capitals, in `www.` or in
    /// a slash at the end, and of an OID without its prefix.
    pub fn system(&self, address: &str) -> Option<u8> {
        let exact = self.systems.get(address).copied();
        exact.or_else(|| self.spellings.get(&bare(address)).copied())
    }

    /// Whether a code is one of an analyte in some system.
    pub fn lab_code_anywhere(&self, code: &str) -> Option<&LabCode> {
        let mut systems = self.lab_systems.iter();
        systems.find_map(|system| lookup(&self.lab_codes, *system, code))
    }

    /// The drug that a coding names.
    pub fn drug_code(&self, system: &str, code: &str) -> Option<&DrugCode> {
        self.coded(&self.drug_codes, system, code)
    }

    /// The analyte that a coding names.
    pub fn lab_code(&self, system: &str, code: &str) -> Option<&LabCode> {
        self.coded(&self.lab_codes, system, code)
    }

    /// The meaning of a coded result.
    pub fn finding(&self, system: &str, code: &str) -> Option<Finding> {
        self.coded(&self.finding_codes, system, code).copied()
    }

    /// Systemic or local, for a coded route.
    pub fn route(&self, system: &str, code: &str) -> Option<Site> {
        self.coded(&self.route_codes, system, code).copied()
    }

    /// Doses per day of a coded timing.
    pub fn timing(&self, system: &str, code: &str) -> Option<Decimal> {
        self.coded(&self.timing_codes, system, code).copied()
    }

    /// Adds the groups of conditions and procedures that a coding belongs to, by its code or by the range
    /// of its three-character category.
    pub fn groups_of(&self, system: &str, code: &str, into: &mut Vec<GroupId>) {
        let Some(key) = self.system(system) else { return };
        let listed = lookup(&self.group_codes, key, code).map_or(&[][..], |groups| groups);
        let ranged = code.get(..3).map(|category| {
            let inside = move |(of, from, to, group): &(u8, Box<str>, Box<str>, GroupId)| {
                (*of == key && &**from <= category && category <= &**to).then_some(*group)
            };
            self.group_ranges.iter().filter_map(inside)
        });
        for group in listed.iter().copied().chain(ranged.into_iter().flatten()) {
            if !into.contains(&group) {
                into.push(group);
            }
        }
    }

    fn coded<'v, T>(
        &'v self,
        map: &'v HashMap<(u8, Box<str>), T>,
        system: &str,
        code: &str,
    ) -> Option<&'v T> {
        lookup(map, self.system(system)?, code)
    }
}

/// A key of the code maps, owned or borrowed: lets a map be asked without building an owned key.
trait CodeKey {
    fn parts(&self) -> (u8, &str);
}

impl CodeKey for (u8, Box<str>) {
    fn parts(&self) -> (u8, &str) {
        (self.0, &self.1)
    }
}

impl CodeKey for (u8, &str) {
    fn parts(&self) -> (u8, &str) {
        (self.0, self.1)
    }
}

impl<'k> Borrow<dyn CodeKey + 'k> for (u8, Box<str>) {
    fn borrow(&self) -> &(dyn CodeKey + 'k) {
        self
    }
}

impl PartialEq for dyn CodeKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn CodeKey + '_ {}

impl Hash for dyn CodeKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

/// Value of a (system key, code) pair.
fn lookup<'m, T>(map: &'m HashMap<(u8, Box<str>), T>, system: u8, code: &str) -> Option<&'m T> {
    let key: &dyn CodeKey = &(system, code);
    map.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_by_system_alias_and_only_in_its_system() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.systems.insert("http://routes.example".into(), 3);
        vocabulary.systems.insert("urn:oid:1.2.3".into(), 3);
        vocabulary.systems.insert("http://other.example".into(), 4);
        vocabulary.route_codes.insert((3, "oral".into()), Site::Systemic);
        assert_eq!(
            vocabulary.route("http://routes.example", "oral"),
            Some(Site::Systemic)
        );
        assert_eq!(vocabulary.route("urn:oid:1.2.3", "oral"), Some(Site::Systemic));
        assert_eq!(vocabulary.route("http://other.example", "oral"), None);
        assert_eq!(vocabulary.route("http://routes.example", "Oral"), None);
        vocabulary.prepare();
        for other in [
            "https://routes.example",
            "http://www.routes.example/",
            "HTTP://Routes.Example",
            "routes.example",
            "1.2.3",
            "URN:OID:1.2.3",
        ] {
            assert_eq!(vocabulary.system(other), Some(3), "{other}");
        }
        for none in [
            "",
            "http://",
            "http://routes.example/oral",
            "urn:oid:1.2.3.4",
            "\u{b5}\u{b5}\u{b5}\u{b5}",
        ] {
            assert_eq!(vocabulary.system(none), None, "{none}");
        }
    }

    #[test]
    fn groups_come_from_codes_and_from_ranges_of_categories() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.systems.insert("icd".into(), 0);
        vocabulary
            .group_codes
            .insert((0, "C50.1".into()), vec![GroupId(1)]);
        vocabulary
            .group_ranges
            .push((0, "C00".into(), "C96".into(), GroupId(2)));
        let mut groups = Vec::new();
        vocabulary.groups_of("icd", "C50.1", &mut groups);
        assert_eq!(groups, [GroupId(1), GroupId(2)]);
        groups.clear();
        vocabulary.groups_of("icd", "C97", &mut groups);
        vocabulary.groups_of("icd", "C5", &mut groups);
        vocabulary.groups_of("icd", "\u{b5}\u{b5}", &mut groups);
        assert!(groups.is_empty());
    }
}
