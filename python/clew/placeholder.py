"""A stand-in for an object that Clew could not store and that is no longer live. Any use raises an error."""

from __future__ import annotations

from typing import Any, NoReturn

from .codecs import NoValue


class MissingObjectError(AttributeError, TypeError):
    """Raised when an object that Clew could not store is used after its session ended.

    It derives from both classes, so that code that only checks the abilities of an object (`hasattr`) gets an answer."""


class MissingObject:
    """A stand-in for an object that could not be stored. It only has an identity, until it is used."""

    __slots__ = ("__weakref__", "_clew_path", "_clew_why")

    def __repr__(self) -> str:
        return f"<missing: {_why(self)}>"

    def __getattr__(self, name: str) -> Any:
        _refuse(self)

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse(self)

    def __call__(self, *args: Any, **named: Any) -> Any:
        _refuse(self)

    def __iter__(self) -> Any:
        _refuse(self)

    def __getitem__(self, key: Any) -> Any:
        _refuse(self)

    def __enter__(self) -> Any:
        _refuse(self)

    def __exit__(self, *raised: Any) -> None:
        _refuse(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise NoValue(_why(self))


def stand_in(why: str) -> MissingObject:
    """Returns a stand-in for an object that was not stored for this reason."""
    made = MissingObject()
    object.__setattr__(made, "_clew_why", why)
    object.__setattr__(made, "_clew_path", "")
    return made


def name(missing: MissingObject, path: str) -> None:
    """Sets the path under which a stand-in is reached, for its messages."""
    object.__setattr__(missing, "_clew_path", path)


def _why(missing: MissingObject) -> str:
    why: str = object.__getattribute__(missing, "_clew_why")
    return why


def _refuse(missing: MissingObject) -> NoReturn:
    path = object.__getattribute__(missing, "_clew_path") or "This object"
    raise MissingObjectError(
        f"{path} is missing: Clew could not store it ({_why(missing)}). Rerun the cell that created it"
    )
