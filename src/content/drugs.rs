//! Ingredients, products and names of drugs: what a drug code or a drug's name means.
//!
//! Turns `terms/ingredients.toml`, `terms/drugs.csv` and the `products.csv` of each withdrawal into the
//! drug half of the vocabulary. The more precise meaning of a name wins within one ingredient; the same
//! name for two ingredients is refused.

use super::codes::{Codes, Named, Systems, longest_first};
use super::page::{Page, Word};
use super::schema::tables::{DrugFile, FormulationRow};
use super::schema::terms as written;
use crate::clinical::vocabulary::{
    DrugCode, Formulation, FormulationId, Ingredient, IngredientId, Product, ProductId, Site, Vocabulary,
};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, HashMap};

/// The drug half of the vocabulary while it is being built.
#[derive(Default)]
pub(super) struct Drugs {
    ingredients: Vec<Ingredient>,
    keys: HashMap<String, IngredientId>,
    classes: BTreeMap<String, Vec<IngredientId>>,
    products: Vec<Product>,
    formulations: Vec<Formulation>,
    formulation_words: Vec<(Box<str>, FormulationId)>,
    codes: Codes<DrugCode>,
    names: BTreeMap<String, DrugCode>,
}

/// Formulations of one withdrawal by key.
pub(super) type FormulationKeys = HashMap<String, FormulationId>;

/// Keys and classes of ingredients, for drug sets.
pub(super) struct DrugKeys {
    /// Ingredient by key.
    pub(super) ingredients: HashMap<String, IngredientId>,
    /// Ingredients by class, families expanded, ascending.
    pub(super) classes: BTreeMap<String, Vec<IngredientId>>,
}

impl Drugs {
    /// Reads `terms/ingredients.toml`.
    pub(super) fn read_ingredients(&mut self, page: &Page, systems: &Systems) {
        let Some(rows) = page.toml::<written::Ingredients>() else {
            return;
        };
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|(key, _)| key.span().start);
        for (key, row) in &rows {
            self.add_ingredient(page, systems, key, row);
        }
        for (name, members) in &self.classes {
            if self.keys.contains_key(name) || name == "itself" {
                let key = members
                    .first()
                    .map_or("", |id| &*self.ingredients[usize::from(id.0)].key);
                page.refuse_file(format!(
                    "the class '{name}' of '{key}' has the name of an ingredient or of 'itself'"
                ));
            }
        }
    }

    fn add_ingredient(&mut self, page: &Page, systems: &Systems, key: &Word, row: &written::IngredientRow) {
        let Ok(index) = u16::try_from(self.ingredients.len()) else {
            return page.refuse(key.span(), "there are too many ingredients");
        };
        let id = IngredientId(index);
        let key_text = key.get_ref().as_str();
        self.keys.insert(key_text.to_owned(), id);
        for class in &row.classes {
            self.classes.entry(class.get_ref().clone()).or_default().push(id);
        }
        self.ingredients.push(Ingredient {
            key: key_text.into(),
            name: row.name.get_ref().as_str().into(),
            system: row.system.get_ref().as_str().into(),
            code: row.code.get_ref().as_str().into(),
            family: row
                .family
                .as_ref()
                .map_or(key_text, |family| family.get_ref())
                .into(),
            classes: row
                .classes
                .iter()
                .map(|class| class.get_ref().as_str().into())
                .collect(),
            route_required: row.route_required,
        });
        let meaning = self.ingredient_meaning(id);
        match systems.code(row.system.get_ref(), row.code.get_ref()) {
            Ok(code) => self
                .codes
                .add(page, page.line_of(row.code.span().start), code, meaning),
            Err(says) => page.refuse(row.code.span(), says),
        }
        for name in std::iter::once(&row.name).chain(&row.names) {
            self.add_name(page, page.line_of(name.span().start), name.get_ref(), meaning);
        }
    }

    /// What the code or name of an ingredient says: systemic, unless it has local products too.
    fn ingredient_meaning(&self, id: IngredientId) -> DrugCode {
        let local_too = self.ingredients[usize::from(id.0)].route_required;
        DrugCode {
            ingredient: id,
            product: None,
            site: (!local_too).then_some(Site::Systemic),
        }
    }

    /// Reads `terms/drugs.csv`.
    pub(super) fn read_drugs(&mut self, page: &Page, systems: &Systems) {
        for (line, row) in page.rows::<written::DrugRow>() {
            let Some(&ingredient) = self.keys.get(&row.ingredient) else {
                page.refuse_line(
                    line,
                    format!("the ingredient '{}' is not in ingredients.toml", row.ingredient),
                );
                continue;
            };
            let mut meaning = self.ingredient_meaning(ingredient);
            if let Some(strength) = row.strength_mg {
                meaning.product = self.add_product(
                    page,
                    line,
                    Product {
                        code: row.code.as_str().into(),
                        name: row.display.as_str().into(),
                        ingredient,
                        formulation: None,
                        strength_mg: Some(strength.0),
                        brand: Box::default(),
                        suggest: false,
                    },
                );
            }
            self.add_named(
                page,
                systems,
                line,
                [&row.system, &row.code, &row.display],
                meaning,
            );
        }
    }

    fn add_named(
        &mut self,
        page: &Page,
        systems: &Systems,
        line: usize,
        columns: [&str; 3],
        meaning: DrugCode,
    ) {
        match systems.named(page, line, columns) {
            Some(Named::Code(key)) => self.codes.add(page, line, key, meaning),
            Some(Named::Phrase(phrase)) => self.add_name(page, line, &phrase, meaning),
            None => {}
        }
    }

    fn add_product(&mut self, page: &Page, line: usize, product: Product) -> Option<ProductId> {
        let Ok(index) = u16::try_from(self.products.len()) else {
            page.refuse_line(line, "there are too many products");
            return None;
        };
        if product
            .strength_mg
            .is_some_and(|strength| strength <= Decimal::ZERO)
        {
            page.refuse_line(line, "a strength is above zero");
        }
        self.products.push(product);
        Some(ProductId(index))
    }

    /// Adds a name: what tells more wins within one ingredient.
    fn add_name(&mut self, page: &Page, line: usize, name: &str, meaning: DrugCode) {
        let name = name.trim().to_lowercase();
        match self.names.get(&name) {
            Some(before) if before.ingredient != meaning.ingredient => {
                let other = &self.ingredients[usize::from(before.ingredient.0)].key;
                page.refuse_line(line, format!("the name '{name}' is that of '{other}' already"));
            }
            Some(before) if before.product.is_some() || meaning.product.is_none() => {}
            _ => {
                self.names.insert(name, meaning);
            }
        }
    }

    /// Reads the formulations of a `drug.toml`.
    pub(super) fn read_formulations(
        &mut self,
        page: &Page,
        file: &DrugFile,
        ingredient: IngredientId,
    ) -> FormulationKeys {
        let mut keys = FormulationKeys::new();
        for row in &file.formulation {
            let Some(id) = self.add_formulation(page, row, ingredient) else {
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
    pub(super) fn read_products(
        &mut self,
        page: &Page,
        systems: &Systems,
        ingredient: IngredientId,
        keys: &FormulationKeys,
    ) {
        let rows = page.rows::<written::ProductRow>();
        let mut read = Vec::new();
        for (line, row) in &rows {
            let formulation = row.formulation.as_ref().and_then(|key| {
                let known = keys.get(key).copied();
                if known.is_none() {
                    page.refuse_line(*line, format!("the formulation '{key}' is not in drug.toml"));
                }
                known
            });
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
            read.push((*line, row, formulation));
        }
        self.add_strengths(&read);
        self.add_brands(page, ingredient, &read);
    }

    /// Strengths on the market: those of products that may be suggested, else of all.
    fn add_strengths(&mut self, rows: &[(usize, &written::ProductRow, Option<FormulationId>)]) {
        for (index, formulation) in self.formulations.iter_mut().enumerate() {
            let of_it = || {
                rows.iter()
                    .filter(|(_, _, id)| id.is_some_and(|id| usize::from(id.0) == index))
            };
            let suggested =
                of_it().any(|(_, row, _)| row.suggest == written::YesNo::Yes && row.strength_mg.is_some());
            let strengths = of_it()
                .filter(|(_, row, _)| !suggested || row.suggest == written::YesNo::Yes)
                .filter_map(|(_, row, _)| row.strength_mg.map(|strength| strength.0));
            formulation.strengths_mg.extend(strengths);
            formulation.strengths_mg.sort();
            formulation.strengths_mg.dedup();
        }
    }

    /// A brand alone tells the formulation and the site that all its products share.
    fn add_brands(
        &mut self,
        page: &Page,
        ingredient: IngredientId,
        rows: &[(usize, &written::ProductRow, Option<FormulationId>)],
    ) {
        let mut brands: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for row in rows.iter().filter(|(_, row, _)| !row.brand.is_empty()) {
            brands.entry(&row.1.brand).or_default().push(row);
        }
        for (brand, rows) in brands {
            let Some((line, first, formulation)) = rows.first() else {
                continue;
            };
            let shared = formulation.filter(|_| rows.iter().all(|row| row.2 == *formulation));
            let site = first
                .site
                .filter(|site| rows.iter().all(|row| row.1.site == Some(*site)));
            let product = shared.and_then(|formulation| {
                self.add_product(
                    page,
                    *line,
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
            self.add_name(page, *line, brand, meaning);
        }
    }

    /// The ingredient of a key.
    pub(super) fn ingredient(&self, key: &str) -> Option<IngredientId> {
        self.keys.get(key).copied()
    }

    /// Puts everything into the vocabulary, and hands back the keys by which tables name drugs.
    pub(super) fn finish(mut self, vocabulary: &mut Vocabulary) -> DrugKeys {
        for members in self.classes.values_mut() {
            let families: Vec<_> = members
                .iter()
                .map(|id| self.ingredients[usize::from(id.0)].family.clone())
                .collect();
            *members = (0u16..)
                .zip(&self.ingredients)
                .filter(|(_, ingredient)| families.contains(&ingredient.family))
                .map(|(index, _)| IngredientId(index))
                .collect();
        }
        self.formulation_words
            .sort_by(|(a, x), (b, y)| longest_first(a, b).then(x.cmp(y)));
        let mut names: Vec<(Box<str>, DrugCode)> = self
            .names
            .into_iter()
            .map(|(name, code)| (name.into(), code))
            .collect();
        names.sort_by(|(a, _), (b, _)| longest_first(a, b));
        vocabulary.ingredients = self.ingredients;
        vocabulary.products = self.products;
        vocabulary.formulations = self.formulations;
        vocabulary.formulation_words = self.formulation_words;
        vocabulary.drug_codes = self.codes.into_map();
        vocabulary.drug_names = names;
        DrugKeys {
            ingredients: self.keys,
            classes: self.classes,
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
