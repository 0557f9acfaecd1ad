//! Selects the cloud for a URL, and builds its client.

use std::env;
use std::str::FromStr;
use std::sync::{Arc, Once};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
// Only for its feature flag: TLS without a second cryptography library.
use reqwest as _;
use url::Url;

use super::credentials::{ProgramCredentials, asks_azure_command, aws_profile};
use super::server_reply::RecordingConnector;
use crate::error::RemoteError;

/// Read timeout. One part has to be sent in this time: 70 KB a second.
const SILENCE: &str = "120 s";

/// A cloud's client.
pub(super) trait Cloud: ObjectStore + MultipartStore {}

impl<C: ObjectStore + MultipartStore> Cloud for C {}

/// Clew's defaults: overridden by the settings, override the environment.
const OURS: [(ClientConfigKey, &str); 3] = [
    // For the whole call, regardless of its size.
    (ClientConfigKey::Timeout, "1 day"),
    (ClientConfigKey::ReadTimeout, SILENCE),
    (ClientConfigKey::ConnectTimeout, "10 s"),
];

/// Builds a client; the builders of the clouds have the same methods but share no trait.
macro_rules! client {
    ($builder:expr, $key:ident, $url:expr, $settings:expr) => {{
        let mut builder = $builder;
        for (key, value) in OURS {
            builder = builder.with_config($key::Client(key), value);
        }
        for (key, value) in known($settings) {
            builder = builder.with_config(key, value);
        }
        let builder = builder.with_url($url).with_retry(once());
        let built = builder.with_http_connector(RecordingConnector::default()).build();
        Arc::new(built.map_err(|error| RemoteError::no_place($url, error.to_string()))?)
    }};
}

/// Disables retries: [`crate::Patient`] retries.
fn once() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// Returns the client for a URL, and the folder in it.
pub(super) fn open(url: &str, settings: &[(String, String)]) -> Result<(Arc<dyn Cloud>, Path), RemoteError> {
    install_ciphers();
    let parsed = parse(url)?;
    let (scheme, folder) =
        ObjectStoreScheme::parse(&parsed).map_err(|error| RemoteError::no_place(url, error.to_string()))?;
    let cloud: Arc<dyn Cloud> = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let builder = amazon(settings).map_err(|said| RemoteError::no_place(url, said))?;
            client!(builder.with_disable_bulk_delete(true), AmazonS3ConfigKey, url, settings)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            client!(GoogleCloudStorageBuilder::from_env(), GoogleConfigKey, url, settings)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let asks = settings.is_empty() && asks_azure_command(&|name| env::var_os(name));
            let builder = MicrosoftAzureBuilder::from_env();
            let builder = if asks {
                builder.with_use_azure_cli(true)
            } else {
                builder
            };
            client!(builder, AzureConfigKey, url, settings)
        }
        _ => {
            return Err(RemoteError::no_place(
                url,
                "it starts with none of s3://, gs:// and az://",
            ));
        }
    };
    Ok((cloud, folder))
}

/// Builds the S3 client from the environment, with a profile as fallback.
fn amazon(settings: &[(String, String)]) -> Result<AmazonS3Builder, String> {
    let builder = AmazonS3Builder::from_env();
    let is_told = |key: &str| settings.iter().any(|setting| setting.0 == key);
    if is_told("aws_access_key_id") {
        return Ok(builder);
    }
    let profile = aws_profile(&|name| env::var_os(name))?;
    let mut builder = profile.program.map_or(builder.clone(), |words| {
        builder.with_credentials(Arc::new(ProgramCredentials::new(words)))
    });
    for (key, value) in profile.settings {
        let key: AmazonS3ConfigKey = key.parse().map_err(|_| format!("{key} is not a setting"))?;
        if builder.get_config_value(&key).is_none() {
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder)
}

/// Parses a URL. URLs are stored and displayed, so they must not contain credentials.
fn parse(url: &str) -> Result<Url, RemoteError> {
    let parsed = Url::parse(url).map_err(|error| RemoteError::no_place("It", error.to_string()))?;
    if parsed.password().is_some() || parsed.query().is_some() || parsed.fragment().is_some() {
        let place = format!("{}://{}", parsed.scheme(), parsed.host_str().unwrap_or_default());
        return Err(RemoteError::no_place(
            place,
            "a URL must not contain a password or a query: set credentials in the environment",
        ));
    }
    Ok(parsed)
}

/// Filters the settings to those that a cloud supports.
fn known<K: FromStr>(settings: &[(String, String)]) -> impl Iterator<Item = (K, &str)> {
    settings
        .iter()
        .filter_map(|(key, value)| Some((key.parse().ok()?, value.as_str())))
}

/// Installs the only compiled cryptography library for TLS, unless the process has installed one.
fn install_ciphers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().ok();
    });
}
