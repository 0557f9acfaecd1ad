"""The checker of imports finds circles that are made on purpose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from imports import PythonPackage, python_circles, rust_circles  # noqa: E402 (the folder is not on the path before)


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def rust(folder: Path, files: Mapping[str, str]) -> list[set[str]]:
    """The circles of a crate with these files."""
    found = rust_circles(written(folder, files))
    return [{"::".join(module) for module in circle.modules} for circle in found]


def python(folder: Path, files: Mapping[str, str], *, with_late: bool = False) -> list[set[str]]:
    """The circles of a package with these files."""
    found = python_circles(written(folder / "package", files), with_late=with_late)
    return [{".".join(module) for module in circle.modules} for circle in found]


def test_modules_of_a_crate_that_import_each_other_are_a_circle(tmp_path: Path) -> None:
    found = rust(
        tmp_path,
        {
            "lib.rs": "mod one; mod two; mod three; mod four;",
            "one.rs": "use crate::two::Two;\npub struct One(Two);",
            "two.rs": "pub struct Two; fn three() { super::three::run(); }",
            "three.rs": "use super::{four, one::One as Other};\npub fn run() {}",
            "four.rs": "pub struct Four;",
        },
    )
    assert found == [{"one", "two", "three"}]


def test_what_comments_strings_and_tests_name_is_no_import(tmp_path: Path) -> None:
    found = rust(
        tmp_path,
        {
            "lib.rs": "mod one; mod two;",
            "one.rs": "use crate::two::Two;\npub struct One(Two);",
            "two.rs": """//! [`crate::one::One`]
                pub struct Two; // crate::one::One
                const NAME: &str = "crate::one::One";
                /* crate::one::One */
\n#[cfg(test)]\nmod tests {\n    use crate::one::One;\n}\n""",
        },
    )
    assert found == []


def test_a_module_and_its_children_may_import_each_other(tmp_path: Path) -> None:
    found = rust(
        tmp_path,
        {
            "lib.rs": "mod parent;",
            "parent.rs": "mod child;\npub use child::Child;\npub struct Parent(Child);",
            "parent/child.rs": "use super::Parent;\npub struct Child;\nfn of(_: Parent) {}",
        },
    )
    assert found == []


def test_a_re_export_counts_as_an_import_of_what_defines_the_item(tmp_path: Path) -> None:
    found = rust(
        tmp_path,
        {
            "lib.rs": "mod parent;",
            "parent.rs": "mod one;\nmod two;\npub use one::One;\npub use two::*;",
            "parent/one.rs": "pub struct One(super::Two);",
            "parent/two.rs": "pub struct Two;\nfn of(_: super::One) {}",
        },
    )
    assert found == [{"parent::one", "parent::two"}]


def test_folders_of_a_crate_that_import_each_other_are_a_circle(tmp_path: Path) -> None:
    found = rust(
        tmp_path,
        {
            "lib.rs": "mod left; mod right;",
            "left.rs": "pub mod one; pub mod two;",
            "left/one.rs": "use crate::right::one::Right;\n",
            "left/two.rs": "pub struct Left;",
            "right.rs": "pub mod one; pub mod two;",
            "right/one.rs": "pub struct Right;",
            "right/two.rs": "use crate::left::two::Left;\n",
        },
    )
    assert found == [{"left", "right"}]


def test_modules_of_a_package_that_import_each_other_are_a_circle(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from package.one import first",
        "one.py": "import package.two\n",
        "two.py": "from . import three\n",
        "three.py": "class Three:\n    from .one import first\n",
    }
    assert python(tmp_path, files) == [{"package.one", "package.two", "package.three"}]


def test_an_import_inside_a_function_counts_only_among_all_imports(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "one.py": "from .two import second\n",
        "two.py": "def second() -> None:\n    from .one import first\n",
    }
    assert python(tmp_path, files) == []
    assert python(tmp_path, files, with_late=True) == [{"package.one", "package.two"}]


def test_what_only_type_checkers_import_does_not_count(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "one.py": "from .two import second\n",
        "two.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .one import first\n",
    }
    assert python(tmp_path, files, with_late=True) == []
    assert list(PythonPackage(tmp_path / "package").imports()) == [(("package", "one"), ("package", "two"))]
