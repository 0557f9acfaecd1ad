"""Takes the pictures in `docs/pictures`: Clew in a terminal, in JupyterLab, and the page of `clew log --html`.

    python -m venv VENV && VENV/bin/pip install -r tools/pictures/requirements.txt && VENV/bin/pip install .
    VENV/bin/python tools/pictures/take.py [NAME ...] [--clew COMMAND] [--browser PATH] [--all DIR]

Everything is real: a JupyterLab with a real kernel runs the cells of `story.py`, and the native command reads the resulting store. A
browser (by default Chromium on PATH) renders both in a light and a dark theme. If names are given, only matching pictures are written: `diff`
matches `lab-diff` and `terminal-diff`. `--all DIR` writes every picture to DIR instead. Clew need not be installed: set PYTHONPATH to a
built `python/`, and `--clew` to the command.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import Lab
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from story import CELLS, STEPS, place
from terminal import frame, said

REPOSITORY = Path(__file__).resolve().parent.parent.parent
KEPT = REPOSITORY / "docs" / "pictures"
#: The pictures in the guide. The others are only for the development of the pages.
SHOWN = {"terminal-log", "terminal-diff", "terminal-report", "lab-log", "lab-diff", "lab-report", "page-log"}
THEMES = ("light", "dark")
#: The command of each terminal picture, by the name of the picture.
TERMINAL = {
    "terminal-log": ["log", "--all", "--graph"],
    "terminal-diff": ["diff", "5", "@"],
    "terminal-vars": ["vars"],
    # Last, because it restores a state in the live kernel.
    "terminal-report": ["switch", "6"],
}
#: Runs that are opened on the page: those with a plot or another version of a cell.
OPENED = "details.clew-entry:has(img, pre .clew-del)"
#: The width of the terminal in columns.
WIDTH = 104
#: The size in bytes from which the number of colours of a picture is reduced.
LARGE = 100_000


def main() -> int:
    """Takes the requested pictures."""
    arguments = parse()
    folder = Path(arguments.all) if arguments.all else KEPT
    folder.mkdir(parents=True, exist_ok=True)

    def keep(name: str, theme: str, png: bytes) -> None:
        is_asked = not arguments.names or any(part in name for part in arguments.names)
        if is_asked and (arguments.all or name in SHOWN):
            size = small(png, folder / f"{name}-{theme}.png")
            print(f"{name}-{theme}.png  {size // 1000} kB", flush=True)

    with tempfile.TemporaryDirectory(prefix="clew-pictures-") as home, browser(arguments.browser) as shown:
        lab = Lab(Path(home))
        try:
            take_lab(lab, shown, keep)
            take_terminal(arguments.clew, lab, shown, keep)
        finally:
            lab.stop()
        take_page(arguments.clew, lab, shown, keep)
    return 0


def parse() -> argparse.Namespace:
    """Parses the options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument(
        "--clew", default=shutil.which("clew", path=str(Path(sys.executable).parent)) or "clew"
    )
    parser.add_argument("--browser", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--all", metavar="DIR")
    return parser.parse_args()


@contextmanager
def browser(path: str | None) -> Iterator[Browser]:
    """Starts a headless browser."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def take_lab(lab: Lab, shown: Browser, keep) -> None:  # type: ignore[no-untyped-def]
    """Runs the notebook in JupyterLab and takes pictures of its cells."""
    page = shown.new_page(viewport={"width": 1180, "height": 1300}, device_scale_factor=1.5)
    lab.open(page)
    for step in STEPS:
        if step.is_after_restart:
            page.wait_for_timeout(10_000)  # when it is idle, Clew checks all variables again
            lab.restart(page)
        lab.run(page, place(step), step.source)
        if step is STEPS[0] and (trouble := lab.shown(page)[0]):
            raise SystemExit(f"Clew does not load: {trouble}")
    for theme in THEMES:
        lab.use_theme(page, theme)
        for index, cell in enumerate(CELLS):
            if cell.picture:
                keep(cell.picture, theme, lab.picture(page, index))
    page.close()


def take_terminal(clew: str, lab: Lab, shown: Browser, keep) -> None:  # type: ignore[no-untyped-def]
    """Takes pictures of the output of the native command."""
    page = shown.new_page(viewport={"width": 1180, "height": 700}, device_scale_factor=1.5)
    for name, words in TERMINAL.items():
        output = said([clew, *words], lab.environment, WIDTH)
        for theme in THEMES:
            page.set_content(frame(f"$ clew {' '.join(words)}", output, theme, WIDTH))
            keep(name, theme, page.locator(".screen").screenshot())
    page.close()


def take_page(clew: str, lab: Lab, shown: Browser, keep) -> None:  # type: ignore[no-untyped-def]
    """Takes pictures of the page of `log --html`, with some of its runs opened."""
    file = lab.home / "history.html"
    print(
        said([clew, "log", "--html", str(file)], lab.environment, WIDTH).replace(f"{lab.home}/", ""), end=""
    )
    for theme in THEMES:
        page = shown.new_page(
            viewport={"width": 1180, "height": 900},
            device_scale_factor=1.25,
            color_scheme="light" if theme == "light" else "dark",
        )
        page.goto(file.as_uri())
        keep("page-all", theme, open_runs(page, "details.clew-entry").screenshot(full_page=True))
        page.reload()
        keep("page-log", theme, open_runs(page, OPENED).screenshot(full_page=True))
        page.close()


def open_runs(page: Page, which: str) -> Page:
    """Opens runs of the page, as a click would."""
    page.eval_on_selector_all(which, "runs => runs.forEach(run => run.open = true)")
    page.wait_for_timeout(200)
    return page


def small(png: bytes, file: Path) -> int:
    """Writes a picture. Large ones are reduced to as few colours as possible without a visible change."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.save(file, optimize=True)
    if file.stat().st_size > LARGE:
        image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)
    return file.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
