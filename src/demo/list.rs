//! The first page: the synthetic patients and their stories.
//!
//! In: the stories. Out: a list with a headline, what happened, and what to try.

use super::{DemoPatient, DemoState, assets};
use actix_web::{HttpResponse, http::StatusCode, web};
use askama::Template;

#[derive(Template)]
#[template(path = "demo/templates/list.html")]
struct List<'a> {
    patients: &'a [DemoPatient],
    today: String,
}

/// `GET /`
pub(super) async fn show(state: web::Data<DemoState>) -> HttpResponse {
    let today = state.today().strftime("%-d %B %Y").to_string();
    assets::page(
        StatusCode::OK,
        &List {
            patients: &state.patients,
            today,
        },
    )
}
