//! What a server said while a call was made: `object_store` keeps the status and the words to itself.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

/// The last answer that was no success; of status 0 where there was none.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub status: u16,
    /// The seconds that it asks to be left alone.
    pub wait: Option<Duration>,
    pub body: String,
}

tokio::task_local! {
    static LAST: RefCell<Said>;
}

/// Does `work`, which may ask for [`last`].
pub(super) fn heard<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    LAST.scope(RefCell::default(), work)
}

/// The last answer to what is being done that was no success.
pub(super) fn last() -> Said {
    LAST.try_with(RefCell::take).unwrap_or_default()
}

/// The client that `object_store` would take, listened to.
#[derive(Debug, Default)]
pub(super) struct Listening(ReqwestConnector);

impl HttpConnector for Listening {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.0.connect(options)?;
        Ok(HttpClient::new(Ear(Arc::new(inner))))
    }
}

#[derive(Debug)]
struct Ear(Arc<HttpClient>);

/// No server has so much to say about a failure.
const MOST_BODY: usize = 64 << 10;

#[async_trait::async_trait]
impl HttpService for Ear {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.execute(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut stream = body.bytes_stream();
        while let Some(piece) = stream.try_next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MOST_BODY {
                break;
            }
        }
        let header = parts.headers.get("retry-after").and_then(|value| value.to_str().ok());
        let seconds = header.and_then(|value| value.trim().parse().ok());
        let said = Said {
            status: parts.status.as_u16(),
            wait: seconds.map(Duration::from_secs),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        };
        LAST.try_with(|last| last.replace(said)).ok();
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }
}
