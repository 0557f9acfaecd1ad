//! Addresses of ssh remotes: `ssh://[USER@]HOST[:PORT]/PATH` or `[USER@]HOST:PATH`, as in Git and scp.

use super::wire::shown;
use crate::error::RemoteError;

/// A folder on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// Absolute, or relative to the home folder there.
    pub path: String,
    /// The program to start there, if it is not `clew`.
    pub clew: Option<String>,
}

const SCHEME: &str = "ssh://";
/// The query parameter that names the program to start there.
const CLEW: &str = "clew=";

impl Address {
    /// Whether a text denotes an ssh remote. `C:\folder` and `./host:path` are local folders.
    pub fn is_meant(text: &str) -> bool {
        let is_folder = |host: &str| host.len() < 2 || host.contains(['/', '\\']) || host.starts_with('.');
        text.starts_with(SCHEME)
            || text
                .split_once(':')
                .is_some_and(|(host, path)| !path.starts_with("//") && !is_folder(host))
    }

    /// # Errors
    /// `NoPlace`, with the reason.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        let address = match text.strip_prefix(SCHEME) {
            Some(rest) => url(rest),
            None => scp(text),
        };
        let address = address.and_then(Self::checked);
        // The input may contain a password and have any length.
        address.map_err(|said| RemoteError::no_place(shown(without_secrets(text)), said))
    }

    fn checked(self) -> Result<Self, &'static str> {
        let is_option = |word: &str| word.is_empty() || word.starts_with('-');
        let is_odd = |word: &str| word.chars().any(|letter| letter.is_control() || letter.is_whitespace());
        match &self {
            Self { user: Some(user), .. } if user.contains(':') => {
                Err("a URL must not contain a password: ssh asks for it, or uses a key")
            }
            Self { user: Some(user), .. } if is_option(user) || is_odd(user) => Err("the user name is not valid"),
            Self { host, .. } if is_option(host) || is_odd(host) => Err("it names no host"),
            Self { path, .. } if path.is_empty() => Err("it names no folder: type `ssh://HOST/FOLDER`"),
            Self { path, .. } if path.starts_with('~') => {
                Err("only `~/`, your own home folder, is supported: type the full path instead")
            }
            Self { path, .. } if path.chars().any(char::is_control) => Err("the folder's name is not valid"),
            Self { clew: Some(clew), .. } if is_option(clew) || clew.chars().any(char::is_control) => {
                Err("`?clew=` needs the path of the program")
            }
            _ => Ok(self),
        }
    }

    /// Formats the address as a URL, which [`Self::parse`] accepts.
    pub fn url(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = if self.path.starts_with('/') {
            self.path.clone()
        } else {
            format!("/~/{}", self.path)
        };
        let clew = self
            .clew
            .as_ref()
            .map(|clew| format!("?{CLEW}{clew}"))
            .unwrap_or_default();
        format!("{SCHEME}{user}{host}{port}{path}{clew}")
    }
}

fn without_secrets(text: &str) -> &str {
    let text = text.split('?').next().unwrap_or_default();
    text.rsplit('@').next().unwrap_or_default()
}

fn at(text: &str) -> (Option<String>, &str) {
    match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, text),
    }
}

fn url(rest: &str) -> Result<Address, &'static str> {
    let (rest, clew) = match rest.split_once('?') {
        None => (rest, None),
        Some((rest, query)) => {
            let clew = query
                .strip_prefix(CLEW)
                .ok_or("after `?` only `clew=PROGRAM` is supported")?;
            (rest, Some(clew.to_owned()))
        }
    };
    let slash = rest.find('/').unwrap_or(rest.len());
    let (user, machine) = at(&rest[..slash]);
    let path = &rest[slash..];
    let (host, port) = match machine.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match machine.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (machine, None),
        },
    };
    let port = port.map(str::parse).transpose();
    Ok(Address {
        user,
        host: host.to_owned(),
        port: port.map_err(|_| "its port is not a number up to 65535")?,
        path: path.strip_prefix("/~/").unwrap_or(path).to_owned(),
        clew,
    })
}

fn scp(text: &str) -> Result<Address, &'static str> {
    let user = text.split_once('@').map_or("", |(user, _)| user);
    let host = user.len() + usize::from(!user.is_empty());
    let is_password = user.contains(':') && !user.contains('/') && text[host..].contains(':');
    let after = if is_password { host } else { 0 };
    let colon = text[after..].find(':').ok_or("it names no host")? + after;
    let (user, host) = at(&text[..colon]);
    let path = &text[colon + 1..];
    Ok(Address {
        user,
        host: host.to_owned(),
        port: None,
        // ssh starts in the home folder, so `~/` is redundant.
        path: path.strip_prefix("~/").unwrap_or(path).to_owned(),
        clew: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> String {
        match Address::parse(text) {
            Ok(address) => address.url(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_folder_on_another_machine_is_written_as_for_git_and_scp() {
        for (typed, url) in [
            ("ssh://host/data/clew", "ssh://host/data/clew"),
            ("ssh://me@host:2222/data", "ssh://me@host:2222/data"),
            ("ssh://me@[::1]:22/~/clew", "ssh://me@[::1]:22/~/clew"),
            ("me@host:clew", "ssh://me@host/~/clew"),
            ("host:/data", "ssh://host/data"),
            ("host:~/a b", "ssh://host/~/a b"),
            (
                "ssh://host/a?clew=/opt/clew/bin/clew",
                "ssh://host/a?clew=/opt/clew/bin/clew",
            ),
        ] {
            assert!(Address::is_meant(typed), "{typed}");
            assert_eq!(parts(typed), url);
            assert_eq!(parts(url), url);
        }
        for folder in [
            "/a:b",
            "./host:path",
            "C:\\folder",
            "C:/folder",
            "s3://bucket/x",
            "folder",
        ] {
            assert!(!Address::is_meant(folder), "{folder}");
        }
    }

    #[test]
    fn what_is_no_folder_on_another_machine_says_why() {
        let typed = [
            "ssh://me:secret@host/data",
            "me:secret@host:data",
            "ssh://-oProxyCommand=x/data",
            "ssh://-x@host/data",
            "ssh:///data",
            "ssh://host",
            "ssh://host:x/data",
            "ssh://host/data?key=secret",
            "ssh://host/data?clew=",
            "host:~other/data",
            "ssh://ho st/data",
        ];
        let texts: String = typed.map(|text| format!("{}\n", parts(text))).concat();
        insta::assert_snapshot!(texts);
    }
}
