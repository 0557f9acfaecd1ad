"""Credentials where people put them in notebooks: each is planted in a real kernel, and the bytes of its store are searched for it.

All are made up when the test runs. Beside each stands a marker that is to be found, so that what is not there was left out and not lost.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from harness import Kernel
from test_outputs_stored import everything_stored

from bench.credentials.generated import Made

#: Ways to put a password, `{}`, into a cell.
WRITTEN = {
    "name": "password = '{}'",
    "short name": "pw = '{}'",
    "numbered name": "DB_PASS2 = '{}'",
    "passcode": "passcode = '{}'",
    "camel case": "dbPassword = '{}'",
    "annotated": "db_pass: str = '{}'",
    "connection string": "dsn = 'host=db user=admin password={} dbname=prod'",
    "connection string of ODBC": "odbc = 'DRIVER=x;SERVER=db;UID=me;PWD={};Encrypt=yes'",
    "address": "address = 'postgresql://me:{}@db.example.org/prod'",
    "address of MongoDB": "mongo = 'mongodb+srv://me:{}@c0.mongodb.net/?retryWrites=true'",
    "environment": "import os; os.environ['DB_PASS2'] = '{}'",
    "environment, set if missing": "import os; os.environ.setdefault('SHOP_PASSWORD', '{}')",
    "environment by magic": "%env SHOP_PASS={}",
    "environment by magic, apart": "%env OTHER_PASS {}",
    "environment, copied": "import os; os.environ['COPIED_PASSWORD'] = '{}'; copied = dict(os.environ)",
    "shell": "!PGPASSWORD={} true psql -h db",
    "shell, captured": "rows = !PGPASSWORD={} true",
    "curl": "!true curl -u joe:{} https://example.org/x",
    "mysql": "!true mysql -uroot -p{} shop",
    "docker": "!true docker login -u joe -p {} registry",
    "cell of the shell": "%%bash\nexport DB_PASSWORD={}\ntrue",
    "program": "import subprocess; subprocess.run(['true', '-u', 'curl', '--password', '{}'])",
    "program by the system": "import os; os.system('PGPASSWORD={} true')",
    "pair": "class Web: pass\nsession = Web(); session.auth = ('joe', '{}')",
    "pair under a name": "auth = ('joe', '{}')",
    "unpacked": "user, password2 = 'joe', '{}'",
    "entry": "settings = {{'db': {{'user': 'me', 'password': '{}'}}}}",
    "attribute of a class": "class Config:\n    password = '{}'",
    "default": "def connect(password='{}'): return password",
    "constant of a function": "def dial():\n    return dict(host='db', password='{}')",
    "in a lambda": "open_it = lambda: dict(password='{}')",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass Login:\n    user: str\n    password: str\nlogin = Login('joe', password='{}')",
    "slots": "class Slim:\n    __slots__ = ('password',)\nslim = Slim(); slim.password = '{}'",
    "named tuple": "import collections\nPair = collections.namedtuple('Pair', 'user password')\npair = Pair('joe', password='{}')",
    "namespace": "import argparse; options = argparse.Namespace(db_pass='{}', host='db')",
    "settings parsed": "import configparser\nparser = configparser.ConfigParser()\nparser.read_string('[db]\\nuser=joe\\npassword={}\\n')",
    "text of settings": "ini = '[db]\\nuser = joe\\npassword = {}\\n'",
    "env file": "dotenv = 'DB_HOST=db\\nDB_PASS={}\\nDEBUG=1\\n'",
    "netrc": "netrc = 'machine example.org\\n  login joe\\n  password {}\\n'",
    "pgpass": "pgpass = 'db.example.org:5432:prod:joe:{}\\n'",
    "JSON": 'text = \'{{"user": "joe", "password": "{}"}}\'',
    "YAML": "yaml_text = 'db:\\n  user: joe\\n  password: {}\\n'",
    "pickle": "import pickle; blob = pickle.dumps({{'user': 'joe', 'password': '{}'}})",
    "comment": "counter = 1  # password: {}",
    "statement of SQL": "sql = \"CREATE USER joe WITH PASSWORD '{}'\"",
    "compared": "is_mine = 'x' == 'y' or input_password == '{}' if 'input_password' in globals() else None",
    "raised": "raise ValueError('no answer from postgresql://me:{}@db.example.org/prod')",
    "raised by name": "password3 = '{}'\nraise ValueError(f'refused: {{password3}}')",
    "shown": "print('password={}')",
    "shown as JSON": 'print(\'{{"password": "{}"}}\')',
    "shown by name": "password4 = '{}'\nprint('the word is', password4)",
    "in a path": "secret_word = pwd9 = '{}'\nopen(f'/tmp/none-{{pwd9}}', 'a').close()",
    "a part in another text": "password5 = '{}'\nline = 'joe/' + password5 + '@db'",
    "in a list beside its name": "password6 = '{}'\nlogin6 = ['joe', password6, 3]",
    "Base64 of a login": "import base64\npassword7 = '{}'\nheaders7 = {{'Authorization': 'Basic ' + base64.b64encode(('joe:' + password7).encode()).decode()}}",
}

#: The same for keys without a mark of their giver.
KEYS = {
    "API key": "api_key = '{}'",
    "key of a giver": "openai_key = '{}'",
    "key of SSH": "ssh_key = '{}'",
    "token": "jwt = '{}'",
    "secret of AWS": "client = dict(region='eu', aws_secret_access_key='{}')",
    "client secret": "app = dict(client_secret='{}')",
    "header": "headers = {{'Authorization': 'Bearer {}'}}",
    "header of its own": "own_headers = {{'X-Api-Key': '{}'}}",
    "bearer": "sent = 'Bearer {}'",
    "query": "url = 'https://example.org/x?access_token={}&page=2'",
    "signed address": "sas = 'https://a.blob.core.windows.net/x.csv?sv=2024&sig={}'",
    "shown address": "print('GET https://example.org/x?access_token={}&page=2')",
    "kubeconfig": "kube = 'users:\\n- name: me\\n  user:\\n    token: {}\\n'",
    "npmrc": "npmrc = '//registry.example.org/:_authToken={}\\n'",
    "AWS file": "aws = '[default]\\naws_secret_access_key = {}\\n'",
    "git": "!true git clone https://{}@github.com/me/repo.git",
    "cookie": "print('Set-Cookie: session={}; Path=/')",
    "module": "import types; service = types.SimpleNamespace(); service.api_key = '{}'",
}


#: Calls and look-ups that hand out credentials; `{}` gives one that stands nowhere.
GIVEN = {
    "key ring": "class keyring:\n    def get_password(*names): return made('{}')\nfound_1 = keyring.get_password('db', 'joe')",
    "environment": "import os; os.environ['JOE_PASSWD'] = made('{}'); found_2 = os.environ['JOE_PASSWD']",
    "environment, asked": "import os; os.environ['JOE_TOKEN'] = made('{}'); found_3 = os.getenv('JOE_TOKEN')",
    "user data": "class userdata:\n    def get(name): return made('{}')\nfound_4 = userdata.get('API_KEY')",
    "settings file": "def dotenv_values(): return {{'DB_PASSWORD': made('{}')}}\nvalues = dotenv_values(); found_5 = values['DB_PASSWORD']",
    "secrets of a service": "class client:\n    def get_secret_value(**names): return made('{}')\nfound_6 = client.get_secret_value(SecretId='x')",
}


def leaked(kernel: Kernel, ways: dict[str, str], made: Callable[[], str]) -> tuple[list[str], list[int]]:
    """Which of the ways left a credential in the store, and which markers are missing."""
    planted: dict[str, str] = {}
    for number, (way, cell) in enumerate(ways.items()):
        planted[way] = made()
        kernel.run(cell.format(planted[way]))
        kernel.run(f"marker_{number} = 'marker-{number}-' + 'found'")
    stored = everything_stored(kernel)
    found = [way for way, secret in planted.items() if forms(secret) & found_in(stored, secret)]
    return found, [number for number in range(len(ways)) if f"marker-{number}-found".encode() not in stored]


def forms(secret: str) -> set[bytes]:
    """A text as it is, and as a user and it are sent."""
    return {secret.encode(), base64.b64encode(f"joe:{secret}".encode())}


def found_in(stored: bytes, secret: str) -> set[bytes]:
    return {form for form in forms(secret) if form in stored}


def test_p12_a_password_is_found_wherever_a_cell_puts_it(kernel: Kernel) -> None:
    made = Made(25)
    assert leaked(kernel, WRITTEN, made.password) == ([], [])


def test_p12_a_weak_password_is_found_wherever_a_cell_puts_it(kernel: Kernel) -> None:
    made = Made(26)
    # What is no more than a word and a number is known again only as all of a text, not within another.
    parts = ("a part in another text", "in a path", "raised by name", "shown by name", "Base64 of a login")
    ways = {way: cell for way, cell in WRITTEN.items() if way not in parts}
    assert leaked(kernel, ways, lambda: made.weak() + made.of("0123456789", 4)) == ([], [])


def test_p12_a_key_is_found_wherever_a_cell_puts_it(kernel: Kernel) -> None:
    made = Made(27)
    assert leaked(kernel, KEYS, made.key) == ([], [])


def test_p12_what_hands_out_credentials_does_so_under_any_name(kernel: Kernel) -> None:
    kernel.run("def made(text): return bytes.fromhex(text).decode()").raised()
    for weak in (False, True):
        made = Made(28 + weak)
        planted = []
        for number, cell in enumerate(GIVEN.values()):
            planted.append(made.weak() + made.of("0123456789", 4) if weak else made.password())
            kernel.run(cell.format(planted[-1].encode().hex())).raised()
            name = f"found_{number + 1}"
            kernel.run(
                f"later_{number} = ['marker-{number}', {name}]; print({name}); other_{number} = 'marker-{number}'"
            ).raised()
        stored = everything_stored(kernel)
        for number, (way, secret) in enumerate(zip(GIVEN, planted, strict=True)):
            assert f"marker-{number}".encode() in stored
            assert secret.encode() not in stored, way


@pytest.mark.parametrize("word", ["correct horse", "kX9-plonk_33", "summer", "1234567"])
def test_p12_what_is_typed_into_a_hidden_field_is_kept_under_no_name(kernel: Kernel, word: str) -> None:
    kernel.run("import getpass").raised()
    kernel.run_typing("x = getpass.getpass()", word).raised()
    kernel.run("y = ['joe', x]; z = {'n': 3, 'q': x}; marker = 'marker-1'").raised()
    kernel.run("def f(a=x): return a").raised()
    kernel.run(f"print('it is {word}'); w = '{word}'[:]; marker = 'marker-2'").raised()
    kernel.run("del x, w; v = (y[1],)").raised()
    stored = everything_stored(kernel)
    assert b"marker-1" in stored and b"marker-2" in stored
    assert word.encode() not in stored
    excluded = json.loads(kernel.clew("status --json").raised().stdout)["excluded"]
    assert {one.split(" ")[0] for one in excluded} == {"y", "z", "f", "v"}


def test_p12_what_a_prompt_asks_for_as_a_credential_is_one(kernel: Kernel) -> None:
    kernel.run_typing(
        "a = input('API token: '); b = input('Your name: ')", "plonk-33-Zx", "Jane-marker"
    ).raised()
    kernel.run("c = [a]; d = [b]").raised()
    stored = everything_stored(kernel)
    assert b"Jane-marker" in stored and b"plonk-33-Zx" not in stored
