//! Formulations and products of a reviewed drug.

use super::{Drugs, FormulationKeys};
use crate::clinical::vocabulary::{DrugCode, Formulation, FormulationId, IngredientId, Product, Site};
use crate::content::codes::Systems;
use crate::content::page::Page;
use crate::content::schema::tables::{DrugFile, FormulationRow};
use crate::content::schema::terms as written;
use std::collections::BTreeMap;

/// A row of `products.csv` with its line, formulation and ingredient.
type Read<'a> = (
    usize,
    &'a written::ProductRow,
    Option<FormulationId>,
    IngredientId,
);

impl Drugs {
    /// Reads the formulations of a `drug.toml`.
    pub(in crate::content) fn read_formulations(
        &mut self,
        page: &Page,
        file: &DrugFile,
        ingredient: IngredientId,
    ) -> FormulationKeys {
        let mut keys = FormulationKeys::default();
        for row in &file.formulation {
            let of = self.relative(
                ingredient,
                row.ingredient.as_ref().map(|word| word.get_ref().as_str()),
            );
            let Some(of) = of else {
                page.refuse(row.key.span(), "its ingredient is not of the family of the drug");
                continue;
            };
            let Some(id) = self.add_formulation(page, row, of) else {
                continue;
            };
            if keys.insert(row.key.get_ref().clone(), id).is_some() {
                page.refuse(
                    row.key.span(),
                    format!("the formulation '{}' is listed twice", row.key.get_ref()),
                );
            }
        }
        keys
    }

    /// The ingredient that a row names, if it is of the family; without a name the drug itself.
    fn relative(&self, drug: IngredientId, named: Option<&str>) -> Option<IngredientId> {
        let Some(key) = named else { return Some(drug) };
        let family = |id: IngredientId| &self.ingredients[usize::from(id.0)].family;
        self.ingredient(key).filter(|id| family(*id) == family(drug))
    }

    fn add_formulation(
        &mut self,
        page: &Page,
        row: &FormulationRow,
        ingredient: IngredientId,
    ) -> Option<FormulationId> {
        let Ok(index) = u16::try_from(self.formulations.len()) else {
            page.refuse(row.key.span(), "there are too many formulations");
            return None;
        };
        if *row.doses_per_day.get_ref() == 0 {
            page.refuse(row.doses_per_day.span(), "doses-per-day is at least 1");
        }
        let id = FormulationId(index);
        for word in &row.words {
            let text = word.get_ref().to_lowercase();
            let taken = self.formulation_words.iter().any(|(before, other)| {
                **before == *text && self.formulations[usize::from(other.0)].ingredient == ingredient
            });
            if taken {
                page.refuse(word.span(), format!("'{text}' names another formulation already"));
            }
        }
        self.formulation_words.extend(
            row.words
                .iter()
                .map(|word| (word.get_ref().to_lowercase().into(), id)),
        );
        self.formulations.push(Formulation {
            key: row.key.get_ref().as_str().into(),
            ingredient,
            name: row.name.get_ref().as_str().into(),
            doses_per_day: *row.doses_per_day.get_ref(),
            countable: row.countable,
            strengths_mg: Vec::new(),
        });
        Some(id)
    }

    /// Reads the `products.csv` of a withdrawal.
    pub(in crate::content) fn read_products(
        &mut self,
        page: &Page,
        systems: &Systems,
        ingredient: IngredientId,
        keys: &FormulationKeys,
    ) {
        let rows = page.rows::<written::ProductRow>();
        let mut read = Vec::new();
        for (line, row) in &rows {
            let Some(ingredient) = self.relative(ingredient, row.ingredient.as_deref()) else {
                page.refuse_line(*line, "its ingredient is not of the family of the drug");
                continue;
            };
            let formulation = row.formulation.as_ref().and_then(|key| {
                let known = keys.get(key).copied();
                if known.is_none() {
                    page.refuse_line(*line, format!("the formulation '{key}' is not in drug.toml"));
                }
                known
            });
            if formulation.is_some_and(|id| self.formulations[usize::from(id.0)].ingredient != ingredient) {
                page.refuse_line(*line, "the formulation is that of another ingredient");
            }
            if row.suggest == written::YesNo::Yes && !row.system.ends_with("/rxnorm") {
                page.refuse_line(*line, "only a product with an RxNorm code may be suggested");
            }
            let mut meaning = DrugCode {
                ingredient,
                product: None,
                site: row.site.map(Site::from),
            };
            if row.ingredient_only == written::YesNo::Yes {
                if formulation.is_some() || row.strength_mg.is_some() {
                    page.refuse_line(
                        *line,
                        "a code of the ingredient only has no formulation and no strength",
                    );
                }
            } else {
                meaning.product = self.add_product(page, *line, product(row, ingredient, formulation));
            }
            self.add_named(page, systems, *line, [&row.system, &row.code, &row.name], meaning);
            read.push((*line, row, formulation, ingredient));
        }
        self.add_strengths(&read);
        self.add_brands(page, &read);
    }

    /// Strengths on the market: those of products that may be suggested, else of all.
    fn add_strengths(&mut self, rows: &[Read]) {
        for (index, formulation) in self.formulations.iter_mut().enumerate() {
            let of_it = || {
                rows.iter()
                    .filter(|(_, _, id, _)| id.is_some_and(|id| usize::from(id.0) == index))
            };
            let suggested =
                of_it().any(|(_, row, ..)| row.suggest == written::YesNo::Yes && row.strength_mg.is_some());
            let strengths = of_it()
                .filter(|(_, row, ..)| !suggested || row.suggest == written::YesNo::Yes)
                .filter_map(|(_, row, ..)| row.strength_mg.map(|strength| strength.0));
            formulation.strengths_mg.extend(strengths);
            formulation.strengths_mg.sort();
            formulation.strengths_mg.dedup();
        }
    }

    /// A brand alone tells the formulation and the site that all its products share.
    fn add_brands(&mut self, page: &Page, rows: &[Read]) {
        let mut brands: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for row in rows.iter().filter(|(_, row, ..)| !row.brand.is_empty()) {
            brands.entry(&row.1.brand).or_default().push(row);
        }
        for (brand, rows) in brands {
            let Some(&&(line, first, formulation, ingredient)) = rows.first() else {
                continue;
            };
            let shared = formulation.filter(|_| rows.iter().all(|row| row.2 == formulation));
            let site = first
                .site
                .filter(|site| rows.iter().all(|row| row.1.site == Some(*site)));
            let product = shared.and_then(|formulation| {
                self.add_product(
                    page,
                    line,
                    Product {
                        code: Box::default(),
                        name: brand.into(),
                        ingredient,
                        formulation: Some(formulation),
                        strength_mg: None,
                        brand: brand.into(),
                        suggest: false,
                    },
                )
            });
            let meaning = DrugCode {
                ingredient,
                product,
                site: site.map(Site::from),
            };
            self.add_name(page, line, brand, meaning);
        }
    }
}

fn product(
    row: &written::ProductRow,
    ingredient: IngredientId,
    formulation: Option<FormulationId>,
) -> Product {
    let coded = row.system != "text";
    Product {
        code: if coded {
            row.code.as_str().into()
        } else {
            Box::default()
        },
        name: row.name.as_str().into(),
        ingredient,
        formulation,
        strength_mg: row.strength_mg.map(|strength| strength.0),
        brand: row.brand.as_str().into(),
        suggest: coded && row.suggest == written::YesNo::Yes,
    }
}
