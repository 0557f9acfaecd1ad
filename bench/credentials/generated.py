"""Credentials in the formats of many services, in typical places. All of them are random and give no access to anything."""

from __future__ import annotations

import base64
import json
import pickle
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

HEX = "0123456789abcdef"
WORD = string.ascii_letters + string.digits
DASHED = WORD + "-_"
CAPITAL = string.ascii_uppercase + string.digits
OLD = string.ascii_uppercase + "234567"
ENCODED = WORD + "+/"


class Case(NamedTuple):
    """A text with a credential in it."""

    #: The names of the format and the place.
    shape: str
    place: str
    #: The kind of the text: a cell's source, an output, or the value of a variable.
    kind: str
    #: The name of the variable.
    name: str
    text: str
    #: The part of it that must not be stored.
    secret: str


class Made:
    """Generates random texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, letters: str, count: int) -> str:
        """Generates a random text."""
        return "".join(self.random.choices(letters, k=count))

    def given(self) -> dict[str, str]:
        """Generates a credential for each service."""
        of = self.of
        jwt = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": of(WORD, 12), "iat": 1700000000})
        )
        return {
            "aws": "AK" + "IA" + of(OLD, 16),
            "aws session": "AS" + "IA" + of(OLD, 16),
            "alibaba": "LT" + "AI" + of(WORD, 20),
            "google api": "AI" + "za" + of(DASHED, 35),
            "google access": "ya" + "29." + of(DASHED, 60),
            "google refresh": "1/" + "/0" + of(DASHED, 42),
            "google client": "GOC" + "SPX-" + of(DASHED, 28),
            "azure client": of(WORD, 3) + "8" + "Q~" + of(WORD, 34),
            "azure storage": "Account" + "Key=" + of(ENCODED, 86) + "==",
            "azure bus": "SharedAccess" + "Key=" + of(ENCODED, 43) + "=",
            "digitalocean": "dop" + "_v1_" + of(HEX, 64),
            "heroku": "HR" + "KU-" + of(DASHED, 36),
            "vault": "hv" + "s." + of(DASHED, 90),
            "vault batch": "hv" + "b." + of(DASHED, 100),
            "terraform": of(WORD, 14) + ".atlas" + "v1." + of(WORD, 64),
            "pulumi": "pu" + "l-" + of(HEX, 40),
            "dynatrace": "dt0" + "c01." + of(CAPITAL, 24) + "." + of(CAPITAL, 64),
            "github": "gh" + "p_" + of(WORD, 36),
            "github app": "gh" + "s_" + of(WORD, 36),
            "github fine": "github" + "_pat_" + of(WORD, 22) + "_" + of(WORD, 59),
            "gitlab": "gl" + "pat-" + of(DASHED, 20),
            "gitlab deploy": "gl" + "dt-" + of(DASHED, 20),
            "atlassian": "ATA" + "TT3xFfGF0" + of(DASHED, 180),
            "bitbucket": "AT" + "BB" + of(WORD, 32),
            "pypi": "py" + "pi-AgEIcHlwaS5vcmc" + of(DASHED, 90),
            "npm": "np" + "m_" + of(WORD, 36),
            "rubygems": "ruby" + "gems_" + of(HEX, 48),
            "artifactory": "AK" + "Cp" + of(WORD, 69),
            "docker": "dckr" + "_pat_" + of(DASHED, 27),
            "postman": "PM" + "AK-" + of(HEX, 24) + "-" + of(HEX, 34),
            "sentry": "sn" + "tryu_" + of(HEX, 64),
            "databricks": "da" + "pi" + of(HEX, 32),
            "hugging face": "h" + "f_" + of(string.ascii_letters, 34),
            "airtable": "pa" + "t" + of(WORD, 14) + "." + of(HEX, 64),
            "planetscale": "pscale" + "_tkn_" + of(DASHED, 43),
            "astra": "Astra" + "CS:" + of(string.ascii_letters, 24) + ":" + of(HEX, 64),
            "supabase": "sb" + "p_" + of(HEX, 40),
            "grafana": "gl" + "sa_" + of(WORD, 32) + "_" + of(HEX, 8),
            "prefect": "pn" + "u_" + of(WORD, 36),
            "mapbox": "s" + "k.ey" + "J" + of(WORD, 80) + "." + of(WORD, 22),
            "openai": "s" + "k-" + of(WORD, 20) + "T3" + of(WORD, 26),
            "openai project": "s" + "k-proj-" + of(DASHED, 20) + "4" + of(DASHED, 100),
            "anthropic": "s" + "k-ant-api03-" + of(DASHED, 90),
            "groq": "gs" + "k_" + of(WORD, 52),
            "xai": "xa" + "i-" + of(WORD, 80),
            "replicate": "r" + "8_" + of(WORD, 37),
            "perplexity": "pp" + "lx-" + of(WORD, 48),
            "tavily": "tv" + "ly-" + of(WORD, 32),
            "nvidia": "nv" + "api-" + of(DASHED, 64),
            "langsmith": "ls" + "v2_pt_" + of(HEX, 32) + "_" + of(HEX, 10),
            "stripe": "s" + "k_live_" + of(WORD, 24),
            "stripe hook": "wh" + "sec_" + of(WORD, 32),
            "square": "sq" + "0atp-" + of(DASHED, 22),
            "shopify": "sh" + "pat_" + of(HEX, 32),
            "slack": "xo" + "xb-" + of(string.digits, 12) + "-" + of(WORD, 24),
            "slack hook": "https://hooks.slack"
            + f".com/services/T{of(CAPITAL, 8)}/B{of(CAPITAL, 8)}/{of(WORD, 24)}",
            "discord hook": "https://discord"
            + f".com/api/web{'hooks'}/{of(string.digits, 18)}/{of(DASHED, 68)}",
            "telegram": of("123456789", 10) + ":A" + "A" + of(DASHED, 33),
            "sendgrid": "S" + "G." + of(DASHED, 22) + "." + of(DASHED, 43),
            "mailchimp": of(HEX, 32) + "-u" + "s14",
            "mailgun": "ke" + "y-" + of(HEX, 32),
            "new relic": "NR" + "AK-" + of(CAPITAL, 27),
            "linear": "lin" + "_api_" + of(WORD, 40),
            "figma": "fi" + "gd_" + of(DASHED, 40),
            "notion": "nt" + "n_" + of(string.digits, 11) + of(WORD, 35),
            "doppler": "dp" + ".pt." + of(WORD, 43),
            "jwt": jwt + "." + of(DASHED, 43),
            "age": "AGE-SECRET" + "-KEY-1" + of(CAPITAL, 58),
            "pem": self.pem("PRIVATE KEY"),
            "ssh": self.pem("OPENSSH PRIVATE KEY"),
        }

    def pem(self, kind: str) -> str:
        """Generates a private key in several lines."""
        lines = "\n".join(self.of(ENCODED, 64) for _ in range(6))
        return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----"

    def password(self) -> str:
        """Generates a password like those of people and password managers: upper and lower case letters, digits and sometimes a special
        character."""
        middle = self.of(WORD, self.random.randrange(6, 12))
        return "k" + middle + self.of(string.digits, 2) + self.random.choice(["!", "#x", "", "_9", "$q"])

    def weak(self) -> str:
        """Generates a password of a word and a number."""
        return self.random.choice(["dragon", "monkey", "summer", "hunter", "falcon"]) + self.of(
            string.digits, 3
        )

    def key(self) -> str:
        """Generates a key without a service-specific format."""
        return self.random.choice([self.of(HEX, 32), self.of(WORD, 40), self.of(HEX, 40)]) + "7a"


#: Places for credentials with a service-specific format. `{}` is replaced by the credential.
EVERYWHERE = {
    "argument": ("source", 'client = Client("{}")\nrows = client.read("table")'),
    "comment": ("source", "x = 1  # {}\n"),
    "magic": ("source", "%env SERVICE={}\n"),
    "shell": ("source", '!tool --with "{}" --fast'),
    "printed": ("output", "connected with {} after 3 s\n"),
    "repr": ("output", "Client(region='eu', login='{}')"),
    "json": ("output", '{{"region": "eu", "login": "{}"}}'),
    "traceback": ("output", "      3 client = Client()\nServiceError: refused for {} at line 3"),
    "value": ("value", "{}"),
    "settings": ("value", "REGION=eu\nLOGIN={}\nDEBUG=1\n"),
}

#: Places for passwords, which are only recognizable by the surrounding text. `{}` is replaced by the password.
PASSWORDS: dict[str, tuple[str, str]] = {
    "variable": ("source", 'password = "{}"'),
    "annotated": ("source", 'db_pass: str = "{}"'),
    "argument": ("source", 'conn = connect(host="db", user="me", password="{}")'),
    "pw": ("source", "pw = '{}'"),
    "passcode": ("source", "passcode = '{}'"),
    "numbered": ("source", 'DB_PASS2 = "{}"'),
    "camel": ("source", 'dbPassword = "{}"'),
    "joined": ("source", 'dbpass = "{}"'),
    "attribute": ("source", 'settings.password = "{}"'),
    "key": ("source", 'config["db"]["password"] = "{}"'),
    "entry": ("source", 'login = {{"user": "me", "password": "{}"}}'),
    "pair": ("source", 'session.auth = ("joe", "{}")'),
    "basic auth": ("source", 'r = requests.get(url, auth=HTTPBasicAuth("joe", "{}"))'),
    "auth argument": ("source", 'r = httpx.get(url, auth=("joe", "{}"))'),
    "login call": ("source", 'server.login("me@example.org", "{}")'),
    "unpacked": ("source", 'user, password = "joe", "{}"'),
    "environment": ("source", 'os.environ["DB_PASS2"] = "{}"'),
    "setdefault": ("source", 'os.environ.setdefault("DB_PASSWORD", "{}")'),
    "default": ("source", 'pw = os.getenv("DB_PASSWORD", "{}")'),
    "secret text": ("source", 'password = SecretStr("{}")'),
    "setattr": ("source", 'setattr(settings, "password", "{}")'),
    "compared": ("source", 'if password == "{}":\n    go()'),
    "dsn": ("source", 'c = psycopg2.connect("host=db user=admin password={} dbname=prod")'),
    "odbc": ("source", 'c = pyodbc.connect("DRIVER=x;SERVER=db;UID=me;PWD={};Encrypt=yes")'),
    "url": ("source", 'engine = create_engine("postgresql://me:{}@db.example.org/prod")'),
    "mongo": ("source", 'MongoClient("mongodb+srv://me:{}@cluster0.mongodb.net/?retryWrites=true")'),
    "sql magic": ("source", "%sql postgresql://me:{}@db/prod"),
    "psql": ("source", "!PGPASSWORD={} psql -h db -U me"),
    "captured": ("source", "rows = !PGPASSWORD={} psql -h db -U me"),
    "curl": ("source", "!curl -u joe:{} https://api.example.org/x"),
    "curl long": ("source", "!curl --user 'joe:{}' https://api.example.org/x"),
    "mysql": ("source", "!mysql -uroot -p{} shop"),
    "docker": ("source", "!docker login -u joe -p {} registry.example.org"),
    "sshpass": ("source", "!sshpass -p {} ssh joe@host"),
    "export": ("source", "%%bash\nexport DB_PASSWORD={}\npsql"),
    "env magic": ("source", "%env DB_PASSWORD={}"),
    "env magic, apart": ("source", "%env DB_PASSWORD {}"),
    "option": ("source", "!tool --password {} --fast"),
    "option, joined": ("source", "!tool --password={} --fast"),
    "list of words": ("source", 'subprocess.run(["curl", "-u", "joe:{}", url])'),
    "options in a list": ("source", 'subprocess.run(["tool", "--password", "{}"])'),
    "system": ("source", "os.system(\"PGPASSWORD='{}' psql -h db\")"),
    "sql": ("source", "cur.execute(\"CREATE USER joe WITH PASSWORD '{}'\")"),
    "sql identified": ("source", "cur.execute(\"CREATE USER joe IDENTIFIED BY '{}'\")"),
    "stdin": ("source", "!echo {} | docker login -u joe --password-stdin"),
    "wget": ("source", "!wget --user=joe --password={} https://example.org/x"),
    "comment": ("source", "# password: {}\nconnect()"),
    "printed": ("output", "password: {}\n"),
    "printed, equal": ("output", "connecting user=joe password={} host=db\n"),
    "repr": ("output", "Settings(user='joe', password='{}')"),
    "dict": ("output", "{{'user': 'joe', 'password': '{}'}}"),
    "json": ("output", '{{"user": "joe", "password": "{}"}}'),
    "json in json": ("output", '{{"body": "{{\\"user\\": \\"joe\\", \\"password\\": \\"{}\\"}}"}}'),
    "traceback": ("output", "OperationalError: could not connect to postgresql://me:{}@db.example.org/prod"),
    "namespace": ("output", "Namespace(db_pass='{}', host='db')"),
    "xml": ("output", "<user>joe</user><password>{}</password>"),
    "env file": ("value", "DB_HOST=db\nDB_PASS={}\nDEBUG=1\n"),
    "env file, quoted": ("value", 'DB_HOST="db"\nexport DB_PASS="{}"\n'),
    "netrc": ("value", "machine api.example.org\n  login joe\n  password {}\n"),
    "netrc in a line": ("value", "machine api.example.org login joe password {}\n"),
    "pgpass": ("value", "db.example.org:5432:prod:joe:{}\n"),
    "pgpass, any": ("value", "*:*:*:joe:{}\n"),
    "json text": ("value", '{{"user": "joe", "password": "{}"}}'),
    "yaml text": ("value", "db:\n  user: joe\n  password: {}\n"),
    "ini text": ("value", "[db]\nuser = joe\npassword = {}\n"),
    "toml text": ("value", '[db]\nuser = "joe"\npassword = "{}"\n'),
    "git": ("value", "https://joe:{}@github.com\n"),
    "dsn text": ("value", "host=db user=admin password={} dbname=prod"),
    "pickled": ("value", ""),
    "basic": ("output", ""),
    "npmrc": ("value", ""),
    "docker settings": ("value", ""),
}

#: Places for keys without a service-specific format.
KEYS: dict[str, tuple[str, str]] = {
    "variable": ("source", 'api_key = "{}"'),
    "openai_key": ("source", 'openai_key = "{}"'),
    "ssh_key": ("source", 'ssh_key = "{}"'),
    "jwt": ("source", 'jwt = "{}"'),
    "module": ("source", 'openai.api_key = "{}"'),
    "token": ("source", 'login(token="{}")'),
    "aws": ("source", 'boto3.client("s3", aws_secret_access_key="{}")'),
    "client secret": ("source", 'app = App(client_secret="{}")'),
    "header": ("source", 'headers = {{"X-Api-Key": "{}"}}'),
    "bearer": ("source", 'headers = {{"Authorization": "Bearer {}"}}'),
    "f-string": ("source", 'headers = {{"Authorization": f"Bearer {}"}}'),
    "query": ("source", 'requests.get("https://example.org/x?access_token={}&page=2")'),
    "query key": ("source", 'pd.read_json("https://example.org/x?format=json&key={}")'),
    "sas": ("source", 'pd.read_csv("https://a.blob.core.windows.net/x.csv?sv=2024&sig={}%3D")'),
    "curl header": ("source", "!curl -H 'Authorization: Bearer {}' https://example.org"),
    "curl key": ("source", "!curl -H 'X-Api-Key: {}' https://example.org"),
    "wandb": ("source", "!wandb login {}"),
    "option": ("source", "!huggingface-cli login --token {}"),
    "environment": ("source", 'os.environ["WANDB_API_KEY"] = "{}"'),
    "git": ("source", "!git clone https://{}@github.com/me/repo.git"),
    "duckdb": ("source", "con.sql(\"CREATE SECRET (TYPE S3, KEY_ID 'me', SECRET '{}')\")"),
    "sent": ("output", "{{'User-Agent': 'x', 'Authorization': 'Bearer {}'}}"),
    "bearer alone": ("output", "sending Bearer {}\n"),
    "address": ("output", "GET https://example.org/x?access_token={}&page=2 200\n"),
    "signed address": ("output", "https://b.s3.amazonaws.com/x?X-Amz-Signature={}&X-Amz-Expires=60\n"),
    "cookie": ("output", "Set-Cookie: session={}; Path=/\n"),
    "json": ("output", '{{"access_token": "{}", "expires_in": 3600}}'),
    "aws file": ("value", "[default]\naws_access_key_id = x\naws_secret_access_key = {}\n"),
    "kubeconfig": ("value", "users:\n- name: me\n  user:\n    token: {}\n"),
    "kaggle": ("value", '{{"username": "joe", "key": "{}"}}'),
    "npmrc token": ("value", "//registry.example.org/:_authToken={}\n"),
}


def cases(seed: int = 0, rounds: int = 3) -> Iterator[Case]:
    """Yields all combinations of formats and places, with `rounds` new credentials for each."""
    made = Made(seed)
    for _ in range(rounds):
        for shape, secret in made.given().items():
            for place, (kind, text) in EVERYWHERE.items():
                if "\n" in secret and place in (
                    "argument",
                    "comment",
                    "magic",
                    "shell",
                    "repr",
                    "json",
                    "settings",
                ):
                    continue
                yield Case(shape, place, kind, "x", text.format(secret), _core(secret))
        for shape, one, places in (
            ("password", made.password, PASSWORDS),
            ("weak password", made.weak, PASSWORDS),
            ("key", made.key, KEYS),
        ):
            for place, (kind, text) in places.items():
                secret = one()
                special = SPECIAL.get(place)
                written = special(secret) if special is not None else (text.format(secret), secret)
                yield Case(shape, place, kind, "x", *written)
        for name in ("password", "db_pass", "pw", "passcode", "DB_PASS2"):
            yield Case("password", "named", "value", name, secret := made.password(), secret)
            yield Case("weak password", "named", "value", name, secret := made.weak(), secret)
        for name in ("jwt", "ssh_key", "openai_key", "api_key", "token", "client_secret", "githubToken"):
            yield Case("key", "named", "value", name, secret := made.key(), secret)


def _core(secret: str) -> str:
    """Returns the part of a credential that must not be stored. For a long one this is the middle, because the beginning shows only the
    service."""
    return secret.splitlines()[2] if "\n" in secret else secret[-16:-4]


def _encoded(secret: str) -> str:
    return base64.b64encode(f"joe:{secret}".encode()).decode()


SPECIAL: dict[str, Callable[[str], tuple[str, str]]] = {
    "pickled": lambda secret: (pickle.dumps({"user": "joe", "password": secret}).decode("latin-1"), secret),
    "basic": lambda secret: (f"sent Authorization: Basic {(code := _encoded(secret))}\n", code),
    "npmrc": lambda secret: (f"//registry.example.org/:_auth={(code := _encoded(secret))}\n", code),
    "docker settings": lambda secret: (
        json.dumps({"auths": {"registry.example.org": {"auth": (code := _encoded(secret))}}}),
        code,
    ),
}
