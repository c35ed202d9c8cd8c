//! Citations: `sources.toml` of all and of each withdrawal.
//!
//! A source is public and its own: an https address whose host is no aggregator of other people's texts.

use super::page::{Page, Word};
use super::schema::{SourceRow, Sources};
use crate::clinical::knowledge::{Citation, SourceId};
use rustc_hash::FxHashMap as HashMap;

/// Keys of sources.
type Names = HashMap<String, SourceId>;

/// Reads a file into the list of citations, and its keys into `names`; a key of `shared` is taken.
pub(super) fn read(
    page: &Page,
    aggregators: &[String],
    shared: Option<&Names>,
    names: &mut Names,
    citations: &mut Vec<Citation>,
) {
    let Some(rows) = page.toml::<Sources>() else {
        return;
    };
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(key, _)| key.span().start);
    for (key, row) in rows {
        let Ok(index) = u16::try_from(citations.len()) else {
            return page.refuse(key.span(), "there are too many sources");
        };
        if shared.is_some_and(|shared| shared.contains_key(key.get_ref())) {
            page.refuse(
                key.span(),
                format!(
                    "the source '{}' is in the shared sources.toml already",
                    key.get_ref()
                ),
            );
        }
        check_url(page, &row.url, aggregators);
        names.insert(key.get_ref().clone(), SourceId(index));
        citations.push(citation(key, row));
    }
}

fn citation(key: Word, row: SourceRow) -> Citation {
    let label = row.label.into_inner();
    let year = row.year.to_string();
    Citation {
        key: key.into_inner().into(),
        label: if label.contains(&year) {
            label
        } else {
            format!("{label} ({year})")
        }
        .into(),
        url: row.url.into_inner().into(),
        supports: row.supports.into_inner().into(),
    }
}

fn check_url(page: &Page, word: &Word, aggregators: &[String]) {
    let text = word.get_ref();
    let address = match url::Url::parse(text) {
        Ok(address) if address.scheme() == "https" => address,
        _ => {
            return page.refuse(word.span(), format!("'{text}' is not an absolute https address"));
        }
    };
    let host = address.host_str().unwrap_or_default().to_lowercase();
    if let Some(part) = aggregators.iter().find(|part| host.contains(part.as_str())) {
        page.refuse(
            word.span(),
            format!("'{host}' is an aggregator ({part}): cite the source itself"),
        );
    }
}
