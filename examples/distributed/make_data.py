"""Makes what the notebooks of this folder read, the same every time: `python make_data.py [FOLDER]`.

Below FOLDER (`data` unless told otherwise) come `stations`, `collisions`, `requests`, `plates` and `books`, 50 MB in seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np


def stations(folder: Path, share: float) -> None:
    """Monthly means of twelve weather stations since 1950: it gets warmer, months are missing, and some were noted wrongly."""
    months = np.arange("1950-01", "2025-01", dtype="datetime64[M]")
    for number in range(12):
        rng = np.random.default_rng([1, number])
        years = np.arange(len(months)) / 12
        seasons = rng.uniform(5, 14) * np.sin(2 * np.pi * (years - 0.3))
        warming = rng.uniform(0.015, 0.035) * years + 0.01 * np.clip(years - 35, 0, None)
        degrees = rng.uniform(2, 15) + seasons + warming + rng.normal(0, 1.1, len(months))
        slips = rng.choice(len(months), 8, replace=False)
        degrees[slips] += rng.choice([-1, 1], 8) * rng.uniform(25, 40, 8)
        kept = rng.random(len(months)) > 0.02
        lines = [
            f"{month},{value:.2f}" if is_kept else f"{month},"
            for month, value, is_kept in zip(months, degrees, kept)
        ]
        (folder / f"station-{number:02}.csv").write_text("\n".join(["month,celsius", *lines]) + "\n")


def collisions(folder: Path, share: float) -> None:
    """Muons of six runs of a collider: how many each event has, and what all of them have, one after the other. Some pairs are
    what a Z boson left."""
    for number in range(6):
        rng = np.random.default_rng([2, number])
        counts = rng.poisson(1.3, int(60_000 * share)).astype(np.int32)
        pt = (5 + rng.exponential(14, counts.sum())).astype(np.float32)
        eta = rng.normal(0, 1.2, counts.sum()).astype(np.float32)
        phi = rng.uniform(-np.pi, np.pi, counts.sum()).astype(np.float32)
        charge = rng.choice(np.array([-1, 1], np.int8), counts.sum())
        firsts = (np.cumsum(counts) - counts)[(counts >= 2) & (rng.random(len(counts)) < 0.3)]
        one, other = firsts, firsts + 1
        mass = 91.19 + 1.25 * rng.standard_cauchy(len(firsts)).clip(-20, 20)
        pt[one] = rng.uniform(30, 60, len(firsts))
        phi[other] = (phi[one] + np.pi + rng.normal(0, 0.3, len(firsts)) + np.pi) % (2 * np.pi) - np.pi
        charge[other] = -charge[one]
        pt[other] = mass**2 / (2 * pt[one] * (np.cosh(eta[one] - eta[other]) - np.cos(phi[one] - phi[other])))
        np.savez_compressed(
            folder / f"run-{number}.npz", counts=counts, pt=pt, eta=eta, phi=phi, charge=charge
        )


def requests(folder: Path, share: float) -> None:
    """What eight web servers noted on one day, 45,000 requests each, robots among them."""
    many = int(45_000 * share)
    pages = ["/", "/search", "/basket", "/checkout", "/help", *(f"/item/{number}" for number in range(120))]
    agents = ["Firefox/142.0", "Chrome/139.0", "Safari/18.4", "Crawler/2.1", "FeedBot/1.0"]
    for number in range(8):
        rng = np.random.default_rng([3, number])
        seconds = np.sort(rng.integers(0, 86_400, many))
        visitors = (rng.zipf(1.35, many) - 1) % 4_000
        asked = rng.choice(len(pages), many, p=weights(len(pages)))
        agent = rng.choice(len(agents), many, p=[0.3, 0.4, 0.15, 0.1, 0.05])
        status = rng.choice([200, 301, 404, 500], many, p=[0.93, 0.03, 0.03, 0.01])
        size = rng.lognormal(8, 1, many).astype(int)
        lines = [
            f"10.0.{visitor // 250}.{visitor % 250} - - [20/Sep/2026:{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02} +0000] "
            f'"GET {pages[page]} HTTP/1.1" {code} {length} "-" "{agents[program]}"'
            for at, visitor, page, program, code, length in zip(seconds, visitors, asked, agent, status, size)
        ]
        (folder / f"server-{number}.log").write_text("\n".join(lines) + "\n")


def weights(many: int) -> np.ndarray:
    """Shares of many things by their rank, as words and pages have them."""
    shares = 1 / np.arange(1, many + 1)
    return shares / shares.sum()


def plates(folder: Path, share: float) -> None:
    """A photographic plate of the sky in sixteen tiles of 512 by 512: stars, noise, and a background that is not even."""
    side, tile = 2048, 512
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    plate = 200 + 60 * x - 40 * y * y + rng.normal(0, 12, (side, side)).astype(np.float32)
    reach = np.arange(-9, 10)
    star = np.exp(-(reach[:, None] ** 2 + reach[None, :] ** 2) / (2 * 2.2**2))
    for row, column, light in zip(*rng.integers(10, side - 10, (2, 900)), 40 * rng.pareto(1.4, 900) + 20):
        plate[row - 9 : row + 10, column - 9 : column + 10] += min(light, 4_000) * star
    for row in range(side // tile):
        for column in range(side // tile):
            part = plate[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
            np.save(folder / f"plate-{row}-{column}.npy", part.clip(0, 65_535).astype(np.uint16))


THINGS = {
    "lighthouse": "lighthouse keeper storm rock lamp boat fog harbour wave gull rope sailor tide anchor island captain",
    "garden": "garden rose wall gate bee orchard spade seed gardener hedge pear blossom pond frost ladder greenhouse",
    "railway": "railway engine signal tunnel station clerk ticket platform whistle bridge guard carriage timetable steam",
    "court": "court judge letter witness will heir debt lawyer seal verdict brother secret portrait fortune stairs oath",
}
DONE = "watched repaired forgot carried painted followed counted opened feared promised described found left kept lost"
HOW = "at dawn|without a word|for the third time|in the rain|as his father had|before anybody woke|with great care|once more"


def books(folder: Path, share: float) -> None:
    """Four novels of 120,000 words that nobody has written, each about things of its own and now and then about another's."""
    themes = list(THINGS)
    for number, theme in enumerate(themes):
        rng = np.random.default_rng([5, number])
        chapters = [chapter(rng, theme, themes, each) for each in range(1, round(72 * share) + 1)]
        (folder / f"the-{theme}.txt").write_text("\n\n".join(chapters) + "\n")


def chapter(rng: np.random.Generator, theme: str, themes: list[str], number: int) -> str:
    """A chapter; one in four is about another book's things."""
    about = rng.choice(themes) if rng.random() < 0.25 else theme
    things, done, how = THINGS[about].split(), DONE.split(), HOW.split("|")
    sentences = [
        f"The {rng.choice(things)} {rng.choice(done)} the {rng.choice(things)} and the {rng.choice(things)} {rng.choice(how)}."
        for _ in range(140)
    ]
    return f"CHAPTER {number}\n\n" + " ".join(sentences)


KINDS: tuple[Callable[[Path, float], None], ...] = (stations, collisions, requests, plates, books)


def make(folder: Path, *kinds: str, share: float = 1.0) -> None:
    """Makes the kinds that are named, or all, below a folder: of events, requests and chapters only a share, if one is given."""
    for kind in KINDS:
        if not kinds or kind.__name__ in kinds:
            (folder / kind.__name__).mkdir(parents=True, exist_ok=True)
            kind(folder / kind.__name__, share)


if __name__ == "__main__":
    make(Path(*sys.argv[1:2] or ["data"]))
