//! Ingredients, products and names of drugs: what a drug code or a drug's name means.
//!
//! Turns `terms/ingredients.toml`, `terms/drugs.csv` and the `products.csv` of each withdrawal into the
//! drug half of the vocabulary. The more precise meaning of a name wins within one ingredient; the same
//! name for two ingredients is refused.

mod products;

use super::codes::{Codes, Named, Systems, longest_first};
use super::page::{Page, Word};
use super::schema::terms as written;
use crate::clinical::vocabulary::{
    DrugCode, Formulation, FormulationId, Ingredient, IngredientId, Product, ProductId, Site, Vocabulary,
};
use rust_decimal::Decimal;
use rustc_hash::FxHashMap as HashMap;
use std::collections::BTreeMap;

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
        vocabulary.drug_names = names.into();
        DrugKeys {
            ingredients: self.keys,
            classes: self.classes,
        }
    }
}
