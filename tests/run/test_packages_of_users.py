"""Packages that lie with their metadata in a folder of the user's (`pip install --target`, an unpacked wheel): all that a cell uses of them
counts, and nothing is executed where nothing changed."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from run.desk import Desk
from run.test_distributions_asked_for import has_run, site
from run.test_inputs import write
from run.test_unneeded import EXECUTED, RESTORED

FILES = {
    "__init__.py": "from pathlib import Path\nREG = []\nimport sys\nSAID = (Path(__file__).parent / 'said.txt').read_text()\n"
    "def count():\n    return len([name for name in sys.modules if name.startswith('plugs')])\n",
    "a.py": "import plugs\nplugs.REG.append('a')\ndef f():\n    return 1\n",
    "d.txt": "one",
    "e.txt": "one",
    "said.txt": "one",
}
#: What is not listed with its hash.
UNLISTED = "d.txt"
LOOP = "for m in pkgutil.iter_modules(plugs.__path__):\n    __import__('plugs.' + m.name)"
USING = (
    "print(pkgutil.get_data('plugs', 'd.txt'))",
    "print(open({place!r} + '/plugs/d.txt').read())",
    "print(open({place!r} + '/plugs/e.txt').read())",
    "print(plugs.REG)",
    "print(hasattr(plugs, 'c'))",
    "print([name for name in sys.modules if name.startswith('plugs')])",
    "print(plugs.count())",
    "print(plugs.SAID)",
    "print(helper.f())",
    "print(plugs.a.f())",
)


def installed(place: Path, *, is_listed: bool) -> None:
    """What an installer leaves in a folder; unless `is_listed`, of modules only one is in its list."""
    lines = []
    for name, text in FILES.items():
        write(place / "plugs" / name, text)
        digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        if name != UNLISTED and (is_listed or name == "a.py"):
            lines.append(f"plugs/{name},sha256={digest},{len(text)}")
    write(
        place / "plugs_kit-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: plugs-kit\nVersion: 1.0\n"
    )
    write(
        place / "plugs_kit-1.0.dist-info/RECORD", "\n".join([*lines, "plugs_kit-1.0.dist-info/RECORD,,", ""])
    )


@pytest.mark.few(2)
@pytest.mark.parametrize("where", ["beside", "PYTHONPATH", "inserted", "unlisted"])
def test_p03_what_lies_in_a_package_in_a_folder_of_the_users_counts(tmp_path: Path, where: str) -> None:
    desk = Desk(tmp_path)
    place = {"PYTHONPATH": tmp_path / "libraries", "inserted": desk.folder / "vendor"}.get(where, desk.folder)
    installed(place, is_listed=where != "unlisted")
    write(desk.folder / "helper.py", "import plugs.a\ndef f():\n    return plugs.a.f()\n")
    desk.search += [place] if where == "PYTHONPATH" else []
    first = f"import sys\nsys.path.insert(0, {str(place)!r})" if where == "inserted" else "import sys"
    using = [one.format(place=str(place)) for one in USING]
    cells = (first, "import pkgutil, plugs", LOOP, "import helper", *using, "len('other')")
    assert set(has_run(desk, "it", *cells).values()) == {EXECUTED}

    def check(direct: set[str], **files: str) -> None:
        for name, text in files.items():
            write(next((place / "plugs").glob(f"{name}.*"), place / f"plugs/{name}.py"), text)
        done = has_run(desk, "it", *cells)
        assert {one for one in direct if done[one.format(place=str(place))] != EXECUTED} == set()
        assert done[cells[-1]] == done[first] == RESTORED

    check({*USING[:3], USING[7]}, d="two", e="two", said="two")
    added = FILES["a.py"].replace("'a'", "'c'")
    check({*USING[3:7], *USING[8:]}, a=FILES["a.py"].replace("1", "2"), c=added)


def test_p03_a_cell_that_looks_a_module_up_hides_none_of_its_files(tmp_path: Path) -> None:
    """Both are recorded under the name of the module: what the lookup found, and the files."""
    desk = Desk(tmp_path)
    installed(desk.folder, is_listed=True)
    cells = (
        "import sys\nimport plugs",
        "print('plugs' in sys.modules, plugs.SAID)",
        "print(plugs.SAID)",
        "len('other')",
    )
    assert set(has_run(desk, "it", *cells).values()) == {EXECUTED}
    write(desk.folder / "plugs/said.txt", "two")
    done = has_run(desk, "it", *cells)
    assert [done[cell] for cell in cells] == [EXECUTED] * 3 + [RESTORED]


@pytest.mark.few(2)
@pytest.mark.parametrize("where", ["editable", "pth", "zip", "user site"])
def test_p03_what_is_edited_counts_wherever_a_package_lies(tmp_path: Path, where: str) -> None:
    desk = Desk(tmp_path)
    place = site(desk) if where == "user site" else desk.folder / "src"
    site(desk).mkdir(parents=True)
    first = f"import sys\nsys.path.append({str(place)!r})"
    if where in ("editable", "pth"):
        # As the kernel's own Python reads it at its start.
        write(site(desk) / "kit.pth", f"{place}\n")
        first = f"import site\nsite.addsitedir({str(site(desk))!r})"
        write(
            site(desk) / "plugs_kit-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: plugs-kit\nVersion: 1.0\n",
        )
        write(site(desk) / "plugs_kit-1.0.dist-info/RECORD", "kit.pth,,\n")
    if where != "editable":
        installed(place, is_listed=True)
    for name, text in FILES.items() if where == "editable" else ():
        write(place / "plugs" / name, text)
    if where == "zip":
        place = desk.folder / "kit.zip"
        first = f"import sys\nsys.path.append({str(place)!r})"

    def packed(text: str) -> None:
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr("plugs/__init__.py", f"def f():\n    return {text}\n")
            archive.writestr("plugs/d.txt", text)

    if where == "zip":
        packed("1")
    f = "print(plugs.f())" if where == "zip" else "import plugs.a\nprint(plugs.a.f())"
    cells = (first, "import pkgutil, plugs", f, "print(pkgutil.get_data('plugs', 'd.txt'))", "len('other')")
    assert set(has_run(desk, "it", *cells).values()) == {EXECUTED}
    if where == "zip":
        packed("22")
    else:
        write(place / "plugs/a.py", FILES["a.py"].replace("1", "22"))
    done = has_run(desk, "it", *cells)
    assert done[f] == EXECUTED
    assert done[cells[-1]] == RESTORED
