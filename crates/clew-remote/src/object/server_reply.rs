//! Records the server's reply to a failed request: `object_store` does not expose its status and body.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

/// The last reply that was not a success; status 0 if there was none.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerReply {
    pub status: u16,
    /// How long the server asks to wait.
    pub wait: Option<Duration>,
    /// By how many seconds its clock is ahead of this machine's.
    pub ahead: Option<i64>,
    pub body: String,
}

tokio::task_local! {
    static LAST: RefCell<ServerReply>;
}

/// Runs `work`, which may call [`last`].
pub(super) fn heard<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    LAST.scope(RefCell::default(), work)
}

/// Takes the last reply of the current call that was not a success.
pub(super) fn last() -> ServerReply {
    LAST.try_with(RefCell::take).unwrap_or_default()
}

/// The default client of `object_store`, which also records replies.
#[derive(Debug, Default)]
pub(super) struct RecordingConnector(ReqwestConnector);

impl HttpConnector for RecordingConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.0.connect(options)?;
        Ok(HttpClient::new(RecordingService(Arc::new(inner))))
    }
}

#[derive(Debug)]
struct RecordingService(Arc<HttpClient>);

/// Parses an HTTP date to seconds since the epoch.
fn seconds(date: &str) -> Option<i64> {
    let parsed = DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
    Some(parsed.as_second())
}

/// Parses `Retry-After`: a number of seconds, or a time by the server's clock.
fn wait(asked: &str, date: Option<i64>) -> Option<Duration> {
    let until = || Some(seconds(asked)? - date?);
    let length = asked.trim().parse().ok().or_else(until)?;
    u64::try_from(length).ok().map(Duration::from_secs)
}

/// The most bytes that are read of an error reply.
const MOST_BODY: usize = 64 << 10;

#[async_trait::async_trait]
impl HttpService for RecordingService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        // To the completion of a multipart upload S3 replies with status 200 first and may report an error in the body.
        let is_doubtful = request.method().as_str() == "POST";
        let response = self.0.execute(request).await?;
        let is_success = response.status().is_success();
        if is_success && !is_doubtful {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut stream = body.bytes_stream();
        while let Some(piece) = stream.try_next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MOST_BODY && !is_success {
                break;
            }
        }
        let body = String::from_utf8_lossy(&bytes).into_owned();
        if !is_success || body.contains("<Error>") {
            let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
            let date = header("date").and_then(seconds);
            let said = ServerReply {
                status: if is_success { 500 } else { parts.status.as_u16() },
                wait: header("retry-after").and_then(|asked| wait(asked, date)),
                ahead: date.map(|date| date - Timestamp::now().as_second()),
                body,
            };
            LAST.try_with(|last| last.replace(said)).ok();
        }
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }
}
