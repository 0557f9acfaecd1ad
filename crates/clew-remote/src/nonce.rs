//! Random numbers for unique names and randomized waits.

/// Returns a random number.
pub(crate) fn nonce() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    u64::from_le_bytes(bytes)
}

/// Formats a random number as a name.
pub(crate) fn in_digits(nonce: u64) -> String {
    format!("{nonce:016x}")
}

/// Whether a name was made by [`in_digits`].
pub(crate) fn is_nonce(name: &str) -> bool {
    name.len() == 16
        && name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
