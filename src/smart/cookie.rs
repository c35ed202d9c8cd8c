//! The app's cookies: one for each launch under way and one for each session, bound to its path.
//!
//! Turns a secret into a `Set-Cookie` header and finds it again in a request. An EHR shows the app in a frame
//! of another site, so a cookie is `SameSite=None; Partitioned`, which demands `Secure`; on this machine, where
//! plain http is spoken, it is `SameSite=Lax`. A cookie never holds a token and no script can read it.

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;

/// What a `Set-Cookie` header says.
pub(super) struct Cookie<'c> {
    pub(super) name: &'c str,
    pub(super) value: &'c str,
    pub(super) path: &'c str,
    /// Seconds; 0 removes it.
    pub(super) life: u64,
    /// Whether the service is reached over https.
    pub(super) secure: bool,
}

impl Cookie<'_> {
    /// The header's value.
    pub(super) fn header(&self) -> String {
        let Cookie {
            name,
            value,
            path,
            life,
            ..
        } = self;
        let site = if self.secure {
            "Secure; SameSite=None; Partitioned"
        } else {
            "SameSite=Lax"
        };
        format!("{name}={value}; Path={path}; Max-Age={life}; HttpOnly; {site}")
    }
}

/// Every value that the request sends under a name.
pub(super) fn sent<'r>(request: &'r HttpRequest, name: &'r str) -> impl Iterator<Item = &'r str> {
    let headers = request
        .headers()
        .get_all(COOKIE)
        .filter_map(|header| header.to_str().ok());
    let pairs = headers
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.filter_map(move |(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_cookie_in_a_foreign_frame_is_secure_and_partitioned() {
        let cookie = |secure| {
            Cookie {
                name: "n",
                value: "v",
                path: "/smart",
                life: 60,
                secure,
            }
            .header()
        };
        assert_eq!(
            cookie(true),
            "n=v; Path=/smart; Max-Age=60; HttpOnly; Secure; SameSite=None; Partitioned"
        );
        assert_eq!(
            cookie(false),
            "n=v; Path=/smart; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let request = TestRequest::default()
            .insert_header((COOKIE, "an=1; n=2;n=3"))
            .to_http_request();
        assert_eq!(sent(&request, "n").collect::<Vec<_>>(), ["2", "3"]);
    }
}
