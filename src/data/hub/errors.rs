//! What the answers of a hub mean for the user.

use hf_hub::HFError;

use super::fetch::Wanted;
use super::{Hub, Kind};
use crate::error::Error;

/// Whether a copy in the cache may stand in: the hub was not reached or is in trouble.
pub(super) fn is_unreachable(error: &HFError) -> bool {
    match error {
        HFError::Request { .. } => true,
        HFError::Http { context } => context.status.is_server_error(),
        _ => false,
    }
}

/// Whether a request may succeed when repeated.
pub(super) fn is_broken(error: &HFError) -> bool {
    is_unreachable(error) || matches!(error, HFError::Io(_))
}

/// The first line of an error and its causes, such as "connection refused".
pub(super) fn innermost(error: &HFError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The error for the user.
pub(super) fn explain(hub: &Hub, wanted: &Wanted<'_>, error: &HFError) -> Error {
    let (id, revision, endpoint) = (wanted.id, wanted.revision, &hub.endpoint);
    let kind = wanted.kind.name();
    match error {
        HFError::AuthRequired { context } | HFError::Forbidden { context } => {
            let page = match wanted.kind {
                Kind::Model => format!("{endpoint}/{id}"),
                Kind::Dataset => format!("{endpoint}/datasets/{id}"),
            };
            let is_gated = context.error_code.as_deref() == Some("GatedRepo");
            let status = context.status.as_u16();
            let hint = match (&hub.token, is_gated) {
                (None, true) => {
                    format!("it is gated: accept its terms at {page}, then set HF_TOKEN to a token of yours")
                }
                (Some(_), true) => format!("it is gated and your token has no access yet: accept its terms at {page}"),
                (None, false) => format!(
                    "the id is misspelled, or it is private or gated: open {page}, accept its terms, and set HF_TOKEN"
                ),
                (Some(_), false) => {
                    format!("the token was refused: check HF_TOKEN, and whether its account may see {page}")
                }
            };
            Error::data(format!("the hub refuses access to the {kind} `{id}` ({status})")).hint(hint)
        }
        HFError::RepoNotFound { .. } => not_found(format!("there is no {kind} `{id}` on {endpoint}")),
        HFError::RevisionNotFound { context, .. }
            if context.as_ref().is_some_and(|context| context.error_code.as_deref() == Some("RepoNotFound")) =>
        {
            not_found(format!("there is no {kind} `{id}` on {endpoint}"))
        }
        HFError::RevisionNotFound { .. } => {
            not_found(format!("there is no {kind} `{id}` with a revision `{revision}` on {endpoint}"))
        }
        HFError::EntryNotFound { path, .. } => not_found(format!("`{id}` has no file `{path}` at {revision}")),
        HFError::RateLimited { retry_after, .. } => {
            let wait = retry_after.map_or_else(|| "some minutes".to_owned(), |wait| format!("{} s", wait.as_secs()));
            Error::data("the hub asks to slow down (429)")
                .hint(format!("try again after {wait}; a token raises the limit"))
        }
        HFError::Request { .. } => Error::data(format!("{endpoint} cannot be reached: {}", innermost(error)))
            .hint("check the network; HF_ENDPOINT names a mirror; a folder on this machine works without any network"),
        HFError::Http { context } => Error::data(format!("the hub answered {}", context.status))
            .hint("try again later, or use a mirror (HF_ENDPOINT)"),
        other => Error::data(format!("the hub could not be used: {}", innermost(other)))
            .hint("check HF_ENDPOINT and the cache folder"),
    }
}

fn not_found(message: String) -> Error {
    Error::data(message).hint("check the spelling; private repositories need HF_TOKEN")
}
