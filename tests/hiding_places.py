"""Places in which a value can hold a text, `KEY`: what makes them, and each as an expression."""

from __future__ import annotations

KINDS = """
import collections, dataclasses, enum, functools, io, types
class Thing:
    def __init__(self, part): self.part = part
class Slim:
    __slots__ = ('count', 'part')
    def __init__(self, part): self.count, self.part = 3, part
class Text(str): pass
class Row(dict): pass
class Rows(list): pass
Pair = collections.namedtuple('Pair', 'name word')
def closing(key):
    def call(path): return path, key
    return call
def closing_deep(key):
    return closing([Thing(key)])
def counting(key):
    def call(path): return path
    call.key = key
    return call
def told(key):
    def call(path): return path
    call.__doc__ = 'with ' + key
    return call
def noted(key):
    def call(path: str): return path
    call.__annotations__['path'] = key
    return call
def method_default(key):
    class Client:
        def login(self, token=key): return token
    return Client
def method_constant(key):
    space = {'__name__': '__main__'}
    exec(f'class Client:\\n    def login(self): return {key!r}', space)
    return space['Client']
def method_closure(key):
    class Client:
        def login(self): return key
    return Client
def static_default(key):
    class Client:
        @staticmethod
        def login(token=key): return token
    return Client
def class_default(key):
    class Client:
        @classmethod
        def login(cls, token=key): return token
    return Client
def property_default(key):
    class Client:
        @property
        def login(self, token=key): return token
    return Client
def wrapped(key):
    class Client:
        @functools.wraps(len)
        def login(self): return key
    return Client
def based(key):
    class Base:
        login = key
    class Client(Base): pass
    return Client()
def documented(key):
    class Client: pass
    Client.__doc__ = 'with ' + key
    return Client
def chosen(key):
    class Login(enum.Enum):
        FIRST = key
    return Login
def remembered(key):
    @functools.lru_cache
    def call(path): return path, key
    return call
def raised(key):
    return ValueError('not with', key)
"""

PLACES = {
    "in_set": "{1, KEY}",
    "in_frozenset": "frozenset([KEY])",
    "in_set_in_dict": "{'keys': {KEY}}",
    "in_list_of_instances": "[Thing(1), Thing(KEY)]",
    "in_tuple_of_instances": "(Thing(1), Slim(KEY))",
    "in_dict_of_instances": "{'one': Thing(KEY)}",
    "in_dict_of_lists_of_instances": "{'one': [Thing((1, KEY))]}",
    "in_third_instance": "Thing(Thing(Thing(KEY)))",
    "in_instance_in_list_in_instance": "Thing([Thing({'login': KEY})])",
    "in_dict_key": "{KEY: 1}",
    "in_deque": "collections.deque([1, KEY])",
    "in_default_dict": "collections.defaultdict(list, login=[KEY])",
    "in_ordered_dict": "collections.OrderedDict(login=KEY)",
    "in_counter": "collections.Counter([KEY])",
    "in_chain_map": "collections.ChainMap({}, {'login': KEY})",
    "in_named_tuple": "Pair('me', KEY)",
    "in_own_dict": "Row(login=KEY)",
    "in_own_list": "Rows([1, KEY])",
    "in_own_text": "Text(KEY)",
    "in_list_of_own_texts": "[Text(KEY)]",
    "in_bytes": "[KEY.encode()]",
    "in_bytearray": "{'login': bytearray(KEY.encode())}",
    "in_space": "types.SimpleNamespace(logins=[types.SimpleNamespace(token=KEY)])",
    "in_proxy": "Thing(types.MappingProxyType({'login': KEY}))",
    "in_partial": "functools.partial(len, KEY)",
    "in_partial_names": "functools.partial(dict, login=KEY)",
    "in_bound_method": "Thing(KEY).__init__",
    "in_builtin_method": "[KEY].append",
    "in_closure": "closing(KEY)",
    "in_closure_deep": "closing_deep(KEY)",
    "in_function_attribute": "counting(KEY)",
    "in_function_doc": "told(KEY)",
    "in_annotation": "noted(KEY)",
    "in_method_default": "method_default(KEY)",
    "in_method_constant": "method_constant(KEY)",
    "in_method_closure": "method_closure(KEY)",
    "in_static_method": "static_default(KEY)",
    "in_class_method": "class_default(KEY)",
    "in_property": "property_default(KEY)",
    "in_wrapped_method": "wrapped(KEY)",
    "in_instance_of_such_a_class": "method_default(KEY)()",
    "in_base": "based(KEY)",
    "in_class_doc": "documented(KEY)",
    "in_enum": "chosen(KEY)",
    "in_cached_function": "remembered(KEY)",
    "in_exception": "raised(KEY)",
}
