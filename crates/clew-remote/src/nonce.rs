//! Random numbers: names that nobody else gives, and waits that don't meet.

/// One that nobody else has.
pub(crate) fn nonce() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    u64::from_le_bytes(bytes)
}
