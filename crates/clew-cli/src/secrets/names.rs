//! Names that suggest a credential, word by word: `db_pass`, `DB_PASS2`, `openaiKey`, but not `compass` or `pass_rate`.

/// How strongly a name suggests a credential.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Strength {
    /// Only a long random text is a credential: `key`, `cookie`.
    Vague,
    /// A text that is unlikely to be a word is a credential: `token`, `api_key`.
    Telling,
    /// Nearly any text is a credential, except short words: `pass` and `pw` have other meanings.
    Abbreviated,
    /// Nearly any text is a credential: `password`.
    Certain,
}

/// Words for passwords, in several languages.
#[rustfmt::skip]
const PASSWORDS: &[&str] = &[
    "password", "passwd", "pwd", "pw", "pass", "passphrase", "passcode", "passwrd", "pswd", "psw", "pword", "passwort",
    "kennwort", "contrasena", "contraseña", "senha", "mdp",
];

/// Those that have other meanings, too.
const ABBREVIATED: &[&str] = &["pass", "pwd", "pw", "psw", "pswd", "mdp"];

/// Endings of compound words: `pgpassword`, `mysecret`.
const PASSWORD_ENDS: &[&str] = &["password", "passwd", "passphrase", "passcode", "passwort"];

/// Words before `pass` that together mean a password.
#[rustfmt::skip]
const BEFORE_PASS: &[&str] = &[
    "db", "user", "usr", "my", "sql", "pg", "ftp", "smtp", "imap", "mail", "email", "admin", "root", "ssh", "ldap", "redis",
    "mongo", "http", "proxy", "key", "store", "auth", "login", "rabbit", "wifi",
];

/// Words before `pass` that together mean something else: a pass over data, a filter, a mountain.
#[rustfmt::skip]
const OTHER_PASSES: &[&str] = &[
    "first", "second", "third", "last", "next", "prev", "one", "two", "single", "multi", "forward", "backward", "fwd", "bwd",
    "low", "high", "band", "all", "by", "no", "did", "does", "can", "will", "should", "boarding", "ski", "num", "n", "per",
    "each", "this", "current", "mountain", "train", "test", "eval", "render", "optimizer", "compiler",
];

/// Words that suggest a credential other than a password.
#[rustfmt::skip]
const TELLING: &[&str] = &[
    "token", "secret", "jwt", "bearer", "authorization", "credential", "cred", "apikey", "apitoken", "apisecret", "accesskey",
    "accesstoken", "authkey", "authtoken", "privatekey", "secretkey", "signingkey", "sshkey", "clientsecret", "otp", "totp",
    "mnemonic",
];

/// Words before `key` in the names of credentials: its purpose, or its issuer.
#[rustfmt::skip]
const BEFORE_KEY: &[&str] = &[
    "api", "access", "private", "secret", "signing", "auth", "ssh", "account", "storage", "encryption", "decryption", "fernet",
    "master", "service", "license", "app", "application", "client", "consumer", "subscription", "deploy", "hmac", "aes", "rsa",
    "gpg", "pgp", "jwt", "session", "shared", "admin", "openai", "anthropic", "claude", "cohere", "mistral", "google", "gemini", "gcp",
    "aws", "azure", "stripe", "twilio", "sendgrid", "github", "gitlab", "slack", "discord", "hf", "huggingface", "wandb",
    "kaggle", "pinecone", "weaviate", "qdrant", "groq", "replicate", "deepseek", "openrouter", "perplexity", "tavily",
    "serpapi", "serper", "langchain", "langsmith", "alpaca", "binance", "polygon", "finnhub", "alphavantage", "quandl", "fred",
    "census", "maps", "mapbox", "weather", "openweather", "nasa", "tiingo", "newsapi", "rapidapi", "datadog", "newrelic", "sentry",
    "mailgun", "mailchimp", "databricks", "snowflake", "supabase", "firebase", "heroku", "cloudflare", "s3", "gpt", "llm",
];

/// Words that occasionally occur in names of credentials.
const VAGUE: &[&str] = &["key", "auth", "cookie", "sessionid", "sig", "signature", "csrf", "sid"];

/// Words before `token` that mean a piece of text, or a count.
#[rustfmt::skip]
const OTHER_TOKENS: &[&str] = &[
    "pad", "eos", "bos", "unk", "sep", "cls", "mask", "special", "start", "end", "stop", "prev", "next", "first", "last", "n", "num",
    "max", "min", "total", "prompt", "completion", "input", "output", "image",
];

/// Words after a telling one that mean something else: a count of tokens, the path of a key.
#[rustfmt::skip]
const OF_SOMETHING_ELSE: &[&str] = &[
    "count", "counts", "path", "paths", "file", "files", "filename", "id", "ids", "hash", "hashes", "hashed", "name", "names",
    "type", "types", "url", "urls", "uri", "endpoint", "length", "lengths", "len", "size", "sizes", "index", "indices", "limit",
    "limits", "column", "columns", "col", "cols", "dir", "dirs", "folder", "folders", "ttl", "mask", "masks", "embedding",
    "embeddings", "position", "positions", "min", "max", "rate", "prompt", "field", "label", "policy", "strength", "format",
    "pattern", "regex", "re", "version", "manager", "provider", "class", "function", "func", "fn", "help", "hint", "error",
    "message", "msg", "env", "var", "expiry", "expires", "expired", "expiration", "expire", "expiring",
];

/// Returns how strongly a name suggests a credential, if at all.
pub(super) fn strength(name: &str) -> Option<Strength> {
    let words = words(name);
    let at = |place: usize| words.get(place).map(String::as_str).unwrap_or_default();
    (0..words.len())
        .filter_map(|place| {
            let before = if place > 0 { at(place - 1) } else { "" };
            let behind = at(place + 1);
            let strength = of_word(before, singular(at(place)), behind.is_empty())?;
            let is_other = strength != Strength::Vague && OF_SOMETHING_ELSE.contains(&behind);
            (!is_other).then_some(strength)
        })
        .max()
}

fn of_word(before: &str, word: &str, is_last: bool) -> Option<Strength> {
    let is_other_pass = word == "pass" && (!is_last || OTHER_PASSES.contains(&before));
    if is_other_pass {
        return None;
    }
    if ABBREVIATED.contains(&word) && before.is_empty() && is_last {
        return Some(Strength::Abbreviated);
    }
    if is_password(word) {
        return Some(Strength::Certain);
    }
    if word == "token" && OTHER_TOKENS.contains(&before) {
        return None;
    }
    let is_key = word == "key" && BEFORE_KEY.contains(&before);
    let is_joined_key = || word.strip_suffix("key").is_some_and(|what| BEFORE_KEY.contains(&what));
    if is_key || TELLING.contains(&word) || word.ends_with("secret") || is_joined_key() {
        return Some(Strength::Telling);
    }
    let is_session = before == "session" && word == "id";
    (is_session || VAGUE.contains(&word)).then_some(Strength::Vague)
}

fn is_password(word: &str) -> bool {
    let is_joined = || {
        word.strip_suffix("pass")
            .is_some_and(|what| BEFORE_PASS.contains(&what))
    };
    PASSWORDS.contains(&word) || PASSWORD_ENDS.iter().any(|end| word.ends_with(end)) || is_joined()
}

/// Whether elements under a name are passwords: `passwords = [...]`.
pub(super) fn is_of_passwords(name: &str) -> bool {
    strength(name).is_some_and(|strength| strength >= Strength::Abbreviated)
}

/// Whether values of a dictionary under a name are passwords: `passwords_by_user = {...}`.
pub(super) fn is_of_named_passwords(name: &str) -> bool {
    is_of_passwords(name)
        && words(name)
            .iter()
            .any(|word| word.len() > 3 && word != "pass" && word.ends_with('s'))
}

/// Whether a pair under a name is a user and a password: `session.auth = (user, ...)`.
pub(super) fn is_of_a_login(name: &str) -> bool {
    let words = words(name);
    let last = words.last().map(|word| singular(word)).unwrap_or_default();
    matches!(last, "auth" | "login" | "cred" | "credential")
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        // `pass` is not a plural.
        Some(one) if one.len() > 1 && !one.ends_with('s') => one,
        _ => word,
    }
}

/// Splits a name into lower-case words, at other characters, digits and changes of case.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (place, letter) in letters.iter().enumerate() {
        let last = words.last_mut().expect("there is one");
        if !letter.is_alphabetic() {
            if !last.is_empty() {
                words.push(String::new());
            }
            continue;
        }
        let before = place.checked_sub(1).map(|before| letters[before]);
        let is_start = letter.is_uppercase()
            && (before.is_some_and(char::is_lowercase)
                || before.is_some_and(char::is_uppercase)
                    && letters.get(place + 1).is_some_and(|next| next.is_lowercase()));
        if is_start && !last.is_empty() {
            words.push(letter.to_lowercase().collect());
        } else {
            last.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_word_by_word() {
        for name in [
            "password",
            "DB_PASS2",
            "db_pass",
            "dbPassword",
            "PGPASSWORD",
            "passcode",
            "user_pw",
        ] {
            assert_eq!(strength(name), Some(Strength::Certain), "{name}");
        }
        for name in ["pass", "Pass", "pw", "pwd2", "mdp"] {
            assert_eq!(strength(name), Some(Strength::Abbreviated), "{name}");
        }
        for name in [
            "API_KEY",
            "X-Api-Key",
            "APIKey",
            "openaiKey",
            "openai_key",
            "ssh_key",
            "jwt",
            "myToken",
            "tokens2",
            "client_secret",
            "token_count_secret",
            "githubToken",
            "aws.secretAccessKey",
            "credentials",
        ] {
            assert_eq!(strength(name), Some(Strength::Telling), "{name}");
        }
        for name in ["key", "auth", "session_id", "sig", "primary_key"] {
            assert_eq!(strength(name), Some(Strength::Vague), "{name}");
        }
        for name in [
            "compass",
            "pass_rate",
            "first_pass",
            "n_tokens",
            "pad_token",
            "tokenizer",
            "key_columns_a",
            "passengers",
            "author",
            "token_count",
            "tokenCount",
            "password_hash",
            "token_expires_at",
            "passport",
            "monkey",
            "keyboard",
            "design",
            "",
        ] {
            assert!(
                strength(name).is_none_or(|strength| strength == Strength::Vague),
                "{name}"
            );
        }
    }
}
