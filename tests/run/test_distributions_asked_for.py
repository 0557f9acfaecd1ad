"""Cells that ask what is installed: a distribution that comes or goes, wherever modules are looked for, has those executed that asked for it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from run.desk import Desk
from run.test_inputs import write
from run.test_modules_gone_over import executed_again, papermilled, told_by
from run.test_unneeded import EXECUTED, RESTORED, ran

LIB = """import importlib.metadata
def names():
    return sorted(one.name for one in importlib.metadata.entry_points(group='my.plugins'))
def has(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return 'none'
"""
FIRST = "import importlib.metadata as im, lib\nfrom importlib.metadata import entry_points, version as told\nwanted = ['ours', 'other-one']"
TRIED = "try:\n    print({})\nexcept im.PackageNotFoundError:\n    print('none')"
#: What asks for all, and what asks for the one that comes and goes.
ASKING_ALL = (
    "[one.name for one in entry_points(group='my.plugins')]",
    "sorted(one.name for one in im.entry_points().select(group='my.plugins'))",
    "sorted(one.name for one in im.distributions() if one.name.startswith('o'))",
    "lib.names()",
    "sorted({one.metadata['Name'] for one in im.Distribution.discover()} & set(wanted))",
    "def found():\n    return len([one for one in im.distributions()])\nfound() > 0",
    "'other_one' in im.packages_distributions()",
)
ASKING_ONE = (
    TRIED.format("im.version('other-one')"),
    TRIED.format("told('Other.One')"),
    TRIED.format("im.distribution('other_one').version"),
    TRIED.format("im.metadata('other-one')['Name']"),
    TRIED.format("im.files('other-one') is None"),
    TRIED.format("im.requires('other-one')"),
    f"for one in wanted:\n    {TRIED.format('im.version(one)').replace(chr(10), chr(10) + '    ')}",
    TRIED.format("im.Distribution.from_name('-'.join(['other', 'one'])).version"),
    "[one.version for one in im.distributions(name='other-one')]",
    "lib.has('other-one')",
    "lib.has(wanted[1])",
)
#: What asks for others, or nothing.
OTHERS = (
    "im.version('ours')",
    "im.version('nbformat')",
    "lib.has('ours')",
    "len(wanted)",
    "lib.has('nowhere')",
)


def distribution(place: Path, name: str, number: str = "1.0", points: str = "") -> Path:
    """Describes one that is installed in a folder."""
    folder = place / f"{name}-{number}.dist-info"
    write(folder / "METADATA", f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {number}\n")
    write(folder / "entry_points.txt", f"[my.plugins]\n{points}")
    write(folder / "top_level.txt", f"{name}\n")
    return folder


def site(desk: Desk) -> Path:
    """Where the user's packages are installed."""
    return (
        desk.home / ".local" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("distributions"))
    site(desk).mkdir(parents=True)
    desk.search.append(site(desk))
    write(desk.folder / "lib.py", LIB)
    distribution(desk.folder, "ours", points="a = lib:names\n")
    return desk


def has_run(desk: Desk, name: str, *cells: str) -> dict[str, str]:
    """What becomes of each cell, which shows what papermill would; and nothing is executed where nothing changed."""
    done = dict(zip(cells, ran(desk, name, *cells), strict=True))
    assert told_by(desk.read("out.ipynb")) == papermilled(desk, name)
    ran(desk, name, *cells)
    assert executed_again(desk.read("out.ipynb")) == {}
    return done


@pytest.mark.parametrize("where", ["beside", "installed"])
def test_p03_what_is_installed_counts_for_who_asks(desk: Desk, where: str) -> None:
    place = desk.folder if where == "beside" else site(desk)
    cells = (FIRST, *ASKING_ALL, *ASKING_ONE, *OTHERS)
    assert set(has_run(desk, where, *cells).values()) == {EXECUTED}

    def check(*asking: str, name: str = where) -> None:
        done = has_run(desk, name, *cells)
        assert {cell for cell in asking if done[cell] != EXECUTED} == set()
        assert {cell for cell in done.keys() - set(asking) if done[cell] != RESTORED} == set()

    # One comes, is another version, and goes; another comes.
    there = distribution(place, "other_one", points="b = lib:has\n")
    check(*ASKING_ALL, *ASKING_ONE)
    shutil.rmtree(there)
    there = distribution(place, "other_one", "2.0", points="b = lib:has\n")
    check(*ASKING_ALL, *ASKING_ONE)
    assert set(has_run(desk, f"{where}-goes", *cells).values()) == {EXECUTED}
    shutil.rmtree(there)
    check(*ASKING_ALL, *ASKING_ONE, name=f"{where}-goes")
    third = distribution(place, "third", points="c = lib:has\n")
    check(*ASKING_ALL)
    # What is no distribution counts for nobody.
    write(place / "notes.txt", "text")
    assert set(has_run(desk, where, *cells).values()) == {RESTORED}
    shutil.rmtree(third)


def test_p03_what_an_installed_distribution_offers_counts_for_who_asks(desk: Desk) -> None:
    there = distribution(site(desk), "offers", points="o = lib:has\n")
    cells = (FIRST, *ASKING_ALL[:2], "lib.names()", *OTHERS)
    assert set(has_run(desk, "offers", *cells).values()) == {EXECUTED}
    write(there / "entry_points.txt", "[my.plugins]\no = lib:has\np = lib:has\n")
    done = has_run(desk, "offers", *cells)
    assert [done[cell] for cell in cells[1:4]] == [EXECUTED] * 3
    assert {cell for cell in OTHERS if done[cell] != RESTORED} == set()
    shutil.rmtree(there)
