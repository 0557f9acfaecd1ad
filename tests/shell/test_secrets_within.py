"""Credentials in every place where a value can hold one: what is not searched, the store would have."""

from __future__ import annotations

import json
from collections.abc import Callable

from harness import Kernel
from hiding_places import KINDS, PLACES
from test_outputs_stored import everything_stored

KEYS = """
made = lambda head, body: ''.join([head, body])
aws = made('AK', 'IAIOSFODNN7ABCDEFG')
hub = made('gh', 'p_' + 'a1B2' * 9)
pem = made('-----BEGIN RSA PRI', 'VATE KEY-----\\nMIIEsecretlinesecretline')
jwt = made('ey', 'JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmN')
"""
"""Put together when they run: no source holds them, and no constant."""

TELLING = (b"IAIOSFODNN7ABCD", b"a1B2a1B2a1B2", b"secretlinesecretline", b"dozjgNryP4J3jVmN")


def test_p12_a_secret_is_found_wherever_a_value_holds_it(kernel: Kernel) -> None:
    kernel.run(KEYS, silent=True).raised()
    kernel.run(KINDS).raised()
    kinds = ("aws", "hub", "pem", "jwt")
    for number, (name, value) in enumerate(PLACES.items()):
        kernel.run(f"{name} = {value.replace('KEY', kinds[number % 4])}").raised()
    kernel.run("plain = Thing([Thing('marker-1')]); closed = closing('marker-2')").raised()
    stored = everything_stored(kernel)
    assert b"marker-1" in stored and b"marker-2" in stored
    kept_out = json.loads(kernel.clew("status --json").raised().stdout)["excluded"]
    named = {one.split(" ")[0] for one in kept_out}
    assert sorted(PLACES.keys() - named) == []
    assert sorted(named - PLACES.keys()) == ["aws", "hub", "jwt", "pem"]
    for telling in TELLING:
        assert telling not in stored, telling


def test_p12_an_output_that_holds_a_secret_is_kept_out_like_a_name(kernel: Kernel) -> None:
    kernel.run(KEYS, silent=True).raised()
    kernel.run(KINDS).raised()
    for value in ("Thing(KEY)", "{KEY}", "closing(KEY)", "[Thing(KEY)]"):
        kernel.run(value.replace("KEY", "hub")).raised()
    kernel.run("Thing('marker-1')").raised()
    stored = everything_stored(kernel)
    assert b"marker-1" in stored and b"a1B2a1B2a1B2" not in stored


HOSTILE = """
asked = []
class Loud:
    def __init__(self, word): self.word = word
    def __getattr__(self, name): asked.append(('getattr', name)); raise AttributeError(name)
    def __repr__(self): asked.append('repr'); return 'loud'
    def __eq__(self, other): asked.append('eq'); return self is other
    def __hash__(self): asked.append('hash'); return 7
    def __len__(self): asked.append('len'); return 1
    def __iter__(self): asked.append('iter'); return iter([self.word])
    def __bool__(self): asked.append('bool'); return True
    @property
    def login(self): asked.append('property'); return self.word
class LoudText(str):
    def __len__(self): asked.append('text len'); return 1
    def __str__(self): asked.append('text str'); return 'x'
    def encode(self, *_): asked.append('text encode'); return b'x'
class LoudDict(dict):
    def items(self): asked.append('items'); return []
    def __iter__(self): asked.append('dict iter'); return iter(())
    def __len__(self): asked.append('dict len'); return 0
"""


def test_p12_looking_for_secrets_runs_no_code_of_the_users(kernels: Callable[..., Kernel]) -> None:
    kernel = kernels()
    kernel.run(KEYS, silent=True).raised()
    kernel.run(HOSTILE).raised()
    within = "__import__('clew').secrets.is_secret"
    kernel.run("import clew.secrets", silent=True).raised()
    values = {
        "Loud(hub)": ".word",
        "[Loud(LoudText(hub))]": "[0].word",
        "LoudDict(login=hub)": "['login']",
        "{Loud(1): hub}": "[…]",
        "{Loud(hub)}": "[…].word",
    }
    for value, at in values.items():
        found = kernel.value(f"(value := {value}, asked.clear(), {within}('x', value), list(asked))[2:]")
        assert found == (f"a GitHub token (at {at})", []), (value, found)


def test_p12_a_telling_name_counts_near_and_a_shape_everywhere(kernel: Kernel) -> None:
    kernel.run("import clew.secrets\nclass Thing: pass").raised()
    kernel.run("near, far = Thing(), Thing()", silent=True)
    kernel.run("near.part = Thing(); near.part.password = 'hunter2!Xy'", silent=True)
    kernel.run(
        "far.part = Thing(); far.part.part = Thing(); far.part.part.password = 'falcon7!Qz'", silent=True
    )
    why = "its name suggests a credential (at .part.password)"
    assert kernel.value("clew.secrets.is_secret('x', near), clew.secrets.is_secret('x', far)") == (why, None)


def test_data_in_many_places_is_no_secret(kernel: Kernel) -> None:
    """What is searched now and was not before brings up nothing in values like people's."""
    kernel.run("""
import collections, enum, functools, logging, re, sklearn.linear_model, sklearn.pipeline
import numpy as np, pandas as pd, matplotlib.pyplot as plt
class Tokens:
    '''Tells tokens from keys: token = word.'''
    separator = '-----'
    def __init__(self): self.tokens, self.key_of = ['Hello-World1', 'hunter2!Xy'], {'departure_delay_2020': 'customer_id'}
    def split(self, token=None, key='departure_delay_2020'): return re.split(r'password=(\\\\w+)', token or '')
    @property
    def password_hash(self): return '5f4dcc3b5aa765d61d8327deb882cf99'
class Mode(enum.Enum):
    KEY, TOKEN = 'primary_key', 'sk-learn-estimators-and-pipelines'
def keyed(key='customer_id', token='the quick brown fox'): return lambda row: row[key]
frame = pd.DataFrame({'token': ['a'], 'key': ['b']})
values = [Tokens(), Mode.KEY, Mode, keyed(), keyed, {'customer_id_2020'}, collections.deque(['https://example.org:8080/x?y=1'])]
figure, axes = plt.subplots()
model = sklearn.pipeline.make_pipeline(sklearn.linear_model.LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
log = logging.getLogger('app')
cached = functools.lru_cache(keyed)
pattern = re.compile('token=(.*);')
first, second, third, fourth, fifth, sixth, seventh = values
mine = get_ipython()
import ipywidgets, threading
slider = ipywidgets.IntSlider()
thread = threading.Thread(target=threading.Event().wait, daemon=True)
bound = get_ipython().run_cell
hook = lambda: mine
""").raised()
    kernel.run("mine = get_ipython(); 'ghp_' + 'a1B2' * 9; word = 'sk-' + 'a1B2' * 10", silent=True).raised()
    assert json.loads(kernel.clew("status --json").raised().stdout)["excluded"] == ["word (an API key)"]
