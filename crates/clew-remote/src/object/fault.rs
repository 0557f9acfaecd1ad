//! Converts errors of object stores.

use std::error::Error as _;

use object_store::Error;
use object_store::client::HttpError;

use super::server_reply::ServerReply;
use crate::error::RemoteError;
use crate::name::Name;

/// The longest server message that is displayed.
const MOST: usize = 300;

/// Error codes for refused credentials, whatever the HTTP status.
const REFUSED: [&str; 6] = [
    // From Google, for an expired login and for a deleted key.
    "invalid_grant",
    "invalid_client",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthenticationFailed",
];
/// S3's code for a wrong client clock. The others refuse the request; the response's date shows the difference.
const CLOCK: [&str; 1] = ["RequestTimeTooSkewed"];
/// All services accept a clock difference below this, in seconds.
const BORNE: i64 = 5 * 60;
const FULL: [&str; 3] = ["QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"];
const NO_PLACE: [&str; 3] = [
    "NoSuchBucket",
    "ContainerNotFound",
    "The specified bucket does not exist",
];
/// Azure's codes for unknown or expired parts.
const FORGOTTEN: [&str; 2] = ["InvalidBlockList", "InvalidBlockId"];

/// The kind of a request to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A conditional write.
    OnCondition,
    /// Anything else.
    Anyway,
}

/// Converts `error`, using the server's reply.
pub(super) fn remote_error(
    place: &str,
    name: &Name,
    asked: RequestKind,
    error: &Error,
    heard: &ServerReply,
) -> RemoteError {
    match meaning(place, name, error, heard) {
        // Another process is writing the same object, which does not take long.
        RemoteError::Conflict { place, .. } if asked == RequestKind::Anyway && heard.status == 409 => {
            RemoteError::Unreachable {
                place,
                said: text(heard, error),
                wait: heard.wait,
            }
        }
        RemoteError::Refused { place, said } => clock_or_refused(place, said, heard),
        meant => meant,
    }
}

fn clock_or_refused(place: String, said: String, heard: &ServerReply) -> RemoteError {
    let is_said = CLOCK.iter().any(|code| heard.body.contains(code));
    match heard.ahead.filter(|ahead| ahead.abs() > BORNE) {
        Some(ahead) => {
            let (minutes, way) = (ahead.abs() / 60, if ahead > 0 { "ahead of" } else { "behind" });
            let said = format!("{said}; its clock is {minutes} minutes {way} this machine's");
            RemoteError::Clock { place, said }
        }
        None if is_said => RemoteError::Clock { place, said },
        None => RemoteError::Refused { place, said },
    }
}

fn meaning(place: &str, name: &Name, error: &Error, heard: &ServerReply) -> RemoteError {
    let (place, name) = (place.to_owned(), name.clone());
    let said = text(heard, error);
    let is_said = |codes: &[&str]| codes.iter().any(|code| heard.body.contains(code));
    match (error, heard.status) {
        _ if is_said(&NO_PLACE) => RemoteError::NoPlace { place, said },
        _ if is_said(&REFUSED) => RemoteError::Refused { place, said },
        _ if is_said(&FULL) || heard.status == 507 => RemoteError::Full { place, said },
        _ if is_said(&FORGOTTEN) => RemoteError::NotFound { place, name },
        (Error::NotFound { .. }, _) => RemoteError::NotFound { place, name },
        (Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }, _) => {
            RemoteError::Conflict { place, name }
        }
        (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, _) => RemoteError::Refused { place, said },
        (Error::NotImplemented { .. } | Error::NotSupported { .. }, _) | (_, 501) => {
            RemoteError::unable(place, "do this", said)
        }
        (_, 404) => RemoteError::NotFound { place, name },
        (_, 416) => RemoteError::damaged(place, &name, "it ends before the requested data"),
        (_, 408 | 409 | 425 | 429 | 500..) => RemoteError::Unreachable {
            place,
            said,
            wait: heard.wait,
        },
        // No response, or a truncated one.
        (_, 0) if is_network(error) => RemoteError::unreachable(place, said),
        _ => RemoteError::NoPlace { place, said },
    }
}

/// Returns an error's causes, the innermost last.
fn reasons(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// Whether the connection failed, as opposed to the request.
fn is_network(error: &Error) -> bool {
    reasons(error).any(<dyn std::error::Error>::is::<HttpError>)
}

/// Returns the text to display: the server's code and message, else the innermost cause.
fn text(heard: &ServerReply, error: &Error) -> String {
    let parts = [element(&heard.body, "Code"), element(&heard.body, "Message")];
    let words: Vec<&str> = parts.into_iter().flatten().collect();
    let text = match (heard.status, words.is_empty()) {
        (0, _) => innermost(error),
        (status, true) => format!("{status} {}", heard.body),
        (status, false) => format!("{status} {}", words.join(": ")),
    };
    let is_shown = |letter: &char| !letter.is_control();
    text.trim().chars().filter(is_shown).take(MOST).collect()
}

fn innermost(error: &Error) -> String {
    let last = reasons(error).last();
    last.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Returns the text of an element of the short XML that all three services send. For display only.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text)
}
