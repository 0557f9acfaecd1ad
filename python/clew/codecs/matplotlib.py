"""matplotlib: figures and their contents, through their own pickle support, with stable results.

Without these codecs, that pickle support adds a figure to pyplot while it is loaded (here pyplot's register is a separate root, and
everything is installed at once), increments callback numbers at each call, identifies the parents of transforms by address, and loses the
order of attributes.
"""

from __future__ import annotations

import functools
import sys
import weakref
from contextlib import suppress
from typing import Any

import numpy as np
from matplotlib import transforms
from matplotlib.colors import Colormap, LinearSegmentedColormap, ListedColormap
from matplotlib.path import Path
from matplotlib.ticker import ScalarFormatter

from . import Codec, keyed
from .subclasses import instances


def codec_for(kind: type) -> Codec | None:
    """Returns the codec for a type of matplotlib; `None` if the walk or a reducer suffices."""
    for module, base, name in _BASES:
        found = getattr(sys.modules.get(f"matplotlib.{module}"), base, None)
        if isinstance(found, type) and issubclass(kind, found):
            return NAMED[name]
    plain: Any = object
    own = getattr(kind, "__getstate__", None) is not getattr(plain, "__getstate__", None)
    as_usual = kind.__reduce_ex__ is plain.__reduce_ex__ and kind.__reduce__ is plain.__reduce__
    return NAMED["stateful"] if own and as_usual else None


_BASES = (
    ("figure", "Figure", "Figure"),
    ("cbook", "CallbackRegistry", "callbacks"),
    ("transforms", "TransformNode", "transform"),
    ("colors", "Colormap", "colormap"),
)


_FROM_OPTIONS = ("_path_effects", "_powerlimits")
"""Attributes that refer to the lists of rcParams themselves: they would join all figures into one co-variable."""


def _sorted(state: dict[str, Any]) -> dict[str, Any]:
    """Returns attributes in the order of their names. Whether an artist must be redrawn is not stored: after a load, all must."""
    if "_stale" in state:
        state["_stale"] = True
    for name in _FROM_OPTIONS:
        if type(state.get(name)) is list:
            state[name] = list(state[name])
    return {name: state[name] for name in sorted(state)}


def _encode_figure(figure: Any) -> dict[str, Any]:
    state = figure.__getstate__()
    state.pop("_restore_to_pylab", None)
    return _sorted(state)


_came = False
"""Whether a figure was restored for which pyplot's backend is not loaded yet."""


def _fill_figure(figure: Any, state: Any) -> None:
    global _came
    _fill_stateful(figure, state)
    _came = True


def show_as_made() -> None:
    """Loads pyplot's backend after figures were restored. pyplot had loaded it when the figures were created, and it registers their
    display in IPython."""
    global _came
    load = getattr(sys.modules.get("matplotlib.pyplot"), "_get_backend_mod", None)
    if _came and load is not None:
        _came = False
        with suppress(
            Exception
        ):  # A backend that needs a screen fails without one. It could not be loaded in the original session, either.
            load()


def _encode_stateful(value: Any) -> Any:
    state = value.__getstate__()
    return _sorted(dict(state)) if type(state) is dict else state


def _fill_stateful(value: Any, state: Any) -> None:
    if hasattr(value, "__setstate__"):
        value.__setstate__(dict(state) if type(state) is dict else state)
    else:
        vars(value).update(state)


def _fill_plain(value: Any, state: dict[str, Any]) -> None:
    vars(value).update(state)


def _encode_path(path: Any) -> tuple[Any, ...]:
    """Encodes a path by value: the paths of markers and frames belong to the library, and are in every figure."""
    from . import numpy as arrays

    own = dict(vars(path))
    memory = [
        None if part is None else arrays.array_parts(part, 0, True)
        for part in (own.pop("_vertices"), own.pop("_codes"))
    ]
    return (*memory, _sorted(own))


def _fill_path(path: Any, state: Any) -> None:
    from . import numpy as arrays

    vertices, codes, own = state
    vars(path)["_vertices"] = arrays.make_array(np.ndarray, vertices[0])
    vars(path)["_codes"] = None if codes is None else arrays.make_array(np.ndarray, codes[0])
    vars(path).update(own)


def _encode_callbacks(registry: Any) -> dict[str, Any]:
    """Encodes the callbacks without the class's own `__getstate__`, which would use up a callback number."""
    kept = {
        signal: {number: proxy() for number, proxy in proxies.items() if number in registry._pickled_cids}
        for signal, proxies in registry.callbacks.items()
    }
    own = {name: value for name, value in vars(registry).items() if name not in _COUNTED}
    return _sorted(own | {"callbacks": kept})


_COUNTED = ("callbacks", "_func_cid_map", "_cid_gen")


def _fill_callbacks(registry: Any, state: dict[str, Any]) -> None:
    numbers = [number for proxies in state["callbacks"].values() for number in proxies]
    registry.__setstate__(state | {"_func_cid_map": None, "_cid_gen": max(numbers, default=-1) + 1})


def _encode_transform(node: Any) -> tuple[Any, ...]:
    """Encodes a transform as if it were new: computed values are left out. A restored figure treats its transforms as invalid in any
    case."""
    own = {name: value for name, value in vars(node).items() if name != "_parents"}
    own["_invalid"] = getattr(node, "_INVALID_FULL", None) or node.INVALID
    # A computed matrix may belong to `IdentityTransform`, a singleton that all figures share.
    own |= dict.fromkeys(own.keys() & _computed(node))
    parents = [parent for reference in node._parents.values() if (parent := reference()) is not None]
    return _sorted(own), parents


def _computed(node: Any) -> set[str]:
    """Returns the attributes that a transform computes, and computes again once it is invalid."""
    if isinstance(node, _WITH_MATRICES):
        return {"_mtx", "_inverted"}
    return {"_points"} if isinstance(node, transforms.TransformedBbox) else {"_inverted"}


_WITH_MATRICES = (
    transforms.BlendedAffine2D,
    transforms.CompositeAffine2D,
    transforms.BboxTransform,
    transforms.BboxTransformTo,
    transforms.BboxTransformFrom,
    transforms.ScaledTranslation,
)


def _fill_transform(node: Any, state: Any) -> None:
    own, parents = state
    vars(node).update(own)
    kept: dict[int, Any] = {}
    for parent in parents:
        key = id(parent)
        kept[key] = weakref.ref(parent, functools.partial(_forget, kept, key))
    node._parents = kept


_OF_COLORMAPS = ("colors", "_segmentdata")
"""Attributes that all colormaps of one name share with the library: they would join all images into one co-variable."""


def _builtin(name: Any) -> dict[str, Any]:
    """Returns the attributes of matplotlib's own colormap with this name."""
    colormaps: Any = sys.modules["matplotlib"].colormaps
    return vars(colormaps._cmaps[name]) if name in colormaps._builtin_cmaps else {}


def _encode_colormap(colormap: Any) -> tuple[Any, ...]:
    own, builtin = dict(vars(colormap)), _builtin(colormap.name)
    if own.get("_isinit") and _can_compute(colormap):
        own["_isinit"] = False
        del own["_lut"]
    shared = [name for name in _OF_COLORMAPS if name in own and own[name] is builtin.get(name)]
    for name in shared:
        del own[name]
    return _sorted(own), shared, colormap.name


def _can_compute(colormap: Any) -> bool:
    """Returns whether the lookup table of a colormap, which it computes at first use, equals the one that it would compute now."""
    if any(callable(part) for part in (getattr(colormap, "_segmentdata", None) or {}).values()):
        return False
    again = object.__new__(type(colormap))
    vars(again).update(vars(colormap), _isinit=False, _lut=None)
    again._init()
    return bool(np.array_equal(again._lut, colormap._lut))


def _fill_colormap(colormap: Any, state: Any) -> None:
    own, shared, name = state
    builtin = _builtin(name)
    vars(colormap).update(own, **{name: builtin[name] for name in shared})


def _forget(parents: dict[int, Any], key: int, reference: Any) -> None:
    parents.pop(key, None)


# These also serve subclasses elsewhere, except the one for paths: in mpl_toolkits, other packages, and the user's code.
NAMED = keyed(
    instances("matplotlib.Figure", _encode_figure, _fill_figure),
    instances("matplotlib.stateful", _encode_stateful, _fill_stateful),
    instances("matplotlib.plain", lambda value: _sorted(dict(vars(value))), _fill_plain),
    instances("matplotlib.path", _encode_path, _fill_path)._replace(immutable=True, decode_as=None),
    instances("matplotlib.callbacks", _encode_callbacks, _fill_callbacks),
    instances("matplotlib.transform", _encode_transform, _fill_transform),
    instances("matplotlib.colormap", _encode_colormap, _fill_colormap),
)
CODECS: dict[type, Codec] = {
    Path: NAMED["path"],
    ScalarFormatter: NAMED["plain"],
    Colormap: NAMED["colormap"],
    ListedColormap: NAMED["colormap"],
    LinearSegmentedColormap: NAMED["colormap"],
}
