"""Credentials are told from data."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pandas as pd
import pytest

from clew.secrets import LONGEST, is_secret, masked, redacted, texts_of

#: So many times the work that prose of the same length makes. Credentials everywhere make up to fifty; looking at each
#: letter again for each letter makes ten thousand.
BOUND = 500


def beside_prose(look: Callable[[str], object], unit: str, length: int) -> float:
    """How much more work the same unit again and again makes than prose does."""

    def work(text: str) -> float:
        return min(worked(text) for _ in range(3))

    def worked(text: str) -> float:
        started = time.process_time()
        look((text * length)[:length])
        return time.process_time() - started

    return work(unit) / work("The rows of a table are read one by one, and what they hold is summed.\n")


SECRETS = {
    "aws": ("x", "AKIAIOSFODNN7ABCDEFG"),
    "github": ("x", "ghp_" + "a1B2" * 9),
    "jwt": ("x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmN"),
    "pem": ("x", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
    "long pem": ("x", "-----BEGIN PRIVATE KEY-----\n" + "a" * 100_000),
    "slack": ("x", "xoxb-1234567890-abcdefghij"),
    "model": ("x", ("sk-" + "a1B2" * 10).encode()),
    "url": ("x", "postgresql://me:hunter22@db.example.org/x"),
    "header": ("x", {"Authorization": "Bearer abcdefgh12345678"}),
    "list": ("x", ["a", "ghp_" + "a1B2" * 9]),
    "tuple in a list": ("x", [1, ("user", "ghp_" + "a1B2" * 9)]),
    "nested": ("config", {"db": {"user": "me", "password": "hunter2!Xy"}}),
    "list in a dict": ("config", {"keys": ["sk-" + "a1B2" * 10]}),
    "password": ("password", "hunter2!Xy"),
    "token": ("API_TOKEN", "a8f5f167f44f4964e6c998dee827110c"),
    "dsn": ("x", "host=db;user=me;password=s3cr3t99;"),
    "storage": ("x", "AccountKey=" + "aB3/" * 20 + "=="),
}


@pytest.mark.parametrize("case", SECRETS)
def test_secret_is_found(case):
    assert is_secret(*SECRETS[case])


HARMLESS = [
    ("key", "a"),
    ("columns", {"token_count": "tokens_2024Q1"}),
    ("config", {"token_path": "Tokens_2024.txt"}),
    ("entry", {"Key": "data/2024/File_01.parquet"}),
    ("stamp", {"key": "2024-01-02T03:04:05Z"}),
    ("password_hash", "5f4dcc3b5aa765d61d8327deb882cf99"),
    ("token_id", "0xAbC123def4567890"),
    ("connection_string", "sqlite:///my_Data1.db"),
    ("key", "customer_id"),
    ("keys", ["a", "b"]),
    ("tokens", ["Hello-World1", "the", "hunter2!Xy"]),
    ("rows", [["a", "customer_id"], {"key": "departure_delay_2020"}]),
    ("tokens", pd.DataFrame({"token": ["a"]})),
    ("token", "the quick brown fox"),
    ("password", "<your password>"),
    ("text", "https://example.org:8080/path?x=1"),
    ("text", "my password is bad"),
    ("monkey", "Abcdefgh12345"),
    ("keyboard", "Abcdefgh12345!"),
    ("sha", "a8f5f167f44f4964e6c998dee827110c"),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
    ("path", "/home/me/data/file_2020.csv"),
    ("sort_key", "departure"),
    ("row", {"key": "a", "value": 3}),
    ("n_tokens", 5),
    ("key", "departure_delay_2020"),
    ("package", "sk-learn-estimators-and-pipelines"),
    ("author", "Jane_Doe-1999"),
    ("code", "def f(token=None): return token"),
    ("risk", "risk-adjusted-return-on-capital-2020"),
]


@pytest.mark.parametrize("name, value", HARMLESS, ids=lambda part: str(part)[:20])
def test_data_is_no_secret(name, value):
    assert is_secret(name, value) is None


def test_value_of_a_secret_variable_is_one_under_any_name(monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "q8Wz7-plonk-33")
    assert is_secret("x", "q8Wz7-plonk-33")


@pytest.mark.parametrize(
    "unit", ["a", "a1", "a_", "://", "a:b@", "eyJ", "sk-", "BEGIN A ", "password=", "0aA."]
)
def test_the_longest_texts_cost_little(unit):
    assert beside_prose(partial(is_secret, "session_key"), unit, LONGEST) < BOUND


SHOWN = {
    name: value
    for name, (_, value) in SECRETS.items()
    if type(value) is str and name not in ("password", "token", "pem", "long pem")
} | {
    "a whole key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEsecretline\n-----END RSA PRIVATE KEY-----",
    "the end of a key": "MIIEsecretline\nsecondline==\n-----END PRIVATE KEY-----",
    "an assignment": "password = 'hunter2!Xy'",
    "an entry": "{'n': 3, 'api_key': 'a8f5f167f44f4964e6c998dee827110c'}",
    "a line": "token: q8Wz7-plonk-33",
}


@pytest.mark.parametrize("case", SHOWN)
def test_secret_is_taken_out_of_a_text_that_was_shown(case):
    lines = "loading\n" * 20_000 if case != "the end of a key" else ""
    kept = redacted(f"{lines}{SHOWN[case]}\nthe end")
    assert "[not kept: " in kept and kept.startswith(lines) and kept.endswith("\nthe end")
    telling = ("hunter2", "secretline", "a8f5", "q8Wz7", "s3cr3t", "IOSFODNN", "a1B2a1B2", "dozjgNryP4")
    assert not any(part in kept for part in telling)


@pytest.mark.parametrize(
    "text",
    [value for _, value in HARMLESS if type(value) is str]
    + [
        "epoch 1 loss=0.123 key=value",
        "tokens: 12345678",
        "password: ********",
        "primary key: customer_id",
        "https://example.org:8080/path?session_id=20201010",
        "author: Jane_Doe-1999 (authorised)",
    ],
)
def test_data_that_was_shown_stays(text):
    assert redacted(text) == text


def test_known_texts_are_taken_out_however_they_are_written():
    known = texts_of(["hunter2\n'!Xy", {"api_key": "a8f5f167f44f4964e6c998dee827110c", "n": 3}])
    shown = "it is hunter2\n'!Xy or \"hunter2\\n'!Xy\" or a8f5f167f44f4964e6c998dee827110c"
    assert (
        redacted(shown, known)
        == 'it is [not kept: a secret] or "[not kept: a secret]" or [not kept: a secret]'
    )


@pytest.mark.parametrize(
    "unit", ["a", "://", "sk-", "password=", "key='", "token ", "-----BEGIN PRIVATE KEY-----"]
)
def test_the_longest_outputs_cost_little(unit):
    assert beside_prose(redacted, unit, 256_000) < BOUND


KEY = "sk-" + "a1B2" * 10
WRITTEN = {
    f'client = Client("{KEY}")': ('client = Client("[not kept: an API key]")', "an API key"),
    "password = 'hunter2!Xy'": ("password = '[not kept: a credential]'", "a credential"),
    "token: str = 'hunter2!Xy7'": ("token: str = '[not kept: a credential]'", "a credential"),
    'headers["X-Api-Key"] = "hunter2!Xy7"': (
        'headers["X-Api-Key"] = "[not kept: a credential]"',
        "a credential",
    ),
    "login(user, password='hunter2!Xy')": (
        "login(user, password='[not kept: a credential]')",
        "a credential",
    ),
    "db = connect('host=db;password=s3cr3t99')": (
        "db = connect('host=db;[not kept: a password in a text]')",
        "a password in a text",
    ),
    f"# {KEY}\nx = 1": ("# [not kept: an API key]\nx = 1", "an API key"),
    f"API_KEY = {KEY}": ("API_KEY = [not kept: an API key]", "an API key"),
    "%env API_TOKEN=hunter2!Xy7": ("%env API_TOKEN=[not kept: a credential]", "a credential"),
    "!curl -H 'Authorization: Bearer abcdefgh12345678' x": (
        "!curl -H '[not kept: an authorization header]' x",
        "an authorization header",
    ),
    "%%bash\nexport TOKEN=hunter2!Xy7": (
        "%%bash\nexport [not kept: a password in a text]",
        "a password in a text",
    ),
    'k = """\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"""': (
        'k = """\n[not kept: a private key]\n"""',
        "a private key",
    ),
}


@pytest.mark.parametrize("source", WRITTEN)
def test_p12_secret_is_taken_out_of_a_source(source):
    kept, what = WRITTEN[source]
    assert masked(source) == (kept, [what])


@pytest.mark.parametrize(
    "source",
    [
        "token = tokenizer.Encode1(text)",
        "password = getpass.getpass()",
        "api_key = os.environ['API_KEY_2020']; secret = vault.read_1()",
        "for key, value in sorted(tokens.items()):\n    print(f'{key}: {value}')",
        "def login(password=None, token=DEFAULT_TOKEN_1): ...",
        "x = '[not kept: an API key]'",
        "df = df.rename(columns={'key': 'customer_id'})",
        "sort_key = 'departure_delay_2020'",
        "'''a text\nabout tokens'''",
        "x = 'open",
    ],
)
def test_code_stays_as_it_is(source):
    assert masked(source) == (source, [])


def test_a_short_word_that_is_kept_out_leaves_longer_words_alone():
    source = "sql = 'select * from products'; mode = 'prod'"
    assert masked(source, {"prod"})[0] == "sql = 'select * from products'; mode = '[not kept: a secret]'"
    assert redacted("products in prod", {"prod"}) == "products in [not kept: a secret]"


def test_what_a_kept_out_name_holds_is_taken_out_of_sources_too():
    assert masked("x = 'hunter2 is it'", {"hunter2"}) == ("x = '[not kept: a secret] is it'", ["a secret"])


@pytest.mark.parametrize(
    "unit", ["a", "'", '"""', "sk-", "password='", "key = '", "token: a = ", "#", "%env token=a\n"]
)
def test_the_longest_sources_cost_little(unit):
    assert beside_prose(masked, unit, 256_000) < BOUND
