//! The routes of the admin address: `GET /metrics`, `/livez`, `/readyz`, and `POST /reload`.
//!
//! There is no login: the address is for operators only, and loopback unless the settings say otherwise.

use crate::http;
use crate::startup::Live;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

/// Prometheus text exposition format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Every route.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/metrics", http::reading().to(metrics))
        .route("/livez", http::reading().to(http::alive))
        .route("/readyz", http::reading().to(ready))
        .service(
            web::resource("/reload")
                .route(web::post().to(reload))
                .default_service(web::to(only_post)),
        );
}

async fn metrics(live: web::Data<Live>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, METRICS))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(live.current().metrics())
}

async fn ready(live: web::Data<Live>) -> HttpResponse {
    if live.current().is_ready() {
        HttpResponse::Ok().finish()
    } else {
        HttpResponse::ServiceUnavailable().finish()
    }
}

/// 200 with the version of the tables, or 422 with every problem; the old version then goes on.
async fn reload(live: web::Data<Live>) -> HttpResponse {
    let live = live.into_inner();
    match web::block(move || live.reload()).await {
        Ok(Ok(version)) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, TEXT))
            .body(format!("{version}\n")),
        Ok(Err(error)) => HttpResponse::UnprocessableEntity()
            .insert_header((CONTENT_TYPE, TEXT))
            .body(format!("{error}\n")),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

async fn only_post() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((ALLOW, "POST"))
        .finish()
}
