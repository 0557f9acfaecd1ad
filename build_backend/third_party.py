"""Writes what the build backend puts into every wheel about other people's code: the licence texts and the SBOM.

Both list the crates that the extension module and the command contain on the target platform. Cargo reports them: only normal
dependencies, with the features of the build. Crates that are used only while compiling or testing are left out.

maturin's own SBOM is switched off (`tool.maturin.sbom`). It covers the extension module only, lists the crates of all platforms, and
contains the path of the build folder.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
import subprocess
import tomllib
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LICENCES = ROOT / "THIRD_PARTY_LICENSES"
SBOM = ROOT / "clew.cdx.json"
#: Each program and library, and the crate that it is built from. On Linux the library also contains the program.
BINARIES = {"clew": "clew-cli", "clew._engine": "clew-python"}
FEATURES = {"clew-cli": "network", "clew-python": "program"}
LICENCE_FILE = re.compile(r"(.*[-_.])?(licen[cs]e|copying|copyright|notice|unlicense)([-_.].*)?", re.I)
CODE = {".rs", ".py", ".c", ".h", ".sh", ".json", ".toml", ".a"}
LINE = "=" * 80

#: The name and the version of a crate.
Crate = tuple[str, str]


@dataclass
class Contents:
    """The crates in the binaries: what each depends on, and which binaries contain it."""

    edges: dict[Crate, set[Crate]] = field(default_factory=lambda: defaultdict(set))
    binaries: dict[Crate, set[str]] = field(default_factory=lambda: defaultdict(set))
    roots: dict[str, Crate] = field(default_factory=dict)
    packages: dict[Crate, dict[str, Any]] = field(default_factory=dict)

    def foreign(self) -> list[Crate]:
        """Returns the crates that are not Clew's own, in order."""
        return sorted(crate for crate in self.binaries if self.packages[crate]["source"])


def write(config_settings: dict[str, Any] | None) -> None:
    """Writes both files for the platform that the wheel is built for."""
    compiler = dict(line.split(": ", 1) for line in _output("rustc", "-vV").splitlines() if ": " in line)
    contents = _contents(_target(config_settings) or compiler["host"])
    LICENCES.write_text(_licences(contents, compiler["release"]), "utf-8")
    SBOM.write_text(
        json.dumps(_sbom(contents, compiler["release"]), indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


def _target(config_settings: dict[str, Any] | None) -> str | None:
    """Returns the target that cargo and maturin are told to build for, or `None` for this machine."""
    args = (config_settings or {}).get("build-args") or os.environ.get("MATURIN_PEP517_ARGS", "")
    words = shlex.split(args) if isinstance(args, str) else list(args)
    for word, following in zip(words, [*words, ""][1:], strict=True):
        if word == "--target":
            return str(following)
        if word.startswith("--target="):
            return str(word.partition("=")[2])
    return os.environ.get("CARGO_BUILD_TARGET")


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def _contents(target: str) -> Contents:
    contents = Contents()
    for binary, package in BINARIES.items():
        # "2 memchr v2.8.3": the depth, the crate, and its version. The parent is the last crate above it that is one step less deep.
        command = [
            "cargo",
            "tree",
            "--locked",
            "--package",
            package,
            "--features",
            FEATURES[package],
            "--target",
            target,
            "--edges",
            "normal,no-proc-macro",
        ]
        path: list[Crate] = []
        for line in _output(*command, "--prefix", "depth", "--format", " {p}").splitlines():
            depth, name, version, *_ = line.split()
            crate = (name, version.removeprefix("v"))
            path[int(depth) :] = [crate]
            contents.binaries[crate].add(binary)
            if len(path) > 1:
                contents.edges[path[-2]].add(crate)
        contents.roots[binary] = path[0]
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    for package in json.loads(_output(*command))["packages"]:
        contents.packages[package["name"], package["version"]] = package
    return contents


def _expression(package: dict[str, Any]) -> str:
    """Returns the SPDX expression of a crate. Old crates write `/` for OR."""
    if not package["license"]:
        raise SystemExit(f"The crate {package['name']} does not state its licence")
    return re.sub(r"\s*/\s*", " OR ", package["license"])


def _licence_files(package: dict[str, Any]) -> list[Path]:
    """Returns the licence files of a crate, with those of the sources in C that it contains."""
    folder = Path(package["manifest_path"]).parent
    found = {
        path
        for path in folder.rglob("*")
        if LICENCE_FILE.fullmatch(path.name) and path.suffix not in CODE and path.is_file()
    }
    if package["license_file"]:
        found.add(folder / package["license_file"])
    # zstd: its LICENSE is the one that applies here, and COPYING is the alternative that Clew does not use.
    return sorted(p for p in found if not (p.name == "COPYING" and p.with_name("LICENSE") in found))


def _licences(contents: Contents, rust: str) -> str:
    texts: list[str] = []
    numbers: dict[str, int] = {}

    def number(text: str) -> int:
        key = " ".join(text.split())
        if key not in numbers:
            texts.append(text.replace("\r\n", "\n").strip("\n"))
            numbers[key] = len(texts)
        return numbers[key]

    apache = number((ROOT / "LICENSE").read_text("utf-8"))
    table = []
    for crate in contents.foreign():
        package = contents.packages[crate]
        expression = _expression(package)
        used = sorted({number(path.read_text("utf-8", "replace")) for path in _licence_files(package)})
        if not used and "Apache-2.0" in expression:
            used = [apache]
        if not used:
            raise SystemExit(f"The crate {crate[0]} {crate[1]} contains no licence text ({expression})")
        table.append(f"{crate[0]} {crate[1]}: {expression} [{', '.join(map(str, used))}]")
    table.append(f"The Rust standard library {rust}: MIT OR Apache-2.0 [{number(_standard_library())}]")
    head = (
        "The extension module and the command of Clew contain the crates below. "
        "Each line has the name, the version, the licence, and the numbers of the texts that follow."
    )
    parts = [head, "\n".join(table), *(f"{LINE}\n[{n}]\n\n{text}" for n, text in enumerate(texts, 1))]
    return "\n".join(part + "\n" for part in parts)


def _standard_library() -> str:
    """Returns the notices of the Rust standard library, which the toolchain contains as a page."""
    page = Path(_output("rustc", "--print", "sysroot").strip()) / "share/doc/rust/COPYRIGHT-library.html"
    if not page.is_file():
        return (
            "https://doc.rust-lang.org/COPYRIGHT-library.html has the notices of the Rust standard library."
        )
    text = re.sub(r"<style.*?</style>|<[^>]+>", "", page.read_text("utf-8"), flags=re.S)
    return re.sub(r"\s*\n(\s*\n)+", "\n\n", html.unescape(text))


def _sbom(contents: Contents, rust: str) -> dict[str, Any]:
    """Returns a CycloneDX document. Without SOURCE_DATE_EPOCH it has no time, so that equal contents are equal bytes."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock["package"]}
    version = contents.packages[contents.roots["clew"]]["version"]
    standard = f"rust-std@{rust}"

    def reference(crate: Crate) -> str:
        return (
            f"pkg:cargo/{crate[0]}@{crate[1]}"
            if contents.packages[crate]["source"]
            else f"{crate[0]}@{crate[1]}"
        )

    components: list[dict[str, Any]] = [
        {
            "type": "application" if name == "clew" else "library",
            "bom-ref": name,
            "name": name,
            "version": version,
        }
        for name in BINARIES
    ]
    depends: dict[str, list[str]] = {name: [standard, reference(contents.roots[name])] for name in BINARIES}
    for crate in sorted(contents.binaries):
        package = contents.packages[crate]
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": reference(crate),
            "name": crate[0],
            "version": crate[1],
            "licenses": [{"expression": _expression(package)}],
            "properties": [
                {"name": "clew:binary", "value": name} for name in sorted(contents.binaries[crate])
            ],
        }
        if package["source"]:
            component["purl"] = reference(crate)
            component["hashes"] = [{"alg": "SHA-256", "content": checksums[crate]}]
        if package["repository"]:
            component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        components.append(component)
        depends[reference(crate)] = [reference(child) for child in sorted(contents.edges[crate])]
    components.append(
        {
            "type": "library",
            "bom-ref": standard,
            "name": "rust-std",
            "version": rust,
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }
    )
    product = f"pkg:pypi/clew@{version}"
    depends[product] = list(BINARIES)
    metadata: dict[str, Any] = {
        "component": {
            "type": "application",
            "bom-ref": product,
            "name": "clew",
            "version": version,
            "purl": product,
        }
    }
    if "SOURCE_DATE_EPOCH" in os.environ:
        metadata["timestamp"] = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).isoformat()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([components, depends]))}",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": children} for name, children in depends.items()],
    }
