"""Prints the recall by format and place, the false positives by kind, and the cost of a search."""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.credentials.generated import Case, cases
from clew.secrets import is_secret, masked, redacted

MARK = re.compile(r"\[not kept: ([^\]]*)\]")


def is_found(case: Case) -> bool:
    """Whether no part of the credential would be stored."""
    if case.kind == "source":
        return case.secret not in masked(case.text)[0]
    if case.kind == "output":
        return case.secret not in redacted(case.text)
    return is_secret(case.name, case.text) is not None


def recall(rounds: int) -> tuple[int, int]:
    """Prints which generated credentials are detected. Returns the number of detected ones, and of all."""
    all_of, found_of, missed = Counter[str](), Counter[str](), Counter[str]()
    for case in cases(rounds=rounds):
        group = (
            f"{case.shape} {case.kind}"
            if case.shape.endswith(("password", "key"))
            else f"marked by its giver {case.kind}"
        )
        all_of[group] += 1
        if is_found(case):
            found_of[group] += 1
        else:
            missed[f"{case.shape}: {case.place} ({case.kind})"] += 1
    for group, count in sorted(all_of.items()):
        print(f"  {group:36} {found_of[group]:6,} of {count:6,}  {100 * found_of[group] / count:6.1f} %")
    for what, count in missed.most_common(40):
        print(f"    missed {count} of {what}")
    print(
        f"  all {sum(found_of.values()):,} of {sum(all_of.values()):,}: {100 * sum(found_of.values()) / sum(all_of.values()):.2f} %"
    )
    return sum(found_of.values()), sum(all_of.values())


def cells(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields the sources and outputs of the notebooks below a folder."""
    for path in sorted(folder.rglob("*.ipynb")):
        try:
            notebook = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for cell in notebook.get("cells", []):
            if cell.get("cell_type") != "code":
                continue
            yield "source", _joined(cell.get("source", ""))
            for output in cell.get("outputs", []):
                texts = [
                    output.get("text"),
                    *(value for kind, value in output.get("data", {}).items() if kind.startswith("text/")),
                ]
                texts.append(output.get("traceback"))
                yield from (("output", _joined(text)) for text in texts if text)


def docstrings(folder: Path, most: int) -> Iterator[tuple[str, str]]:
    """Yields the docstrings of installed packages, as values. They contain a lot of code and its outputs."""
    count = 0
    for path in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (
                text := ast.get_docstring(node)
            ):
                yield "value", text
                count += 1
                if count >= most:
                    return


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def alarms(texts: Iterator[tuple[str, str]], *, shows: bool) -> None:
    """Prints how often something is taken for a credential in texts without credentials."""
    counts, alarmed, kinds = Counter[str](), Counter[str](), Counter[str]()
    for kind, text in texts:
        counts[kind] += 1
        found = _found(kind, text)
        if found:
            alarmed[kind] += 1
            kinds.update(f"{kind}: {what}" for what in set(found))
            if shows:
                print(f"    {kind} {found}: {_shown(kind, text)}")
    for kind, count in counts.items():
        print(
            f"  {kind:8} {alarmed[kind]:5,} of {count:7,}: {1000 * alarmed[kind] / count:.2f} in a thousand"
        )
    for what, count in kinds.most_common():
        print(f"    {count} {what}")


def _found(kind: str, text: str) -> list[str]:
    if kind == "source":
        return masked(text)[1]
    if kind == "output":
        return MARK.findall(redacted(text))
    why = is_secret("text", text)
    return [why] if why else []


def _shown(kind: str, text: str) -> str:
    kept = masked(text)[0] if kind == "source" else redacted(text)
    return " | ".join(f"{line.strip()[:90]}" for line in kept.splitlines() if "[not kept:" in line)[:300]


CELL = (
    "model = RandomForestClassifier(n_estimators=100, random_state=42)\nX_train, X_test, y_train, y_test = train_test_split("
    "df.drop(columns='target'), df['target'])\nfor key, group in df.groupby('passengers'):\n    print(f'{key}: {len(group)} rows')\n"
)
TABLE = (
    "   passengers  tokens   fare  class  embark_town  alive\n0  3  22.0  7.2500  Third  Southampton  no\n"
)


def costs() -> None:
    """Prints the cost of searching a cell, its outputs and a session, each compared with searching the same text for a word."""
    source, shown = (CELL * 5)[: 20 * 60], (TABLE * 60)[:4096]
    # All values of a session are searched at once; here a dict represents them.
    lists = [
        {f"name_{number}": [number, str(number), f"value {number}"] for number in range(50)} for _ in range(4)
    ]
    texts = {f"text_{number}": f"the value of number {number}" for number in range(200)}

    def session() -> None:
        for values in lists:
            is_secret("rows", values)

    def names() -> None:
        for name, text in texts.items():
            is_secret(name, text)

    plain = re.compile("nothing|of|this|kind")
    looks: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "a cell of 20 lines": (lambda: masked(source), lambda: plain.sub("", source)),
        "an output of 4 KB": (lambda: redacted(shown), lambda: plain.sub("", shown)),
        "200 lists": (session, lambda: repr(lists)),
        "200 texts": (names, lambda: [repr(value) for value in texts.values()]),
    }
    for what, (look, other) in looks.items():
        mine, theirs = _best(look), _best(other)
        print(f"  {what:20} {mine * 1e6:9.1f} µs, {mine / theirs:6.2f} times the work beside it")


def _best(work: Callable[[], object]) -> float:
    def once() -> float:
        start = time.process_time()
        for _ in range(20):
            work()
        return (time.process_time() - start) / 20

    return min(once() for _ in range(25))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.credentials", description=__doc__)
    parser.add_argument(
        "folders", nargs="*", type=Path, help="folders with notebooks in which there is no credential"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--docstrings",
        type=int,
        default=0,
        metavar="COUNT",
        help="that many docstrings of installed packages, too",
    )
    parser.add_argument("--show", action="store_true", help="print what is taken for a credential")
    options = parser.parse_args()
    print("Found of what was made up:")
    recall(options.rounds)
    for folder in options.folders:
        print(f"Taken for a credential in {folder.name}:")
        alarms(cells(folder), shows=options.show)
    if options.docstrings:
        print("Taken for a credential in docstrings:")
        alarms(docstrings(Path(ast.__file__).parent, options.docstrings // 2), shows=options.show)
        import numpy

        alarms(docstrings(Path(numpy.__file__).parents[1], options.docstrings), shows=options.show)
    print("What a look costs:")
    costs()
    return 0


if __name__ == "__main__":
    sys.exit(main())
