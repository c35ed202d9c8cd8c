//! Why the app shows a message in place of a chart: fixed words, a status and a label for the log.
//!
//! No message repeats anything that was sent, and none tells who the patient is.

use actix_web::http::StatusCode;

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The launch names no EHR.
    #[error("no-issuer")]
    NoIssuer,
    /// The EHR is not one of the settings.
    #[error("unknown-issuer")]
    UnknownIssuer,
    /// Its authorization server could not be found out.
    #[error("discovery-failed")]
    DiscoveryFailed,
    /// The authorization server, or the user, said no.
    #[error("not-authorized")]
    NotAuthorized,
    /// The answer belongs to no launch under way.
    #[error("unknown-launch")]
    UnknownLaunch,
    /// The answer came to another browser than the launch.
    #[error("foreign-browser")]
    ForeignBrowser,
    /// The answer came from another authorization server (RFC 9207).
    #[error("foreign-server")]
    ForeignServer,
    /// The token endpoint gave no token.
    #[error("no-token")]
    NoToken,
    /// The token endpoint did not answer, or failed.
    #[error("no-answer")]
    NoAnswer,
    /// The identity token does not prove who signed in.
    #[error("identity-not-proven")]
    IdentityNotProven,
    /// The token names no patient.
    #[error("no-patient")]
    NoPatient,
    /// The card was about another patient, or of another EHR.
    #[error("other-patient")]
    OtherPatient,
    /// There is no such session in this browser.
    #[error("no-session")]
    NoSession,
    /// The EHR does not accept the token any more.
    #[error("token-ended")]
    TokenEnded,
    /// The record cannot be read.
    #[error("not-readable")]
    NotReadable,
    /// It came from a page of another site.
    #[error("foreign-page")]
    ForeignPage,
    /// Something inside.
    #[error("internal")]
    Internal,
}

impl Refusal {
    /// Whether signing in again may help.
    pub(super) fn may_be_reopened(self) -> bool {
        matches!(
            self,
            Refusal::UnknownLaunch
                | Refusal::ForeignBrowser
                | Refusal::NotAuthorized
                | Refusal::NoToken
                | Refusal::NoAnswer
                | Refusal::NoPatient
                | Refusal::NoSession
                | Refusal::TokenEnded
        )
    }

    /// The status of the page.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Refusal::NoIssuer | Refusal::UnknownLaunch | Refusal::NoPatient => StatusCode::BAD_REQUEST,
            Refusal::UnknownIssuer
            | Refusal::NotAuthorized
            | Refusal::ForeignBrowser
            | Refusal::ForeignServer
            | Refusal::OtherPatient
            | Refusal::ForeignPage => StatusCode::FORBIDDEN,
            Refusal::NoSession => StatusCode::NOT_FOUND,
            Refusal::TokenEnded => StatusCode::UNAUTHORIZED,
            Refusal::DiscoveryFailed
            | Refusal::NoToken
            | Refusal::NoAnswer
            | Refusal::IdentityNotProven
            | Refusal::NotReadable => StatusCode::BAD_GATEWAY,
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Title and text of the page.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Refusal::NoIssuer => (
                "Open this app from the patient's chart",
                "The launch does not say which EHR it comes from.",
            ),
            Refusal::UnknownIssuer => (
                "This EHR is not set up",
                "The app only opens for the EHRs that its operator has named. Nothing was asked of the other one.",
            ),
            Refusal::DiscoveryFailed => (
                "The EHR does not answer",
                "Its sign-in service could not be reached or gave an answer that cannot be used. Open the app again in a minute.",
            ),
            Refusal::NotAuthorized => (
                "Access was not given",
                "The EHR did not let the app read this chart. Open it again from the chart if that was not meant.",
            ),
            Refusal::UnknownLaunch => (
                "This launch is over",
                "It was used already, took too long, or the page was opened from history. Open the app again from the chart.",
            ),
            Refusal::ForeignBrowser => (
                "This launch belongs to another window",
                "The answer of the EHR came to a browser that did not start the launch, or the browser did not keep our cookie. Open the app again from the chart.",
            ),
            Refusal::ForeignServer => (
                "The answer came from another server",
                "The launch was ended because the sign-in service that answered is not the one that was asked.",
            ),
            Refusal::NoToken => (
                "The EHR did not complete the sign-in",
                "Its sign-in service gave no usable permission. Open the app again from the chart; if it happens again, tell the operator.",
            ),
            Refusal::NoAnswer => (
                "The EHR does not answer",
                "Its sign-in service did not answer in time, or failed. Try again in a minute, or open the app again from the chart.",
            ),
            Refusal::IdentityNotProven => (
                "The sign-in could not be verified",
                "The EHR's statement about who signed in did not pass its checks. Nothing was read.",
            ),
            Refusal::NoPatient => (
                "No patient is open",
                "The EHR did not say which patient's chart to show. Open the chart first, then the app.",
            ),
            Refusal::OtherPatient => (
                "The card was about another patient",
                "The app was opened from a card of another chart than the one that is open now. Nothing is shown. Open it again from the right chart.",
            ),
            Refusal::NoSession => (
                "This page is not open in this browser",
                "The session is over, the service was restarted, or the page belongs to another browser. Nothing of it is kept. Open the app again from the chart, or sign in again here; what was planned is taken along, the card is not.",
            ),
            Refusal::TokenEnded => (
                "The permission to read the chart is over",
                "The EHR does not accept it any more. What was on the screen may be out of date. Open the app again from the chart.",
            ),
            Refusal::NotReadable => (
                "The chart could not be read",
                "The EHR did not give the patient's record. Try again, or open the app again from the chart.",
            ),
            Refusal::ForeignPage => (
                "This must be done on the app's own page",
                "The request came from a page of another site and was not followed.",
            ),
            Refusal::Internal => (
                "Something went wrong",
                "The page could not be made. Nothing was changed.",
            ),
        }
    }
}
