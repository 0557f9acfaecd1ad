//! Contexts in which only a credential can occur: after an option of a program, in a header, between a user and a host.

use super::place::CREDENTIAL;

/// A context, and the pattern of the credential in it. Only the group `it` is removed; without it the whole match.
pub(super) struct CredentialContext {
    pub what: &'static str,
    /// Its possible beginnings in lower case.
    pub begins: &'static [&'static str],
    pub pattern: &'static str,
    pub demand: Demand,
    /// Whether it also applies to code outside of quoted texts.
    pub is_in_code: bool,
}

/// The requirement on a text in such a context.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Not a placeholder.
    Value,
    /// Not a word.
    Password,
    /// Unlikely to be a word, a number or a name.
    NoWord,
    /// A Base64 encoded user and password.
    Encoded,
}

use Demand::{Encoded, NoWord, Password, Value};

/// The text between words of a command: spaces, or the commas and quotes of a list.
macro_rules! gap {
    () => {
        r#"(?:[\s'",=\[\]]|\\\n){1,12}"#
    };
}
/// The text of a command up to the next pattern.
macro_rules! rest {
    () => {
        r"[^\n|;&]{0,400}?"
    };
}
/// The credential.
macro_rules! it {
    () => {
        r#"(?<it>[^\s'",|;&()`-][^\s'",|;&()`]{2,500})"#
    };
}
/// Two quoted texts, of which the second is the credential.
macro_rules! pair {
    () => {
        r#"\(?\s{0,20}[rbfu]{0,2}['"]?[^'"\n(),]{1,200}['"]?\s{0,3},\s{0,20}(?:\w+\s*=\s*)?[rbu]{0,2}['"](?<it>[^'"\n]{3,500})['"]"#
    };
}

const fn context(begins: &'static [&'static str], pattern: &'static str, demand: Demand) -> CredentialContext {
    CredentialContext {
        what: CREDENTIAL,
        begins,
        pattern,
        demand,
        is_in_code: false,
    }
}

const fn in_code(begins: &'static [&'static str], pattern: &'static str, demand: Demand) -> CredentialContext {
    CredentialContext {
        is_in_code: true,
        ..context(begins, pattern, demand)
    }
}

#[rustfmt::skip]
pub(super) static CONTEXTS: &[CredentialContext] = &[
    CredentialContext {
        what: "an authorization header", begins: &["authorization"], demand: Value, is_in_code: true,
        pattern: r#"(?i)authorization\\?['"]?\]?\s{0,3}[:=,]\s{0,3}f?\\?['"]?(?:bearer|basic|token|apikey|digest|negotiate|aws4-hmac-sha256)\s+[A-Za-z0-9+/=._~:-]{8,}"#,
    },
    context(&["bearer "], r"(?i)bearer\s+(?<it>[A-Za-z0-9+/=._~:-]{16,})", NoWord),
    context(&["basic "], r"(?i)basic\s+(?<it>[A-Za-z0-9+/]{8,}={0,2})", Encoded),
    context(&["cookie:", "cookie':", "cookie\":"], r#"(?i)cookie\\?['"]?\s*:\s*\\?['"]?[\w.-]{1,60}=(?<it>[^\s'";,]{16,})"#, NoWord),
    // Options of programs
    in_code(&["curl", "http ", "https ", "wget", "xh "],
        concat!(r"(?:curl|https?|wget|xh)\s*", rest!(), r"(?:-u|-a|-U|--user|--proxy-user|--auth)", r#"[\s'",=]{0,8}[^\s:'",/-][^\s:'",/]{0,100}:"#, it!()), Value),
    context(&["mysql", "mariadb"], concat!(r"(?:mysql\w*|mariadb\w*)\s", rest!(), r#"[\s'"]-p"#, it!()), Value),
    in_code(&["login"], concat!(r#"login[\s'"]"#, rest!(), r#"[\s'"](?:-p|--password|--token|--relogin|-w)"#, gap!(), it!()), Value),
    context(&["az login", "sqlcmd", "bcp "], concat!(r"(?:az login|sqlcmd|bcp )", rest!(), r#"\s-[pP]\s*['"]?"#, it!()), Value),
    context(&["mongo"], concat!(r"mongo\w*\s", rest!(), r"\s-p\s+['\x22]?", it!()), Value),
    context(&["sshpass"], concat!(r"sshpass\s", rest!(), r#"-p\s*['"]?"#, it!()), Value),
    context(&["redis-cli"], concat!(r"redis-cli\s", rest!(), r#"\s(?:-a|--pass)\s*['"]?"#, it!()), Value),
    context(&["ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami"], concat!(r"ldap\w+\s", rest!(), r#"\s-w\s*['"]?"#, it!()), Value),
    context(&["unzip", "zip ", "7z "], concat!(r"(?:unzip|zip|7z)\s", rest!(), r#"\s(?:-P\s*|--password[= ]|-p)['"]?"#, it!()), NoWord),
    context(&["htpasswd"], concat!(r"htpasswd\s", rest!(), r"-\w*b\w*\s+\S+\s+\S+\s+", it!()), Value),
    context(&["-passin", "-passout", "-pass "], concat!(r"-pass(?:in|out)?\s+pass:", it!()), Value),
    context(&["echo", "printf", "<<<"],
        r#"(?:echo|printf|<<<)\s*(?:-n\s+)?['"]?(?<it>[^\s'"|$`]{4,200})['"]?\s*\|\s*(?:sudo\s+-S|[^\n|]{0,200}(?:--password-stdin|--pass-stdin))"#, Value),
    context(&["configure set"], concat!(r"configure set \S*(?:secret|token|password)\S*\s+", it!()), Value),
    context(&["wandb login"], concat!(r"wandb login\s", rest!(), it!()), NoWord),
    // Files of their own
    context(&["login"], r"login\s+\S{1,200}\s+(?:account\s+\S{1,200}\s+)?password\s+(?<it>\S{3,500})", Value),
    context(&["machine"], r"machine\s+\S{1,200}\s+password\s+(?<it>\S{3,500})", Value),
    context(&[":5432:", ":5433:", ":5434:", ":6432:", ":6543:", ":5439:", ":25060:", ":26257:", ":*:"],
        r"(?m):(?:\d+|\*):[^:\s]{1,100}:[^:\s]{1,100}:(?<it>[^\s:][^\n:]{2,200}?)\s*$", Value),
    context(&["_auth=", "_auth =", "\"auth\""], r#"(?:_auth|auth")\s?[=:]\s?"?(?<it>[A-Za-z0-9+/]{8,}={0,2})"#, Encoded),
    // Statements of SQL
    context(&["identified by", "identified with"], r#"(?i)identified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?['"](?<it>[^'"\n]{3,200})['"]"#, Password),
    // Calls that take a user and a password
    in_code(&["auth(", "auth =", "auth=", "auth\":", "auth':", "auth', ", "auth\", ", "auth: tuple"],
        concat!(r#"(?i)auth(?:\(|['"]?\s*(?::\s*\w+\s*)?[:=,]\s*\()"#, pair!()), Value),
    in_code(&["httpbasicauth(", "httpdigestauth(", "basicauth(", "digestauth(", "ntlmauth(", "basicauthentication(", "plainauthprovider(", "basic_auth(", "plaincredentials(", "httpproxyauth("],
        concat!(r"(?i)[a-z_]+\(", pair!()), Value),
    in_code(&[".login(", ".authenticate(", "credentials("], concat!(r"(?i)[a-z.]+\(", pair!()), Value),
    in_code(&["set_password("], r#"set_password\((?:\s*['"][^'"\n]*['"]\s*,){2}\s*['"](?<it>[^'"\n]{3,500})['"]"#, Value),
    in_code(&["akia", "asia"],
        r#"(?:AKIA|ASIA)[A-Z2-7]{16}['"]?\s*[,:]\s*['"]?(?<it>[A-Za-z0-9+/]{40})(?-u:\b)"#, NoWord),
];
