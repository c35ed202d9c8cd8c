//! What the scopes of a grant allow to be searched.
//!
//! Turns `fhirAuthorization.scope` into one answer for each type of resource. Servers that filter by scope
//! answer a search beyond it with 200 and an empty Bundle, so that "none" and "not allowed" look alike; the
//! scope tells them apart. It never decides what is asked, and it never refuses: EHRs also list scopes of
//! their own, and servers exist that do not enforce any.
//! Follows SMART App Launch 2.2 "Scopes for requesting FHIR resources", in the syntax of version 1 and of
//! version 2. A scope that is limited by a query is taken for the whole type.

/// Whether resources of `kind` may be searched. A grant without any scope on a resource says nothing about
/// them, and so allows all.
pub(crate) fn allows(scopes: &str, kind: &str) -> bool {
    let mut says_something = false;
    for (of, permission) in scopes.split_ascii_whitespace().filter_map(on_resource) {
        if (of == "*" || of == kind) && may_be_searched(permission) {
            return true;
        }
        says_something = true;
    }
    !says_something
}

/// Type and permission of a scope on a resource, such as `patient/Observation.rs?category=x`.
fn on_resource(scope: &str) -> Option<(&str, &str)> {
    let (level, rest) = scope.split_once('/')?;
    let clauses = rest.split_once('?').map_or(rest, |(clauses, _)| clauses);
    let known = matches!(level, "patient" | "user" | "system");
    clauses.split_once('.').filter(|_| known)
}

/// `read` and `*` of version 1, or letters of version 2 with `r` or `s`: the Patient is read, the rest is
/// searched, and servers are not agreed on which of the two letters a search needs.
fn may_be_searched(permission: &str) -> bool {
    match permission {
        "read" | "*" => true,
        "write" => false,
        letters => letters.contains(['r', 's']),
    }
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn scopes_of_both_versions_are_read() {
        let granted = [
            "patient/Observation.read",
            "patient/*.read",
            "user/*.*",
            "system/Observation.*",
            "patient/Observation.rs",
            "patient/Observation.cruds",
            "launch openid patient/Condition.rs patient/Observation.s",
            "patient/Observation.rs?category=laboratory",
            "",
            "Epic.Everything",
            "launch openid fhirUser",
            "other/Condition.rs",
        ];
        for scopes in granted {
            assert!(allows(scopes, "Observation"), "{scopes}");
        }
        let withheld = [
            "patient/Condition.rs",
            "patient/Observation.write",
            "patient/Observation.cud",
            "user/MedicationRequest.read launch",
            "patient/observation.read",
        ];
        for scopes in withheld {
            assert!(!allows(scopes, "Observation"), "{scopes}");
        }
    }
}
