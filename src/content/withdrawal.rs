//! The folder of one withdrawal.
//!
//! Turns `withdrawals/NAME/` into a [`Withdrawal`]: its drug first, because the vocabulary needs its
//! products, and its tables when all names are known.

use super::agents::Agents;
use super::codes::Systems;
use super::drugs::{Drugs, FormulationKeys};
use super::files::Files;
use super::names::{Desk, Scope};
use super::page::{Page, Problems};
use super::schema::tables::DrugFile;
use super::texts::Texts;
use super::{indications, tables, watch};
use crate::clinical::knowledge::{Indication, Withdrawal};
use crate::clinical::vocabulary::IngredientId;

/// A withdrawal whose drug was read.
pub(super) struct Folder<'a> {
    /// Name of the folder.
    pub(super) key: &'a str,
    file: DrugFile,
    ingredient: IngredientId,
    formulations: FormulationKeys,
}

/// Path of a file of a withdrawal.
pub(super) fn path(key: &str, file: &str) -> String {
    format!("withdrawals/{key}/{file}")
}

impl<'a> Folder<'a> {
    /// Reads the drugs of all withdrawals.
    pub(super) fn read_all(
        files: &'a Files,
        problems: &Problems,
        systems: &Systems,
        drugs: &mut Drugs,
    ) -> Vec<Self> {
        let keys = files.folders("withdrawals");
        if keys.is_empty() {
            problems.add(
                format!("{}/withdrawals", files.root()),
                None,
                "holds no withdrawal".to_owned(),
            );
        }
        keys.into_iter()
            .filter_map(|key| Folder::read(files, problems, systems, drugs, key))
            .collect()
    }

    fn read(
        files: &Files,
        problems: &Problems,
        systems: &Systems,
        drugs: &mut Drugs,
        key: &'a str,
    ) -> Option<Self> {
        let drug_path = path(key, "drug.toml");
        let page = Page::required(files, &drug_path, problems)?;
        let file: DrugFile = page.toml()?;
        let Some(ingredient) = drugs.ingredient(file.ingredient.get_ref()) else {
            page.refuse(
                file.ingredient.span(),
                format!("there is no ingredient '{}'", file.ingredient.get_ref()),
            );
            return None;
        };
        let formulations = drugs.read_formulations(&page, &file, ingredient);
        if let Some(page) = Page::required(files, &path(key, "products.csv"), problems) {
            drugs.read_products(&page, systems, ingredient, &formulations);
        }
        Some(Folder {
            key,
            file,
            ingredient,
            formulations,
        })
    }

    /// Reads the tables.
    pub(super) fn withdrawal(
        &self,
        files: &Files,
        problems: &Problems,
        scope: Scope,
        agents: &Agents,
    ) -> Option<Withdrawal> {
        let [drug, gates, right, texts, approval] = [
            "drug.toml",
            "gates.toml",
            "right-to-stop.toml",
            "texts/en",
            "approval.toml",
        ]
        .map(|file| path(self.key, file));
        let page = |path| Page::required(files, path, problems);
        let approval = page(&approval).and_then(|page| tables::approval(&page));
        let drug = Desk {
            page: page(&drug)?,
            scope,
        };
        let texts = Texts::read(files, problems, scope, &texts);
        let level = self.file.level.as_ref().and_then(|word| drug.analyte(word));
        let conversions = tables::conversions(&drug, &self.file, &self.formulations);
        let gates = page(&gates).map(|page| tables::gates(&Desk { page, scope }, &texts));
        let rightful = page(&right).map(|page| tables::rightful(&Desk { page, scope }, &texts));
        let indications = self.indications(files, problems, scope, agents, &texts);
        let rank = self.file.indications.get_ref();
        let watch = match Page::optional(files, &path(self.key, "watch.toml"), problems) {
            Some(page) => Some(watch::watch(&Desk { page, scope }, &texts, rank)?),
            None => None,
        };
        if level.is_some() != self.file.trough_hours.is_some() {
            drug.page.refuse_file("'level' and 'trough-hours' stand together");
        }
        indications::check_rank(&drug.page, &self.file.indications, &indications);
        let void = self.file.level_void.as_ref();
        let (rightful, lines) = rightful?;
        Some(Withdrawal {
            key: self.key.into(),
            rank: *self.file.rank.get_ref(),
            ingredient: self.ingredient,
            level,
            adult_years: self.file.adult_years,
            switch_before: self.file.switch_before.0,
            switch_after: self.file.switch_after.0,
            chain_gap: self.file.chain_gap.0,
            superseded_after: self.file.superseded_after.0,
            trough_hours: self.file.trough_hours.unwrap_or_default(),
            dose_held_minutes: self.file.dose_held_minutes,
            level_void_by: drug.drug_set(void.map_or(&[][..], |row| &row.by)),
            level_void_within: void.map_or(0, |row| row.within.0),
            companions: drug.drug_set(&self.file.companions),
            conversions,
            gates: gates?,
            rightful,
            lines,
            indications,
            watch,
            approval: approval?,
        })
    }

    fn indications(
        &self,
        files: &Files,
        problems: &Problems,
        scope: Scope,
        agents: &Agents,
        texts: &Texts,
    ) -> Vec<Indication> {
        let rank = self.file.indications.get_ref();
        let folder = path(self.key, "indications");
        for (path, _) in files.below(&folder) {
            let key = path[folder.len() + 1..].trim_end_matches(".toml");
            if rank.iter().all(|word| word.get_ref() != key) {
                problems.add(
                    format!("{}/{path}", files.root()),
                    None,
                    "is not in the indications of drug.toml".to_owned(),
                );
            }
        }
        let read = |key: &str| {
            let path = format!("{folder}/{key}.toml");
            let page = Page::required(files, &path, problems)?;
            indications::indication(&Desk { page, scope }, texts, agents, key, rank)
        };
        rank.iter().filter_map(|word| read(word.get_ref())).collect()
    }
}
