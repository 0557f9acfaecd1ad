//! Shapes of credentials: formats that issuers mark, recognized anywhere.

/// The pattern of a kind of credential, and its name.
pub(super) struct CredentialPattern {
    pub what: &'static str,
    /// Its possible beginnings, or a part of it, in lower case.
    pub begins: &'static [&'static str],
    /// The pattern from there on.
    pub pattern: &'static str,
    /// The least entropy in bits per character: less indicates an example of the format.
    pub least_bits: f64,
    /// Where it begins.
    pub start: PatternStart,
}

/// Where a pattern begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PatternStart {
    /// At the trace, if no letter precedes it.
    Word,
    /// At the trace.
    Anywhere,
    /// At least this many letters and digits before the trace.
    Before(usize),
}

const fn shape(what: &'static str, begins: &'static [&'static str], pattern: &'static str) -> CredentialPattern {
    CredentialPattern {
        what,
        begins,
        pattern,
        least_bits: 0.0,
        start: PatternStart::Word,
    }
}

/// Like [`shape`], but excludes regular texts.
const fn random(what: &'static str, begins: &'static [&'static str], pattern: &'static str) -> CredentialPattern {
    CredentialPattern {
        least_bits: 2.0,
        ..shape(what, begins, pattern)
    }
}

const fn behind(
    what: &'static str,
    begins: &'static [&'static str],
    before: usize,
    pattern: &'static str,
) -> CredentialPattern {
    CredentialPattern {
        start: PatternStart::Before(before),
        ..random(what, begins, pattern)
    }
}

pub(super) const PRIVATE_KEY: &str = "a private key";
const KEY: &str = "an API key";
const TOKEN: &str = "an access token";
const WEBHOOK: &str = "a webhook";

/// The shapes. If the issuer specifies length and alphabet, the pattern does, too.
#[rustfmt::skip]
pub(super) static SHAPES: &[CredentialPattern] = &[
    // Cloud providers
    random("an AWS access key", &["akia", "asia", "abia", "acca"], r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?-u:\b)"),
    random("an AWS access key", &["absk", "bedrock-api-key-"], r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/]{60,}={0,2}"),
    random("a cloud access key", &["ltai", "akid"], r"(?:LTAI[A-Za-z0-9]{16,24}|AKID[A-Za-z0-9]{32})(?-u:\b)"),
    random("a Google API key", &["aiza"], r"AIza[A-Za-z0-9_-]{35}"),
    random("a Google token", &["ya29.", "1//0"], r"(?:ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{40,})"),
    random("a Google client secret", &["gocspx-"], r"GOCSPX-[A-Za-z0-9_-]{24,}"),
    behind("an Azure client secret", &["q~"], 4, r"[Qq]~[A-Za-z0-9_~.-]{31,34}"),
    CredentialPattern {
        what: "a storage key", begins: &["accountkey=", "sharedaccesskey="], least_bits: 2.0, start: PatternStart::Anywhere,
        pattern: r"(?i:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{32,}={0,2}",
    },
    random("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{64}"),
    random("a Heroku key", &["hrku-"], r"HRKU-[A-Za-z0-9_-]{30,}"),
    random("a Vault token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    behind("a Terraform token", &[".atlasv1."], 14, r"\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    random("a Pulumi token", &["pul-"], r"pul-[a-f0-9]{40}(?-u:\b)"),
    random("a Dynatrace token", &["dt0c01.", "dt0s01."], r"dt0[cs]01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    // Code, packages, containers
    shape("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9]{36,255}(?-u:\b)"),
    shape("a GitHub token", &["github_pat_"], r"github_pat_[A-Za-z0-9_]{60,255}(?-u:\b)"),
    shape(
        "a GitLab token",
        &["glpat-", "glptt-", "glrt-", "glcbt-", "gldt-", "glft-", "glsoat-", "glagent-", "gloas-", "glimt-", "glffct-"],
        r"gl(?:pat|ptt|rt|cbt|dt|ft|soat|agent|oas|imt|ffct)-[A-Za-z0-9_.-]{20,}",
    ),
    random("an Atlassian token", &["atatt3", "atctt3", "atbb"], r"AT(?:(?:ATT|CTT)3[A-Za-z0-9_=-]{60,}|BB[A-Za-z0-9]{32})"),
    shape("a package index token", &["pypi-", "npm_"], r"(?:pypi-[A-Za-z0-9_-]{50,}|npm_[A-Za-z0-9]{36}(?-u:\b))"),
    random("a package index token", &["rubygems_", "akcp", "cmvmdgtu"], r"(?:rubygems_[a-f0-9]{48}|AKCp[A-Za-z0-9]{60,}|cmVmdGtu[A-Za-z0-9]{56})"),
    random("a Docker token", &["dckr_pat_", "dckr_oat_"], r"dckr_[po]at_[A-Za-z0-9_-]{27,}"),
    random("a Postman key", &["pmak-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    random("a Sentry token", &["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    // Data services
    random("a Databricks token", &["dapi"], r"dapi[a-f0-9]{32}(?:-\d)?(?-u:\b)"),
    random("a Hugging Face token", &["hf_", "api_org_"], r"(?:hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,})(?-u:\b)"),
    random("an Airtable token", &["pat"], r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    random("a database token", &["pscale_tkn_", "pscale_pw_", "astracs:", "sbp_", "sb_secret_"],
        r"(?:pscale_(?:tkn|pw)_[A-Za-z0-9_.=-]{32,}|AstraCS:[A-Za-z]{24}:[a-f0-9]{64}|sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{20,})"),
    random("a Grafana token", &["glsa_", "glc_eyj", "eyjrijoi"], r"(?:glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_eyJ[A-Za-z0-9+/=]{30,}|eyJrIjoi[A-Za-z0-9+/=]{60,})"),
    random("a Prefect key", &["pnu_", "pnb_"], r"pn[ub]_[A-Za-z0-9]{36}"),
    random("a Mapbox token", &["sk.eyj"], r"sk\.eyJ[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{20,}"),
    random("a Kaggle key", &["kgat_"], r"KGAT_[A-Za-z0-9]{30,}"),
    // Language models
    CredentialPattern { what: KEY, begins: &["sk-"], pattern: r"sk-[A-Za-z_-]{0,60}[0-9][A-Za-z0-9_-]*", least_bits: 0.0, start: PatternStart::Word },
    random(KEY, &["gsk_", "xai-", "r8_", "pplx-"], r"(?:gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9_-]{60,}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,})"),
    random(KEY, &["tvly-", "nvapi-", "pcsk_", "jina_", "lsv2_", "wandb_v1_", "fw_"],
        r"(?:tvly-[A-Za-z0-9_-]{24,}|nvapi-[A-Za-z0-9_-]{60,}|pcsk_[A-Za-z0-9_-]{40,}|jina_[A-Za-z0-9_-]{40,}|lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}|wandb_v1_[A-Za-z0-9_-]{40,}|fw_[A-Za-z0-9]{22,24}(?-u:\b))"),
    // Payment and messaging
    shape("a Stripe key", &["rk_live_", "sk_live_", "pk_live_", "rk_test_", "sk_test_", "pk_test_"], r"[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    random("a Stripe key", &["whsec_"], r"whsec_[A-Za-z0-9+/=]{24,}"),
    random("a Square token", &["sq0atp-", "sq0csp-", "sq0idp-"], r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}"),
    random("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    shape("a Slack token", &["xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xapp-"],
        r"(?:xox[abcdeoprs][-.][A-Za-z0-9.%-]{10,}|xapp-\d-[A-Za-z0-9-]{20,})"),
    shape("a Slack webhook", &["https://hooks.slack.com/"], r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/+_-]{20,}"),
    CredentialPattern {
        what: WEBHOOK, begins: &["/api/webhooks/", "/webhookb2/"], least_bits: 2.0, start: PatternStart::Anywhere,
        pattern: r"/(?:api/webhooks/\d{10,}/[A-Za-z0-9_-]{40,}|webhookb2/[A-Za-z0-9@/-]{60,})",
    },
    behind("a Telegram token", &[":aa"], 8, r":AA[A-Za-z0-9_-]{32,35}(?-u:\b)"),
    shape("a SendGrid key", &["sg."], r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    behind("a Mailchimp key", &["-us1", "-us2", "-us3", "-us4", "-us5", "-us6", "-us7", "-us8", "-us9"], 32, r"-us\d{1,2}(?-u:\b)"),
    random("a Mailgun key", &["key-"], r"key-[a-f0-9]{32}(?-u:\b)"),
    random(KEY, &["nrak-", "lin_api_", "figd_", "ntn_", "secret_"],
        r"(?:NRAK-[A-Z0-9]{27}|lin_api_[A-Za-z0-9]{40}|figd_[A-Za-z0-9_-]{40}|ntn_[0-9]{11}[A-Za-z0-9]{35}|secret_[A-Za-z0-9]{43})(?-u:\b)"),
    random(TOKEN, &["dp.pt.", "dp.st.", "dp.ct.", "cfpat-", "sl.b", "sl.u."],
        r"(?:dp\.(?:pt|st|ct)\.[A-Za-z0-9_.-]{40,}|CFPAT-[A-Za-z0-9_-]{43}|sl\.[BbUu][A-Za-z0-9_.-]{100,})"),
    // Generic formats
    shape("a signed token", &["eyj"], r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,}"),
    random("an encrypted token", &["eyj"], r"eyJ[A-Za-z0-9_-]{16,2000}(?:\.[A-Za-z0-9_-]{0,2000}){3}\.[A-Za-z0-9_-]{16,}"),
    random(PRIVATE_KEY, &["age-secret-key-1"], r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    shape(PRIVATE_KEY, &["private-lines:"], r"(?s)Private-Lines:\s+\d+\s+[A-Za-z0-9+/=\s]{40,}"),
];

/// The shortest key of a service; without a digit near its beginning it is a word with dashes.
const SHORTEST_KEY: usize = 23;

impl CredentialPattern {
    /// Whether a match is a credential, and not a name with dashes or an example.
    pub fn is_one(&self, found: &str) -> bool {
        (self.begins[0] != "sk-" || found.len() >= SHORTEST_KEY)
            && !found.contains("EXAMPLE")
            && (self.least_bits == 0.0 || super::values::entropy(found) >= self.least_bits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{judged, mark, masked, redacted, shape_of};
    use super::*;

    const DIGITS: &str = "0123456789";
    const HEX: &str = "0123456789abcdef";
    const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const BASE_32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// Returns pseudorandom letters. Test credentials are only assembled here, so that scanners find none in this file.
    fn drawn(letters: &str, count: usize) -> String {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ count as u64;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(letters.as_bytes()[(state >> 33) as usize % letters.len()])
        };
        (0..count).map(|_| letter()).collect()
    }

    /// A shape: its kind, its beginnings as written, and the rest of the shortest match.
    type Row = (&'static str, &'static [&'static str], &'static [Part]);
    type Part = (&'static str, usize);
    /// A shape that begins before its mark.
    type Behind = (&'static str, Part, &'static str, Part);

    /// Parts are an alphabet and a count; a count of 0 stands for the text itself.
    #[rustfmt::skip]
    const MADE: &[Row] = &[
        ("an AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], &[(BASE_32, 16)]),
        ("an AWS access key", &["ABSK", "bedrock-api-key-"], &[(WORD, 60)]),
        ("a cloud access key", &["LTAI"], &[(WORD, 16)]),
        ("a cloud access key", &["AKID"], &[(WORD, 32)]),
        ("a Google API key", &["AIza"], &[(WORD, 35)]),
        ("a Google token", &["ya29."], &[(WORD, 20)]),
        ("a Google token", &["1//0"], &[(WORD, 40)]),
        ("a Google client secret", &["GOCSPX-"], &[(WORD, 24)]),
        ("a storage key", &["AccountKey=", "SharedAccessKey="], &[(WORD, 32)]),
        ("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], &[(HEX, 64)]),
        ("a Heroku key", &["HRKU-"], &[(WORD, 30)]),
        ("a Vault token", &["hvs.", "hvb.", "hvr."], &[(WORD, 20)]),
        ("a Pulumi token", &["pul-"], &[(HEX, 40)]),
        ("a Dynatrace token", &["dt0c01.", "dt0s01."], &[(CAPITAL, 24), (".", 0), (CAPITAL, 64)]),
        ("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], &[(WORD, 36)]),
        ("a GitHub token", &["github_pat_"], &[(WORD, 60)]),
        ("a GitLab token",
            &["glpat-", "glptt-", "glrt-", "glcbt-", "gldt-", "glft-", "glsoat-", "glagent-", "gloas-", "glimt-", "glffct-"], &[(WORD, 20)]),
        ("an Atlassian token", &["ATATT3", "ATCTT3"], &[(WORD, 60)]),
        ("an Atlassian token", &["ATBB"], &[(WORD, 32)]),
        ("a package index token", &["pypi-"], &[(WORD, 50)]),
        ("a package index token", &["npm_"], &[(WORD, 36)]),
        ("a package index token", &["rubygems_"], &[(HEX, 48)]),
        ("a package index token", &["AKCp"], &[(WORD, 60)]),
        ("a package index token", &["cmVmdGtu"], &[(WORD, 56)]),
        ("a Docker token", &["dckr_pat_", "dckr_oat_"], &[(WORD, 27)]),
        ("a Postman key", &["PMAK-"], &[(HEX, 24), ("-", 0), (HEX, 34)]),
        ("a Sentry token", &["sntrys_", "sntryu_"], &[(WORD, 40)]),
        ("a Databricks token", &["dapi"], &[(HEX, 32)]),
        ("a Hugging Face token", &["hf_", "api_org_"], &[(LETTERS, 30)]),
        ("an Airtable token", &["pat"], &[(WORD, 14), (".", 0), (HEX, 64)]),
        ("a database token", &["pscale_tkn_", "pscale_pw_"], &[(WORD, 32)]),
        ("a database token", &["AstraCS:"], &[(LETTERS, 24), (":", 0), (HEX, 64)]),
        ("a database token", &["sbp_"], &[(HEX, 40)]),
        ("a database token", &["sb_secret_"], &[(WORD, 20)]),
        ("a Grafana token", &["glsa_"], &[(WORD, 32), ("_", 0), (HEX, 8)]),
        ("a Grafana token", &["glc_eyJ"], &[(WORD, 30)]),
        ("a Grafana token", &["eyJrIjoi"], &[(WORD, 60)]),
        ("a Prefect key", &["pnu_", "pnb_"], &[(WORD, 36)]),
        ("a Mapbox token", &["sk.eyJ"], &[(WORD, 40), (".", 0), (WORD, 20)]),
        ("a Kaggle key", &["KGAT_"], &[(WORD, 30)]),
        (KEY, &["sk-"], &[(DIGITS, 1), (WORD, 19)]),
        (KEY, &["gsk_", "pplx-"], &[(WORD, 40)]),
        (KEY, &["xai-"], &[(WORD, 60)]),
        (KEY, &["r8_"], &[(WORD, 37)]),
        (KEY, &["tvly-"], &[(WORD, 24)]),
        (KEY, &["nvapi-"], &[(WORD, 60)]),
        (KEY, &["pcsk_", "jina_", "wandb_v1_"], &[(WORD, 40)]),
        (KEY, &["lsv2_"], &[("pt_", 0), (HEX, 32), ("_", 0), (HEX, 10)]),
        (KEY, &["fw_"], &[(WORD, 22)]),
        ("a Stripe key", &["rk_live_", "sk_live_", "pk_live_", "rk_test_", "sk_test_", "pk_test_"], &[(WORD, 16)]),
        ("a Stripe key", &["whsec_"], &[(WORD, 24)]),
        ("a Square token", &["sq0atp-", "sq0csp-", "sq0idp-"], &[(WORD, 22)]),
        ("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], &[(HEX, 32)]),
        ("a Slack token", &["xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxc-", "xoxd-"], &[(WORD, 10)]),
        ("a Slack token", &["xapp-"], &[("1-", 0), (WORD, 20)]),
        ("a Slack webhook", &["https://hooks.slack.com/"], &[("services/", 0), (WORD, 20)]),
        (WEBHOOK, &["/api/webhooks/"], &[(DIGITS, 10), ("/", 0), (WORD, 40)]),
        (WEBHOOK, &["/webhookb2/"], &[(WORD, 60)]),
        ("a SendGrid key", &["SG."], &[(WORD, 16), (".", 0), (WORD, 16)]),
        ("a Mailgun key", &["key-"], &[(HEX, 32)]),
        (KEY, &["NRAK-"], &[(CAPITAL, 27)]),
        (KEY, &["lin_api_", "figd_"], &[(WORD, 40)]),
        (KEY, &["ntn_"], &[(DIGITS, 11), (WORD, 35)]),
        (KEY, &["secret_"], &[(WORD, 43)]),
        (TOKEN, &["dp.pt.", "dp.st.", "dp.ct."], &[(WORD, 40)]),
        (TOKEN, &["CFPAT-"], &[(WORD, 43)]),
        (TOKEN, &["sl.B"], &[(WORD, 100)]),
        (TOKEN, &["sl.u."], &[(WORD, 99)]),
        ("a signed token", &["eyJ"], &[(WORD, 8), (".ey", 0), ("J", 0), (WORD, 8), (".", 0), (WORD, 8)]),
        ("an encrypted token", &["eyJ"], &[(WORD, 16), ("..", 0), (WORD, 8), (".", 0), (WORD, 8), (".", 0), (WORD, 16)]),
        (PRIVATE_KEY, &["AGE-SECRET-KEY-1"], &[(CAPITAL, 58)]),
        (PRIVATE_KEY, &["Private-Lines:"], &[(" 1\n", 0), (WORD, 40)]),
    ];

    /// Shapes that begin before their mark: what precedes it, the mark, and what follows.
    const BEHIND: &[Behind] = &[
        ("an Azure client secret", (WORD, 4), "Q~", (WORD, 31)),
        ("a Terraform token", (WORD, 14), ".atlasv1.", (WORD, 60)),
        ("a Telegram token", (DIGITS, 8), ":AA", (WORD, 32)),
        ("a Mailchimp key", (HEX, 32), "-us1", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us2", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us3", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us4", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us5", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us6", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us7", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us8", (DIGITS, 0)),
        ("a Mailchimp key", (HEX, 32), "-us9", (DIGITS, 1)),
    ];

    /// Returns kind, beginning, the shortest credential, and the same without a letter.
    fn made() -> Vec<(&'static str, &'static str, String, String)> {
        let part = |(letters, count): &Part| match count {
            0 => (*letters).to_owned(),
            count => drawn(letters, *count),
        };
        let rows = MADE.iter().flat_map(|(what, begins, parts)| {
            let end: String = parts.iter().map(part).collect();
            begins.iter().map(move |begin| {
                let one = format!("{begin}{end}");
                let short = one[..one.len() - 1].to_owned();
                (*what, *begin, one, short)
            })
        });
        let behind = BEHIND.iter().map(|(what, (letters, count), mark, (kind, more))| {
            let one = format!("{}{mark}{}", drawn(letters, *count), drawn(kind, *more));
            let short = one[1..].to_owned();
            (*what, *mark, one, short)
        });
        rows.chain(behind).collect()
    }

    #[test]
    fn p12_every_shape_is_found_in_a_value_a_source_and_an_output() {
        for (what, begin, one, short) in made() {
            assert_eq!(judged("x", &one), Some(what), "{begin} as a value");
            let settings = format!("REGION=eu\nSETTING={one}\nDEBUG=1\n");
            assert_eq!(shape_of(&settings), Some(what), "{begin} in a longer value");
            let quote = if one.contains('\n') { "\"\"\"" } else { "\"" };
            let source = |text: &str| format!("client = Client({quote}{text}{quote})\nrows = client.read()");
            let found = masked(&source(&one), &[]);
            assert_eq!(found.kept, source(&mark(what)), "{begin} in a source");
            assert_eq!(found.taken, [what], "{begin} in a source");
            let output = |text: &str| format!("connected with {text}, after 3 s\n");
            let shown = redacted(&output(&one), &[]);
            assert_eq!(shown, output(&mark(what)), "{begin} in an output");

            // It may still be a credential by its name, but not by its shape.
            for near in [short, format!("Q{begin}")] {
                assert_ne!(judged("x", &near), Some(what), "{near} as a value");
                for kept in [masked(&source(&near), &[]).kept, redacted(&output(&near), &[])] {
                    assert!(!kept.contains(&mark(what)), "{near}: {kept}");
                }
            }
        }
    }

    #[test]
    fn every_beginning_of_every_shape_is_tried() {
        let table = SHAPES
            .iter()
            .flat_map(|shape| shape.begins.iter().map(|begin| (shape.what, (*begin).to_owned())));
        let tried = made()
            .into_iter()
            .map(|(what, begin, ..)| (what, begin.to_ascii_lowercase()));
        assert_eq!(tried.collect::<BTreeSet<_>>(), table.collect::<BTreeSet<_>>());
    }

    #[test]
    fn what_begins_in_the_middle_of_a_word_is_no_credential() {
        for (what, begin, one, _) in made() {
            let mark = begin.to_ascii_lowercase();
            let mut rows = SHAPES
                .iter()
                .filter(|shape| shape.what == what && shape.begins.contains(&mark.as_str()));
            if rows.all(|shape| shape.start == PatternStart::Word)
                && begin.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            {
                assert_eq!(shape_of(&format!("in_{one}")), None, "{begin}");
            }
        }
    }
}
