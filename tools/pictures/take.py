"""Takes the pictures in `docs/pictures`: Clew in a terminal, in JupyterLab, and the page of `clew log --html`.

    python -m venv VENV && VENV/bin/pip install -r tools/pictures/requirements.txt && VENV/bin/pip install .
    VENV/bin/python tools/pictures/take.py [NAME ...] [--clew COMMAND] [--browser PATH] [--all DIR]

Everything is real: a JupyterLab with a real kernel runs the cells of `story.py`, the native command reads the store
that this left, and a browser (Chromium, found on PATH if not named) shows all of it in light and dark. A NAME limits what
is kept (`diff` takes `lab-diff` and `terminal-diff`); `--all DIR` keeps every picture there instead. Instead of
installing Clew, PYTHONPATH may name a built `python/` and `--clew` the command.
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
from story import CELLS
from terminal import frame, said

REPOSITORY = Path(__file__).resolve().parent.parent.parent
KEPT = REPOSITORY / "docs" / "pictures"
#: Those that the guide shows; the others are for whoever works on the pages.
SHOWN = {"terminal-log", "terminal-diff", "terminal-report", "lab-log", "lab-diff", "lab-report", "page-log"}
THEMES = ("light", "dark")
#: What the terminal is asked, by the name of its picture.
TERMINAL = {
    "terminal-log": ["log", "--all", "--graph"],
    "terminal-diff": ["diff", "3", "@"],
    "terminal-vars": ["vars"],
}
#: Columns of the terminal.
WIDTH = 104
#: Bytes from which on colours are saved.
LARGE = 100_000


def main() -> int:
    """Takes the pictures that were asked for."""
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
            texts = take_lab(lab, shown, keep)
        finally:
            lab.stop()
        take_terminal(arguments.clew, lab, texts, shown, keep)
        take_page(arguments.clew, lab, shown, keep)
    return 0


def parse() -> argparse.Namespace:
    """The options."""
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
    """A browser without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


def take_lab(lab: Lab, shown: Browser, keep) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """Runs the notebook in JupyterLab; the texts that stood beside the HTML, by the picture's name."""
    page = shown.new_page(viewport={"width": 1180, "height": 1300}, device_scale_factor=1.5)
    lab.open(page)
    for index, cell in enumerate(CELLS):
        if cell.is_after_restart:
            page.wait_for_timeout(5000)  # in idle time Clew looks at everything once more
            lab.restart(page)
        lab.run(page, index)
        if index == 0 and (trouble := lab.shown(page)[index]):
            raise SystemExit(f"Clew does not load: {trouble}")
    for theme in THEMES:
        lab.use_theme(page, theme)
        for index, cell in enumerate(CELLS):
            if cell.picture:
                keep(cell.picture, theme, lab.picture(page, index))
    texts = {cell.picture: text for cell, text in zip(CELLS, lab.shown(page), strict=True)}
    page.close()
    return texts


def take_terminal(clew: str, lab: Lab, texts: dict[str, str], shown: Browser, keep) -> None:  # type: ignore[no-untyped-def]
    """Pictures of what the native command prints, and of a report as a console shows it."""
    screens = {
        name: (f"$ clew {' '.join(words)}", said([clew, *words], lab.environment, WIDTH))
        for name, words in TERMINAL.items()
    }
    screens["terminal-report"] = ("In [1]: %clew resume", texts["lab-report"])
    page = shown.new_page(viewport={"width": 1180, "height": 700}, device_scale_factor=1.5)
    for name, (prompt, output) in screens.items():
        for theme in THEMES:
            page.set_content(frame(prompt, output, theme, WIDTH))
            keep(name, theme, page.locator(".screen").screenshot())
    page.close()


def take_page(clew: str, lab: Lab, shown: Browser, keep) -> None:  # type: ignore[no-untyped-def]
    """Pictures of the page of `log --html`, some of its runs opened."""
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
        keep("page-log", theme, open_runs(page, "details.clew-entry:has(img)").screenshot(full_page=True))
        page.close()


def open_runs(page: Page, which: str) -> Page:
    """Opens runs of the page, as a click would."""
    page.eval_on_selector_all(which, "runs => runs.forEach(run => run.open = true)")
    page.wait_for_timeout(200)
    return page


def small(png: bytes, file: Path) -> int:
    """Writes a picture; a large one with as few colours as look the same."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.save(file, optimize=True)
    if file.stat().st_size > LARGE:
        image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)
    return file.stat().st_size


if __name__ == "__main__":
    sys.exit(main())
