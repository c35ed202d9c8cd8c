//! The journal: is it there, are its tables those of this program, can it be written?

use super::{Finding, Findings};
use crate::config::Config;
use crate::journal::{Survey, survey};
use std::cmp::Ordering;

/// Looks at the journal of the settings.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Findings::about("journal");
    let address = &config.journal.address;
    let (tables, writable) = match survey(address).await {
        Ok(Survey::Present { tables, writable }) => (tables, writable),
        Ok(Survey::Absent) => {
            findings.ok(
                "journal.open",
                format!("{address}: not there yet; the first start makes it."),
            );
            return findings.list;
        }
        Err(error) => {
            let remedy =
                "check [journal] url, the rights of the service's user, and that the database is up.";
            findings.problem("journal.open", format!("{error}."), remedy);
            return findings.list;
        }
    };
    findings.ok("journal.open", format!("{address} can be opened."));
    match tables {
        None => findings.ok("journal.tables", "it is empty; the first start makes the tables."),
        Some(Ordering::Equal) => findings.ok("journal.tables", "the tables are those of this version."),
        Some(Ordering::Less) => {
            findings.ok(
                "journal.tables",
                "the tables are older; the next start of this version brings them up to date.",
            );
        }
        Some(Ordering::Greater) => {
            let says = "a newer version has written the tables; this one will not start on them.";
            findings.problem(
                "journal.tables",
                says,
                "install that version, or restore the copy from before.",
            );
        }
    }
    if writable {
        findings.ok("journal.writable", "rows can be written.");
    } else {
        let says = "rows cannot be written: calls will be answered as when-unavailable says, feedback 503.";
        findings.problem(
            "journal.writable",
            says,
            "look at rights, disk space, and whether the server is a standby.",
        );
    }
    findings.list
}
