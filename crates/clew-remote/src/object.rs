//! Cloud object stores as remotes: S3 and compatible services, Google Cloud, Azure.
//!
//! Uses `object_store`. Its retries are disabled in favour of [`crate::Patient`], and its errors are combined with the server's reply
//! ([`server_reply`]). Each storage has its own tokio runtime; all public calls block. Large objects are sent as multipart uploads, which
//! all three services support.

mod credentials;
mod fault;
mod server_reply;
mod service;

use std::cell::Cell;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fault::RequestKind;
use futures_util::TryStreamExt;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStoreExt, PutMode, PutPayload, PutResult, UpdateVersion};
use service::Cloud;
use tokio::runtime::Runtime;

use crate::backend::{Backend, Head, ListedObject, Part, Token, TransferCallback, Upload, WriteOutcome, unwatched};
use crate::error::RemoteError;
use crate::name::Name;
use crate::transfer::{part_of, same_length};

/// How often a call checks for cancellation.
const LOOK: Duration = Duration::from_millis(100);

/// A bucket or container, or a folder in one.
#[derive(Debug)]
pub struct ObjectStorage {
    cloud: Arc<dyn Cloud>,
    folder: Path,
    place: String,
    /// `None` only during drop.
    runtime: Option<Runtime>,
}

/// Separates the two parts of a token: the head's `ETag`, and its version number if there is one.
const BETWEEN: char = '\n';

fn token(tag: Option<String>, version: Option<String>) -> Token {
    Token(format!(
        "{}{BETWEEN}{}",
        tag.unwrap_or_default(),
        version.unwrap_or_default()
    ))
}

fn version(token: &Token) -> UpdateVersion {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (tag, version) = token.0.split_once(BETWEEN).unwrap_or((&token.0, ""));
    UpdateVersion {
        e_tag: some(tag),
        version: some(version),
    }
}

impl ObjectStorage {
    /// Opens `s3://BUCKET/FOLDER`, `gs://…`, `az://…`, or one of the clouds' `https://` forms. Sends no request.
    ///
    /// Credentials, regions and endpoints come from the usual environment variables (`AWS_…`, `GOOGLE_…`, `AZURE_…`), from the files and
    /// services these name, from AWS profiles, and from the files and commands of `gcloud` and `az`. `settings` override all of these:
    /// pairs such as `("aws_endpoint", "http://…")`.
    ///
    /// # Errors
    /// `NoPlace` if this is not a valid remote.
    pub fn open(url: &str, settings: &[(String, String)]) -> Result<Self, RemoteError> {
        let (cloud, folder) = service::open(url, settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("clew-remote")
            .enable_all()
            .build()
            .map_err(|error| RemoteError::Here {
                said: error.to_string(),
            })?;
        Ok(Self {
            cloud,
            folder,
            place: url.to_owned(),
            runtime: Some(runtime),
        })
    }

    fn path(&self, name: &Name) -> Path {
        name.as_str().split('/').fold(self.folder.clone(), Path::join)
    }

    /// Returns the name of the object at `path`; `None` if it is not a valid name in this folder.
    fn name(&self, path: &Path) -> Option<Name> {
        let parts: Vec<_> = path.prefix_match(&self.folder)?.collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        parts.join("/").parse().ok()
    }

    /// Waits for a request. The request adds to `moved`, which is passed to `watch` about ten times a second.
    fn ask<T>(
        &self,
        (name, asked): (&Name, RequestKind),
        moved: &Cell<u64>,
        watch: TransferCallback<'_>,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, RemoteError> {
        let watched = async {
            let mut work = pin!(work);
            loop {
                let waited = tokio::time::timeout(LOOK, &mut work).await;
                // Before the result is used: otherwise fast requests could never be cancelled.
                if watch(moved.take()).is_break() {
                    return Err(RemoteError::GivenUp);
                }
                if let Ok(result) = waited {
                    return result
                        .map_err(|error| fault::remote_error(&self.place, name, asked, &error, &server_reply::last()));
                }
            }
        };
        let runtime = self.runtime.as_ref().expect("it is there until it is dropped");
        runtime.block_on(server_reply::heard(watched))
    }

    fn ask_shortly<T>(
        &self,
        name: &Name,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, RemoteError> {
        self.ask((name, RequestKind::Anyway), &Cell::new(0), &mut unwatched, work)
    }

    /// Sends bytes. Their progress is unknown; they count as moved when the request is complete.
    fn send<T>(
        &self,
        about: (&Name, RequestKind),
        length: usize,
        watch: TransferCallback<'_>,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, RemoteError> {
        let moved = Cell::new(0);
        self.ask(about, &moved, watch, async {
            let done = work.await?;
            moved.set(length as u64);
            Ok(done)
        })
    }

    fn put(
        &self,
        name: &Name,
        bytes: &[u8],
        mode: PutMode,
        watch: TransferCallback<'_>,
    ) -> Result<PutResult, RemoteError> {
        let path = self.path(name);
        let payload = PutPayload::from(bytes.to_vec());
        self.send(
            (name, RequestKind::OnCondition),
            bytes.len(),
            watch,
            self.cloud.put_opts(&path, payload, mode.into()),
        )
    }
}

/// Does not wait for requests in progress.
impl Drop for ObjectStorage {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Maps `NotFound` to `None`.
fn found<T>(result: Result<T, RemoteError>) -> Result<Option<T>, RemoteError> {
    match result {
        Err(RemoteError::NotFound { .. }) => Ok(None),
        result => result.map(Some),
    }
}

impl Backend for ObjectStorage {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn read(&self, name: &Name, range: Range<u64>, watch: TransferCallback<'_>) -> Result<Vec<u8>, RemoteError> {
        if range.is_empty() {
            // Servers reject empty ranges.
            return Ok(Vec::new());
        }
        let (path, moved) = (self.path(name), Cell::new(0));
        let Range { start, end } = range;
        let read = self.ask((name, RequestKind::Anyway), &moved, watch, async {
            let options = GetOptions::new().with_range(Some(range));
            let mut stream = self.cloud.get_opts(&path, options).await?.into_stream();
            let mut bytes = Vec::new();
            while let Some(piece) = stream.try_next().await? {
                bytes.extend_from_slice(&piece);
                moved.set(moved.get() + piece.len() as u64);
            }
            Ok(bytes)
        });
        // No status: the server returned fewer bytes instead of refusing the range, and the client rejected that.
        if let Err(RemoteError::NoPlace { said, .. }) = &read
            && !said.starts_with(|first: char| first.is_ascii_digit())
            && let Some(found) = self.length(name)?
            && found < end
        {
            same_length(self, name, found, end)?;
        }
        let bytes = read?;
        same_length(self, name, start + bytes.len() as u64, end)?;
        Ok(bytes)
    }

    fn length(&self, name: &Name) -> Result<Option<u64>, RemoteError> {
        let path = self.path(name);
        let head = found(self.ask_shortly(name, self.cloud.head(&path)))?;
        Ok(head.map(|head| head.size))
    }

    fn write(&self, name: &Name, bytes: &[u8], watch: TransferCallback<'_>) -> Result<WriteOutcome, RemoteError> {
        match self.put(name, bytes, PutMode::Create, watch) {
            Ok(_) => Ok(WriteOutcome::New),
            // Also returned while another process writes the object and may still fail.
            Err(RemoteError::Conflict { place, .. }) => match self.length(name)? {
                Some(length) => {
                    same_length(self, name, length, bytes.len() as u64).map(|()| WriteOutcome::AlreadyThere)
                }
                None => Err(RemoteError::unreachable(place, "another process is writing the same")),
            },
            Err(error) => Err(error),
        }
    }

    fn begin(&self, name: &Name, length: u64) -> Result<Upload, RemoteError> {
        let path = self.path(name);
        Ok(Upload {
            name: name.clone(),
            id: self.ask_shortly(name, self.cloud.create_multipart(&path))?,
            part: part_of(length),
        })
    }

    fn part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: &[u8],
        watch: TransferCallback<'_>,
    ) -> Result<Part, RemoteError> {
        let path = self.path(&upload.name);
        let payload = PutPayload::from(bytes.to_vec());
        let work = self.cloud.put_part(&path, &upload.id, number as usize, payload);
        let arrived = self.send((&upload.name, RequestKind::Anyway), bytes.len(), watch, work)?;
        Ok(Part(arrived.content_id))
    }

    fn finish(&self, upload: &Upload, parts: &[Part]) -> Result<(), RemoteError> {
        let path = self.path(&upload.name);
        let part_id = |part: &Part| PartId {
            content_id: part.0.clone(),
        };
        let parts = parts.iter().map(part_id).collect();
        self.ask_shortly(&upload.name, self.cloud.complete_multipart(&path, &upload.id, parts))?;
        Ok(())
    }

    fn abandon(&self, upload: &Upload) -> Result<(), RemoteError> {
        let path = self.path(&upload.name);
        found(self.ask_shortly(&upload.name, self.cloud.abort_multipart(&path, &upload.id)))?;
        Ok(())
    }

    fn list(&self, folder: &Name) -> Result<Vec<ListedObject>, RemoteError> {
        let path = self.path(folder);
        let all: Vec<_> = self.ask_shortly(folder, self.cloud.list(Some(&path)).try_collect())?;
        let listed = all.into_iter().filter_map(|found| {
            let name = self.name(&found.location)?;
            Some(ListedObject {
                name,
                length: found.size,
            })
        });
        let mut listed: Vec<ListedObject> = listed.collect();
        listed.sort();
        Ok(listed)
    }

    fn remove(&self, name: &Name) -> Result<(), RemoteError> {
        let path = self.path(name);
        found(self.ask_shortly(name, self.cloud.delete(&path)))?;
        Ok(())
    }

    fn head(&self, name: &Name) -> Result<Option<Head>, RemoteError> {
        let path = self.path(name);
        found(self.ask_shortly(name, async {
            let found = self.cloud.get_opts(&path, GetOptions::default()).await?;
            let token = token(found.meta.e_tag.clone(), found.meta.version.clone());
            let bytes = found.bytes().await?.to_vec();
            Ok(Head { bytes, token })
        }))
    }

    fn swap(&self, name: &Name, expected: Option<&Token>, bytes: &[u8]) -> Result<Token, RemoteError> {
        let mode = expected.map_or(PutMode::Create, |token| PutMode::Update(version(token)));
        let put = self.put(name, bytes, mode, &mut unwatched)?;
        Ok(token(put.e_tag, put.version))
    }
}
