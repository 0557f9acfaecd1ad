//! Which cloud a URL means, and the client for it.

use std::env;
use std::str::FromStr;
use std::sync::{Arc, Once};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
// Here for a feature alone: TLS without a second library of ciphers.
use reqwest as _;
use url::Url;

use super::credentials::{ProgramCredentials, asks_azure_command, aws_profile};
use super::server_reply::RecordingConnector;
use crate::error::RemoteError;

/// A server that says nothing for so long is gone. One part has to be sent in this time: 70 KB a second.
const SILENCE: &str = "120 s";

/// What a cloud's client can do.
pub(super) trait Cloud: ObjectStore + MultipartStore {}

impl<C: ObjectStore + MultipartStore> Cloud for C {}

/// What is ours to say, before the settings and after the environment.
const OURS: [(ClientConfigKey, &str); 3] = [
    // Of the whole call, however much it carries.
    (ClientConfigKey::Timeout, "1 day"),
    (ClientConfigKey::ReadTimeout, SILENCE),
    (ClientConfigKey::ConnectTimeout, "10 s"),
];

/// A client of one of the clouds, whose builders have the same methods and no trait.
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

/// Tried once: who tries again is [`crate::Patient`].
fn once() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// The client of a URL, and the folder that it names.
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

/// What the environment says, and beneath it a profile.
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

/// URLs are kept and shown, so nothing secret may be in one.
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

/// Those of the settings that a cloud knows.
fn known<K: FromStr>(settings: &[(String, String)]) -> impl Iterator<Item = (K, &str)> {
    settings
        .iter()
        .filter_map(|(key, value)| Some((key.parse().ok()?, value.as_str())))
}

/// TLS with the one library of ciphers that is compiled. Whoever comes first sets it for the process.
fn install_ciphers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustls::crypto::ring::default_provider().install_default().ok();
    });
}
