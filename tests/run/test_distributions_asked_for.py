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
def listed(place):
    import os
    return 'other_one-1.0.dist-info' in os.listdir(place)
"""
FIRST = "import importlib.metadata as im, lib, os, site\nfrom importlib.metadata import entry_points, version as told\nwanted = ['ours', 'other-one']"
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
    "{'other_one', 'other-one'} & {one.name for one in im.MetadataPathFinder.find_distributions()}",
    "from importlib.metadata import MetadataPathFinder as Finding\nlen(list(Finding.find_distributions(im.DistributionFinder.Context()))) > 0",
)
#: The same of what is installed for the user.
LISTING = (
    "'other_one-1.0.dist-info' in os.listdir(site.USER_SITE)",
    "import glob\nlen(glob.glob(os.path.join(site.USER_SITE, 'o*.dist-info')))",
    "from pathlib import Path\nany(one.name.startswith('other_one') for one in Path(site.USER_SITE).iterdir())",
    "lib.listed(site.USER_SITE)",
)
#: The same by libraries that do not ask Python's own.
BY_OTHERS = (
    "import pkg_resources\nsorted(one.key for one in pkg_resources.working_set if one.key.startswith('o'))",
    "from pkg_resources import WorkingSet\nsorted(one.key for one in WorkingSet() if one.key.startswith('o'))",
    "import importlib_metadata as backport\nsorted(one.name for one in backport.distributions() if one.name.startswith('o'))",
)
#: These use what the cells above imported.
BY_OTHERS_AGAIN = (
    "try:\n    print(pkg_resources.get_distribution('other-one').version)\nexcept pkg_resources.DistributionNotFound:\n    print('none')",
    "[one.name for one in pkg_resources.iter_entry_points('my.plugins')]",
    "have = pkg_resources.require\ndef found(name):\n    try:\n        return len(have(name))\n"
    "    except Exception:\n        return 0\nfound('other-one')",
    "try:\n    print(backport.version('other-one'))\nexcept backport.PackageNotFoundError:\n    print('none')",
    "[one.name for one in backport.entry_points(group='my.plugins')]",
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


@pytest.mark.few(1)
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


@pytest.mark.few(1)
@pytest.mark.parametrize("asking", [LISTING, (*BY_OTHERS, *BY_OTHERS_AGAIN)], ids=["listing", "by others"])
def test_p03_what_is_installed_counts_for_who_asks_past_python(desk: Desk, asking: tuple[str, ...]) -> None:
    name = f"past-{len(asking)}"
    others = ("len(wanted)", "k = 1\nk + 1")
    cells = (FIRST, *asking, *others)
    assert set(has_run(desk, name, *cells).values()) == {EXECUTED}
    for number in ("1.0", "2.0"):
        there = distribution(site(desk), "other_one", number, points="b = lib:has\n")
        done = has_run(desk, name, *cells)
        assert {cell for cell in asking if done[cell] != EXECUTED} == set()
        assert {cell for cell in others if done[cell] != RESTORED} == set()
        shutil.rmtree(there)
    assert set(has_run(desk, f"{name}-gone", *cells).values()) == {EXECUTED}
