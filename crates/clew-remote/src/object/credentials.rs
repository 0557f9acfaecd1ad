//! Credentials that `object_store` does not look up: AWS profiles, and the `az` command.
//!
//! Nothing is stored: files are read when a remote is opened, and a credential program is called again every few minutes. Its output is
//! never part of an error.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use object_store::aws::AwsCredential;
use object_store::{CredentialProvider, Error};

/// The most bytes that are read of a settings file.
const MOST: u64 = 1 << 20;
/// Credential programs renew their credentials about ten minutes before they expire.
const FRESH: Duration = Duration::from_mins(5);

/// Looks up an environment variable.
pub(super) type VariableLookup<'v> = &'v dyn Fn(&str) -> Option<OsString>;

/// The content of an AWS profile.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    /// Settings that replace environment variables.
    pub settings: Vec<(&'static str, String)>,
    /// The credential program, if the files contain no credentials.
    pub program: Option<Vec<String>>,
}

/// Returns the profile that AWS's own tools would use: `AWS_PROFILE`, else `default`. Empty if the environment contains credentials.
///
/// # Errors
/// The profile does not exist or cannot be used; as text.
pub(super) fn aws_profile(variable: VariableLookup<'_>) -> Result<Profile, String> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let wanted = variable("AWS_PROFILE").filter(|name| !name.is_empty());
    let name = wanted
        .as_ref()
        .map_or("default".into(), |name| name.to_string_lossy().into_owned());
    let home = variable("HOME").or_else(|| variable("USERPROFILE")).unwrap_or_default();
    let path = |name: &str, usual: &str| match variable(name) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => Path::new(&home).join(".aws").join(usual),
    };
    let credentials = read(&path("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
    let config = read(&path("AWS_CONFIG_FILE", "config"))?;
    let in_config = if name == "default" {
        name.clone()
    } else {
        format!("profile {name}")
    };
    let sections = [credentials.get(&name), config.get(&in_config)];
    if sections == [None, None] && wanted.is_some() {
        return Err(format!(
            "AWS_PROFILE names the profile {name:?}, which is not in ~/.aws"
        ));
    }
    let value = |key: &str| sections.iter().flatten().find_map(|section| section.get(key)).cloned();
    let says_who = is_set("AWS_ACCESS_KEY_ID") || is_set("AWS_WEB_IDENTITY_TOKEN_FILE");
    Ok(profile(&name, &value, says_who))
}

fn profile(name: &str, value: &dyn Fn(&str) -> Option<String>, says_who: bool) -> Profile {
    let mut found = Profile::default();
    for (key, setting) in [("region", "aws_region"), ("endpoint_url", "aws_endpoint")] {
        found.settings.extend(value(key).map(|value| (setting, value)));
    }
    if says_who {
        return found;
    }
    let keys = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    // A profile that assumes a role has another profile's keys, or none.
    let is_other = ["role_arn", "sso_session", "sso_start_url"]
        .iter()
        .any(|key| value(key).is_some());
    if value("aws_access_key_id").is_some() && !is_other {
        let pairs = keys.into_iter().filter_map(|key| Some((key, value(key)?)));
        found.settings.extend(pairs);
    } else if let Some(program) = value("credential_process") {
        found.program = shlex::split(&program);
    } else if is_other {
        // AWS's own tools implement login and assuming roles.
        let words = [
            "aws",
            "configure",
            "export-credentials",
            "--format",
            "process",
            "--profile",
            name,
        ];
        found.program = Some(words.map(str::to_owned).to_vec());
    }
    found
}

type Sections = HashMap<String, HashMap<String, String>>;

/// Returns the sections of a file; none if there is no file.
fn read(path: &Path) -> Result<Sections, String> {
    let Ok(file) = File::open(path) else {
        return Ok(Sections::new());
    };
    let mut text = String::new();
    let read = file.take(MOST).read_to_string(&mut text);
    read.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Ok(sections(&text))
}

/// Parses as AWS's tools do: an indented line belongs to the setting above, and is not used here.
fn sections(text: &str) -> Sections {
    let mut all = Sections::new();
    let mut name = None;
    for line in text.lines() {
        if line.starts_with([' ', '\t', '#', ';']) {
            continue;
        }
        if let Some(header) = line.trim_end().strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            let words: Vec<&str> = header.split_whitespace().collect();
            name = Some(words.join(" ").replace(['"', '\''], ""));
        } else if let (Some(name), Some((key, value))) = (&name, line.split_once('=')) {
            let value = value.split(" #").next().unwrap_or_default().trim();
            let section = all.entry(name.clone()).or_default();
            section.insert(key.trim().to_ascii_lowercase(), value.to_owned());
        }
        if let Some(name) = &name {
            all.entry(name.clone()).or_default();
        }
    }
    all
}

/// Whether to get credentials from `az`: if the environment contains none and `az` is installed.
pub(super) fn asks_azure_command(variable: VariableLookup<'_>) -> bool {
    const SAYS_WHO: [&str; 8] = [
        "KEY",
        "SECRET",
        "TOKEN",
        "SAS",
        "IDENTITY_ENDPOINT",
        "MSI_ENDPOINT",
        "USE_AZURE_CLI",
        "EMULATOR",
    ];
    let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut ours = names.filter(|name| name.starts_with("AZURE_") || name.ends_with("_ENDPOINT"));
    let is_said = ours.any(|name| SAYS_WHO.iter().any(|word| name.contains(word)));
    let folders = variable("PATH").unwrap_or_default();
    !is_said && env::split_paths(&folders).any(|folder| folder.join("az").is_file())
}

/// A credential program and its cached credentials.
pub(super) struct ProgramCredentials {
    words: Vec<String>,
    last: Mutex<Option<(Instant, Arc<AwsCredential>)>>,
}

impl std::fmt::Debug for ProgramCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProgramCredentials").finish_non_exhaustive()
    }
}

impl ProgramCredentials {
    pub fn new(words: Vec<String>) -> Self {
        Self {
            words,
            last: Mutex::new(None),
        }
    }

    fn asked(&self) -> Result<AwsCredential, String> {
        let [program, arguments @ ..] = self.words.as_slice() else {
            return Err("credential_process is empty".to_owned());
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
        let ended = command
            .output()
            .map_err(|error| format!("{program}, which should return credentials, cannot be started: {error}"))?;
        let said: Option<serde_json::Value> = serde_json::from_slice(&ended.stdout).ok();
        let text = |key: &str| Some(said.as_ref()?.get(key)?.as_str()?.to_owned());
        match (text("AccessKeyId"), text("SecretAccessKey")) {
            (Some(key_id), Some(secret_key)) if ended.status.success() => Ok(AwsCredential {
                key_id,
                secret_key,
                token: text("SessionToken"),
            }),
            _ => Err(format!(
                "{program} returned no credentials ({}): run it yourself, it may ask you to sign on",
                ended.status
            )),
        }
    }
}

#[async_trait::async_trait]
impl CredentialProvider for ProgramCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = last.as_ref().filter(|(asked, _)| asked.elapsed() < FRESH) {
            return Ok(Arc::clone(known));
        }
        let asked = self.asked().map_err(|why| Error::Unauthenticated {
            path: String::new(),
            source: why.into(),
        })?;
        let (_, known) = last.insert((Instant::now(), Arc::new(asked)));
        Ok(Arc::clone(known))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the profile for these two files and variables.
    fn found(credentials: &str, config: &str, variables: &[(&str, &str)]) -> Result<Profile, String> {
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join(".aws")).expect("it is made");
        fs::write(home.path().join(".aws/credentials"), credentials).expect("it is written");
        fs::write(home.path().join(".aws/config"), config).expect("it is written");
        aws_profile(&|name| match name {
            "HOME" => Some(home.path().into()),
            _ => variables.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into()),
        })
    }

    const CREDENTIALS: &str = "\
# Two of them
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key=a/b+c=
[work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = s3cr3t
aws_session_token = t0ken
";
    const CONFIG: &str = "\
[default]
region = eu-central-1
s3 =
  endpoint_url = http://not.this
[profile work]
region = us-west-2 # near
endpoint_url = https://s3.example
[profile 'signed on']
sso_session = corp
[profile printed]
credential_process = /opt/hand out --for \"me too\"
[profile role]
role_arn = arn:aws:iam::1:role/x
source_profile = work
";

    fn settings(profile: &Profile) -> Vec<String> {
        let pairs = profile.settings.iter();
        pairs.map(|(key, value)| format!("{key}={value}")).collect()
    }

    #[test]
    fn a_profile_says_who_asks_and_where() {
        let default = found(CREDENTIALS, CONFIG, &[]).expect("it is there");
        assert_eq!(
            settings(&default),
            [
                "aws_region=eu-central-1",
                "aws_access_key_id=AKIADEFAULT",
                "aws_secret_access_key=a/b+c="
            ]
        );
        let work = found(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "work")]).expect("it is there");
        assert_eq!(
            settings(&work),
            [
                "aws_region=us-west-2",
                "aws_endpoint=https://s3.example",
                "aws_access_key_id=AKIAWORK",
                "aws_secret_access_key=s3cr3t",
                "aws_session_token=t0ken"
            ]
        );
        // Credentials in the environment override the profile's.
        let variables = [("AWS_PROFILE", "work"), ("AWS_ACCESS_KEY_ID", "AKIAOTHER")];
        let said = found(CREDENTIALS, CONFIG, &variables).expect("it is there");
        assert_eq!(
            settings(&said),
            ["aws_region=us-west-2", "aws_endpoint=https://s3.example"]
        );
        assert_eq!(found("", "", &[]), Ok(Profile::default()));
    }

    #[test]
    fn a_profile_without_keys_names_the_program_that_hands_them_out() {
        let program = |name: &str| {
            let found = found(CREDENTIALS, CONFIG, &[("AWS_PROFILE", name)]).expect("it is there");
            found.program.expect("a program").join("|")
        };
        assert_eq!(program("printed"), "/opt/hand|out|--for|me too");
        assert_eq!(
            program("signed on"),
            "aws|configure|export-credentials|--format|process|--profile|signed on"
        );
        assert_eq!(
            program("role"),
            "aws|configure|export-credentials|--format|process|--profile|role"
        );
        let missing = found(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "missing")]).expect_err("there is none");
        assert!(missing.contains("missing"), "{missing}");
    }

    #[test]
    fn p14_any_file_is_borne() {
        for text in [
            "[",
            "[]",
            "=",
            "[a",
            "a=b\n[x]\n=\n==\n[ ]",
            "[profile]\nregion",
            "\u{0}[default]\n",
        ] {
            assert!(found(text, text, &[]).is_ok(), "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn p12_what_a_program_prints_is_in_no_error() {
        let says = |script: &str| ProgramCredentials::new(["sh", "-c", script].map(str::to_owned).to_vec()).asked();
        let fine = says(r#"echo '{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "s3cr3t"}'"#);
        let fine = fine.expect("it hands them out");
        assert_eq!(
            (fine.key_id.as_str(), fine.secret_key.as_str(), fine.token),
            ("AKIA", "s3cr3t", None)
        );
        for script in [
            r#"echo '{"AccessKeyId": "AKIA", "SecretAccessKey": "s3cr3t"}'; exit 3"#,
            r#"echo '{"SecretAccessKey": "s3cr3t"}'; echo s3cr3t >&2"#,
            "echo s3cr3t",
        ] {
            let error = says(script).expect_err("it does not");
            assert!(!error.contains("s3cr3t") && error.contains("sign on"), "{error}");
        }
    }
}
