"""SQLAlchemy: mapped classes, stored as the arguments of their mapping, and the states of their instances.

A mapped class has a mapper, a manager, an attribute for each property, and an `__init__` around its own. SQLAlchemy creates all of these
when it maps the class, and configures them at the first query. Stored are the inputs of the mapping: registry, table, properties, options.
A class that is built again is mapped again, once all inputs exist (`Codec.finish`). A class that is still alive stays mapped as it is
(decision 66).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CellType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import event, exc
from sqlalchemy.orm import Mapper, clsregistry, instrumentation, registry
from sqlalchemy.orm.attributes import InstrumentedAttribute, QueryableAttribute
from sqlalchemy.orm.descriptor_props import SynonymProperty
from sqlalchemy.orm.interfaces import MapperProperty
from sqlalchemy.orm.properties import ColumnProperty
from sqlalchemy.orm.relationships import RelationshipProperty
from sqlalchemy.orm.state import InstanceState
from sqlalchemy.sql import util as sql_util
from sqlalchemy.sql.ddl import BaseDDLElement

from . import Codec, NoValue, Parts, keyed, kinds_below

_MANAGER = instrumentation.ClassManager.MANAGER_ATTR

# For SQLAlchemy 2.0 and 2.1.
_add_class: Any = getattr(clsregistry, "_add_class", None) or clsregistry.add_class

_PENDING: dict[int, tuple[Any, Any]] = {}
"""Objects that were created, each with its inputs, until all inputs exist. By address, because some compare as SQL expressions."""


def _pend(built: Any, state: Any) -> None:
    _PENDING[id(built)] = built, state


def _taken(built: Any) -> Any:
    """Returns the inputs of an object, once; `None` if it is complete."""
    return _PENDING.pop(id(built), (None, None))[1]


def _bare(args: tuple[Any, ...]) -> Any:
    return object.__new__(args[0])


# -- registries ---------------------------------------------------------------------------------------------------------


def _encode_registry(made: Any) -> Parts:
    return Parts(
        (type(made),),
        {
            "metadata": made.metadata,
            "type_annotation_map": dict(made.type_annotation_map),
            "constructor": made.constructor,
        },
    )


def _finish_registry(built: Any) -> None:
    state = _taken(built)
    if state is not None:
        type(built).__init__(built, **state)


# -- properties ---------------------------------------------------------------------------------------------------------

_OF_COLUMNS = (
    "group",
    "deferred",
    "raiseload",
    "comparator_factory",
    "active_history",
    "expire_on_flush",
    "doc",
)
_OF_RELATIONSHIPS = (
    "argument",
    "collection_class",
    "post_update",
    "viewonly",
    "lazy",
    "passive_deletes",
    "passive_updates",
    "active_history",
    "enable_typechecks",
    "join_depth",
    "comparator_factory",
    "single_parent",
    "innerjoin",
    "distinct_target_key",
    "load_on_pending",
    "query_class",
    "omit_join",
    "sync_backref",
    "doc",
)
_GIVEN = (
    "secondary",
    "primaryjoin",
    "secondaryjoin",
    "order_by",
    "foreign_keys",
    "remote_side",
    "back_populates",
)
"""Arguments for which SQLAlchemy keeps the given value besides the one that it derived."""


def _given(made: Any, name: str) -> Any:
    kept = getattr(made._init_args, name, None)
    return getattr(made, name) if kept is None else kept.argument


_USELIST: WeakKeyDictionary[Any, bool | None] = WeakKeyDictionary()
"""Whether relationships return lists, as far as that was specified before SQLAlchemy derived it."""


def _encode_property(made: Any) -> Parts:
    arguments: dict[str, Any] = {"attribute_options": made._attribute_options}
    if _has(made, "info") and made.info:
        arguments["info"] = dict(made.info)
    given: list[Any] = []
    if hasattr(made, "_default_scalar_value"):
        # The default of a field in a mapped dataclass (SQLAlchemy 2.1).
        arguments["default_scalar_value"] = made._default_scalar_value
    if isinstance(made, ColumnProperty):
        given = list(made.columns)
        arguments.update((name, getattr(made, name)) for name in _OF_COLUMNS)
        arguments["_instrument"] = made.instrument
    elif isinstance(made, RelationshipProperty):
        arguments.update((name, getattr(made, name)) for name in _OF_RELATIONSHIPS)
        arguments.update((name, _given(made, name)) for name in _GIVEN)
        arguments["cascade"] = ", ".join(sorted(made.cascade))
        arguments["uselist"] = _USELIST.setdefault(made, made.uselist)
        arguments["overlaps"] = ",".join(sorted(made._overlaps)) or None
        if made.backref is not None:
            arguments.update(backref=made.backref, back_populates=None)
    elif isinstance(made, SynonymProperty):
        given = [made.name]
        arguments.update((name, getattr(made, name)) for name in ("map_column", "comparator_factory", "doc"))
        getter = getattr(made.descriptor, "fget", None)
        is_own = str(getattr(getter, "__module__", "")).startswith("sqlalchemy.orm.")
        arguments["descriptor"] = None if is_own else made.descriptor
    else:
        raise NoValue(f"a property of a mapped class: {type(made).__qualname__}")
    return Parts((type(made),), (given, arguments))


def _finish_property(built: Any) -> None:
    state = _taken(built)
    if state is not None:
        given, arguments = state
        type(built).__init__(built, *given, **arguments)
        if "uselist" in arguments:
            _USELIST[built] = arguments["uselist"]


# -- instances ----------------------------------------------------------------------------------------------------------

_OF_STATES = ("callables", "key", "load_options", "info", "_deleted")
_UNUSED: dict[str, Any] = {"_pending_mutations": {}, "modified": False, "expired": False}
"""The values of these attributes of an instance's state after first use, or after the instance was loaded."""


def _encode_state(made: Any) -> Parts:
    own = vars(made)
    state = {name: own[name] for name in _OF_STATES if name in own}
    state.update((name, own[name]) for name, unused in _UNUSED.items() if own.get(name, unused) != unused)
    if made.load_path:
        state["load_path"] = made.load_path.serialize()
    return Parts(
        (type(made), made.class_),
        {
            **state,
            "instance": made.obj(),
            "committed_state": made.committed_state,
            "expired_attributes": made.expired_attributes,
            # A restored instance belongs to no session. The flag distinguishes it from one that did, which a live session still uses.
            "is_in_session": made.session is not None,
            "parents": [_parent(made, *pair) for pair in own.get("parents", {}).items()],
        },
    )


def _parent(made: Any, token: int, state: Any) -> tuple[Any, ...]:
    """Returns a relationship through which an instance has a parent (SQLAlchemy identifies it by an address), and the parent's state."""
    managers = (
        [state.manager] if state else [mapper.class_manager for mapper in made.manager.registry.mappers]
    )
    for manager in managers:
        for key, attribute in manager.items():
            if attribute.impl is not None and id(attribute.impl.parent_token) == token:
                return manager.class_, key, state
    raise NoValue("a mapped object whose parent is unknown")


def _fill_state(built: Any, state: dict[str, Any]) -> None:
    mapped = state["instance"].__class__ if state["instance"] is not None else None
    manager = instrumentation.manager_of_class(mapped) if mapped is not None else None
    if manager is None:
        raise TypeError("a mapped object whose class is not mapped")
    if not manager.mapper.configured:
        if any(_calls_user(mapper) for mapper in manager.registry.mappers):
            raise TypeError("its class is configured by functions that read variables which do not exist yet")
        manager.registry.configure(cascade=True)
    parents = {
        id(instrumentation.manager_of_class(owner)[key].impl.parent_token): parent
        for owner, key, parent in state["parents"]
    }
    given = {name: value for name, value in state.items() if name not in ("parents", "is_in_session")}
    built.__setstate__({**given, "parents": parents, "manager": lambda *_: None})
    built.manager = manager
    if "_deleted" in state:
        built._deleted = state["_deleted"]


# -- mappers ------------------------------------------------------------------------------------------------------------

_OF_MAPPERS = (
    "always_refresh",
    "inherit_foreign_keys",
    "concrete",
    "polymorphic_identity",
    "polymorphic_abstract",
    "polymorphic_load",
    "allow_partial_pks",
    "batch",
    "column_prefix",
    "passive_updates",
    "passive_deletes",
    "confirm_deleted_rows",
    "eager_defaults",
    "legacy_is_orphan",
)


def _encode_mapper(made: Any) -> Parts:
    _check(made)
    above = made.inherits
    arguments: dict[str, Any] = {name: getattr(made, name) for name in _OF_MAPPERS}
    arguments["primary_key"] = made._primary_key_argument
    included = made.include_properties
    arguments["include_properties"] = None if included is None else sorted(included)
    # A subclass may have added columns to the table after the class was mapped.
    columns = [column for table in made.tables for column in table.c]
    later = (column.key for column in columns if column not in made._columntoproperty)
    arguments["exclude_properties"] = sorted({*(made.exclude_properties or ()), *later})
    arguments["inherit_condition"] = None if _joins_by_itself(made) else made.inherit_condition
    own_version = above is None or made.version_id_col is not above.version_id_col
    arguments["version_id_col"] = made.version_id_col if own_version else None
    is_counting = (
        getattr(made.version_id_generator, "__qualname__", "") == "Mapper.__init__.<locals>.<lambda>"
    )
    arguments["version_id_generator"] = made.version_id_generator if own_version and not is_counting else None
    arguments["polymorphic_on"] = _polymorphic_on(made)
    arguments["with_polymorphic"] = _with_polymorphic(made)
    return Parts(
        (made.class_,),
        {
            "class": made.class_,
            "registry": made.registry,
            "table": None if made.single else made.local_table,
            "inherits": None if above is None else above.class_,
            "properties": dict(made._init_properties),
            "arguments": arguments,
        },
    )


def _check(made: Any) -> None:
    """Raises `NoValue` if there are listeners: they are registered by the object that they listen to, and could not be restored."""
    classes = made.class_.__mro__
    tables = {made.registry.metadata, *made.tables, *(table.metadata for table in made.tables)}
    parts = (made, made.class_manager, *classes, *made.class_manager.values(), *tables)
    targets = set(map(id, parts))
    listening = event.registry._key_to_collection
    for (target, name, *_), collections in list(listening.items()):
        if target in targets and any(_is_foreign(listener()) for listener in list(collections.values())):
            raise NoValue(f"a mapped class with a listener for `{name}`")


def _is_foreign(listener: Any) -> bool:
    """Returns whether a listener, or the function that SQLAlchemy wrapped for it, does not belong to SQLAlchemy."""
    if not callable(listener) or isinstance(listener, type):
        return False
    module = str(getattr(listener, "__module__", ""))
    is_own = module.startswith("sqlalchemy.") and not module.startswith("sqlalchemy.ext.")
    if isinstance(listener, BaseDDLElement) or not is_own:
        return True
    is_wrapped = str(getattr(listener, "__qualname__", "")).rpartition(".")[2].startswith("wrap")
    cells: tuple[CellType, ...] = (getattr(listener, "__closure__", None) or ()) if is_wrapped else ()
    return any(_is_foreign(_content(cell)) for cell in cells if _content(cell) is not listener)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _joins_by_itself(made: Any) -> bool:
    above, condition = made.inherits, made.inherit_condition
    if condition is None or above is None:
        return True
    try:
        return bool(sql_util.join_condition(above.local_table, made.local_table).compare(condition))
    except exc.SQLAlchemyError:
        return False


def _polymorphic_on(made: Any) -> Any:
    column, above = made.polymorphic_on, made.inherits
    if column is None or (above is not None and above.polymorphic_on is not None):
        return None
    return made._columntoproperty[column].key if column in made._columntoproperty else column


def _with_polymorphic(made: Any) -> Any:
    """Returns the classes that a mapper was configured to load along. Subclasses with `inline` are left out, because they specify it
    themselves."""
    if made.with_polymorphic is None or made.with_polymorphic[0] == "*":
        return "*" if made.with_polymorphic else None
    inline = {below.class_ for below in made._inheriting_mappers if below.polymorphic_load == "inline"}
    classes = tuple(one for one in made.with_polymorphic[0] if getattr(one, "class_", one) not in inline)
    selectable = made.with_polymorphic[1]
    return (classes, selectable) if classes or selectable is not None else None


def _decode_mapper(args: tuple[Any, ...]) -> Any:
    live = args[0].__dict__.get("__mapper__")
    return live if isinstance(live, Mapper) and vars(live) else object.__new__(Mapper)


def _pend_mapper(built: Any, state: Any) -> None:
    if not vars(built):
        _pend(built, state)


def _finish_mapper(built: Any) -> None:
    if id(built) in _PENDING:
        _map_all(_PENDING[id(built)][1]["registry"])


def _map_all(made: Any) -> None:
    """Maps all classes of a registry that wait for it, and makes the restored attributes those of their classes."""
    pending = list(_PENDING.values())
    states = {built: state for built, state in pending if type(built) is Mapper and state["registry"] is made}
    # The MRO of a class is longer than those of its bases, which are mapped before it.
    waiting = sorted(states, key=lambda built: len(states[built]["class"].__mro__))
    _finish_registry(made)
    stripped = {built: _strip(states[built]["class"]) for built in waiting}
    for built in waiting:
        _map(built, stripped[built][0])
    blank = [
        (built.class_, key, attribute) for built in waiting for key, attribute in stripped[built][1].items()
    ]
    left = [one for one in blank if not _become(*one)]
    # Attributes from `backref` exist once mappers are configured: now, or before the first query.
    if left and not any(_calls_user(built) for built in waiting):
        made.configure()
        left = [one for one in left if not _become(*one)]


def _calls_user(built: Any) -> bool:
    """Returns whether configuring a mapper calls functions of the user, which may read names that do not exist yet."""
    made = (one for one in built._init_properties.values() if isinstance(one, RelationshipProperty))
    given = [[one.argument, *(_given(one, name) for name in _GIVEN)] for one in made]
    return any(isinstance(argument, FunctionType) for arguments in given for argument in arguments)


def _strip(mapped: type) -> tuple[Any, dict[str, Any]]:
    """Removes restored machinery from a class, because SQLAlchemy would treat the class as mapped. Returns its manager and attributes."""
    manager = mapped.__dict__.get(_MANAGER)
    attributes = {
        key: value for key, value in mapped.__dict__.items() if type(value) is InstrumentedAttribute
    }
    for name in ("__mapper__", _MANAGER, *attributes):
        if name in mapped.__dict__:
            type.__delattr__(mapped, name)
    _unwrap_init(mapped)
    return manager, attributes


def _unwrap_init(mapped: type) -> None:
    """Removes SQLAlchemy's `__init__` from a class, and restores its own if it has one."""
    original = getattr(mapped.__dict__.get("__init__"), "_sa_original_init", None)
    if original is None:
        return
    type.__delattr__(mapped, "__init__")
    inherited = [above.__dict__.get("__init__") for above in mapped.__mro__[1:]]
    if not (hasattr(original, "_sa_original_init") or any(original is one for one in inherited)):
        type.__setattr__(mapped, "__init__", original)


def _map(built: Any, manager: Any) -> None:
    """Maps a class again, with its restored manager. Its base classes are mapped already."""
    state = _taken(built)
    mapped, made = state["class"], state["registry"]
    for one in state["properties"].values():
        if isinstance(one, MapperProperty):
            _finish_property(one)
    if manager is not None:
        type(manager).__init__(manager, mapped)
    instrumentation.register_class(mapped, finalize=False, registry=made, init_method=made.constructor)
    _add_class(mapped.__name__, mapped, made._class_registry)
    given = {"properties": state["properties"], "inherits": state["inherits"], **state["arguments"]}
    Mapper.__init__(built, mapped, state["table"], **given)
    type.__setattr__(mapped, "__mapper__", built)


def _become(mapped: type, key: str, attribute: Any) -> bool:
    """Makes a restored attribute the attribute of its class, so that all references to it stay valid; returns `False` if the class has
    none."""
    made = mapped.__dict__.get(key)
    if type(made) is not InstrumentedAttribute:
        # The attribute of a synonym has its own class, and no other references.
        return isinstance(made, QueryableAttribute)
    for name in _slots(InstrumentedAttribute):
        if _has(made, name):
            object.__setattr__(attribute, name, object.__getattribute__(made, name))
    manager = mapped.__dict__[_MANAGER]
    manager.local_attrs[key] = attribute
    dict.__setitem__(manager, key, attribute)
    type.__setattr__(mapped, key, attribute)
    return True


def _has(made: Any, name: str) -> bool:
    try:
        object.__getattribute__(made, name)
    except AttributeError:
        return False
    return True


def _slots(kind: type) -> Iterator[str]:
    for part in kind.__mro__:
        yield from part.__dict__.get("__slots__", ())


def _decode_attribute(args: tuple[Any, ...]) -> Any:
    mapped, key = args
    live = mapped.__dict__.get(key)
    return (
        live
        if type(live) is InstrumentedAttribute and _has(live, "key")
        else object.__new__(InstrumentedAttribute)
    )


def _decode_manager(args: tuple[Any, ...]) -> Any:
    live = args[0].__dict__.get(_MANAGER)
    if live is not None:
        return live
    built = dict.__new__(instrumentation.ClassManager)
    built.class_ = args[0]
    return built


def _finish_manager(built: Any) -> None:
    """Raises if a class has no mapper: a mapped class without one must not be restored."""
    mapper = built.class_.__dict__.get("__mapper__")
    if not isinstance(mapper, Mapper):
        why = repr(mapper).strip("<>").removeprefix("missing: ")
        raise TypeError(f"{built.class_.__qualname__} cannot be mapped again: {why}")


def _encode_attribute(made: Any) -> Parts:
    if made.class_.__dict__.get(made.key) is not made:
        raise NoValue("an attribute that its class no longer has")
    return Parts((made.class_, made.key), None)


def _has_all(built: Any, state: Any) -> None:
    """Does nothing: the mapper completes the object."""


def _made_later(name: str, encode: Any, finish: Any) -> Codec:
    """Returns the codec for objects that are completed once all their inputs exist."""
    return Codec(name, encode, _bare, _pend, native=False, finish=finish)


_REGISTRY = _made_later("sqlalchemy_orm.registry", _encode_registry, _finish_registry)
_PROPERTY = _made_later("sqlalchemy_orm.property", _encode_property, _finish_property)
_MAPPER = Codec(
    "registered.mapper", _encode_mapper, _decode_mapper, _pend_mapper, native=False, finish=_finish_mapper
)
_MANAGED = Codec(
    "registered.manager",
    lambda made: Parts((made.class_,), None),
    _decode_manager,
    _has_all,
    native=False,
    finish=_finish_manager,
)
_ATTRIBUTE = Codec("registered.attribute", _encode_attribute, _decode_attribute, _has_all, native=False)


_STATE = Codec("sqlalchemy_orm.state", _encode_state, _bare, _fill_state, native=False)
NAMED = keyed(_STATE, _REGISTRY, _PROPERTY, _MAPPER, _MANAGED, _ATTRIBUTE)
CODECS: dict[type, Codec] = {
    registry: _REGISTRY,
    **dict.fromkeys(kinds_below(MapperProperty, "sqlalchemy."), _PROPERTY),
    InstanceState: _STATE,
    Mapper: _MAPPER,
    instrumentation.ClassManager: _MANAGED,
    InstrumentedAttribute: _ATTRIBUTE,
}


_SYNONYM = _ATTRIBUTE._replace(kind=InstrumentedAttribute)


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for the attributes of synonyms, for each of which SQLAlchemy creates a class."""
    return _SYNONYM if issubclass(kind, QueryableAttribute) else None
