//! Taking connections: the socket, TLS, and how long each of them may take.
//!
//! Turns an address and routes into a server that runs. It knows no route and no caller.

use super::StartError;
use super::live::{Live, Seat};
use crate::config::Limits;
use crate::http::room;
use crate::operations;
use actix_web::dev::{Server, Service as _};
use actix_web::{App as Routes, HttpServer, web};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

/// Time that calls in flight get after a signal to stop, in seconds.
const DRAIN: u64 = 10;

/// Binds an address; port 0 takes any that is free.
pub(super) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

/// How connections are taken.
pub(super) struct Listening {
    pub(super) workers: Option<usize>,
    pub(super) limits: Limits,
    pub(super) tls: Option<rustls::ServerConfig>,
}

/// `http`, or `https` where the service ends TLS itself.
pub fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}

/// Starts to serve these routes.
pub(super) fn run<F>(
    listener: TcpListener,
    how: Listening,
    live: &Arc<Live>,
    configure: F,
) -> Result<Server, StartError>
where
    F: Fn(&mut web::ServiceConfig) + Send + Clone + 'static,
{
    let live = Arc::clone(live);
    let mut server = HttpServer::new(move || {
        let seat = Rc::new(Seat::new(Arc::clone(&live)));
        actix_web::rt::spawn(room::watch());
        Routes::new()
            .wrap_fn(move |mut request, next| {
                request.add_data_container(seat.data());
                next.call(request)
            })
            .configure(configure.clone())
    })
    .disable_signals()
    .client_request_timeout(how.limits.head_within)
    .tls_handshake_timeout(how.limits.head_within)
    .keep_alive(how.limits.keep_alive)
    .shutdown_timeout(DRAIN);
    if let Some(workers) = how.workers {
        server = server.workers(workers);
    }
    let server = match how.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// Opens the operators' routes on an address of their own; they end with the process.
pub(super) fn operate(address: SocketAddr, live: &Arc<Live>) -> Result<SocketAddr, StartError> {
    let (listener, address) = listen(address)?;
    let live = web::Data::from(Arc::clone(live));
    let server = HttpServer::new(move || Routes::new().app_data(live.clone()).configure(operations::routes));
    let server = server
        .workers(1)
        .client_request_timeout(Limits::default().head_within)
        .disable_signals();
    actix_web::rt::spawn(server.listen(listener)?.run());
    Ok(address)
}
