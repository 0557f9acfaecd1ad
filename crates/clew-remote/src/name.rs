//! Names of objects and heads: distinct in every kind of remote, and unable to lead out of one.

use std::fmt;
use std::str::FromStr;

/// A name with folders, such as `packs/3f2a9c10`: lower-case letters, digits, `-`, `_` and `.` between slashes.
///
/// The alphabet is this small because some remotes fold case, treat `..` specially, or give `%` and spaces a meaning. No part begins with a
/// dot: those names are reserved for the remotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// The longest name in bytes: object stores allow 1,024, including the prefix.
const MOST: usize = 512;

/// The text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a valid name in a remote")]
pub struct InvalidRemoteName(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Appends a part to this folder.
    ///
    /// # Errors
    /// The result is not a valid name.
    pub fn join(&self, rest: &str) -> Result<Self, InvalidRemoteName> {
        format!("{self}/{rest}").parse()
    }
}

impl FromStr for Name {
    type Err = InvalidRemoteName;

    fn from_str(text: &str) -> Result<Self, InvalidRemoteName> {
        if text.len() <= MOST && text.split('/').all(is_part) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidRemoteName(text.chars().take(MOST).collect()))
    }
}

fn is_part(part: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_known)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for text in ["packs/3f2a9c10", "a", "heads/main.v1", "a-b_c/0"] {
            assert_eq!(text.parse::<Name>().expect(text).as_str(), text);
        }
        for text in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".parts/x", "A", "a b", "a%2f", "a\\b", "a\0", "ä",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        assert!("a".repeat(MOST + 1).parse::<Name>().is_err());
    }
}
