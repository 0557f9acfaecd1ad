"""Renders the real output of a command like a terminal."""

from __future__ import annotations

import io
import os
import pty
import subprocess

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

LIGHT = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [
        (36, 41, 47),
        (190, 30, 40),
        (20, 115, 50),
        (140, 90, 0),
        (20, 90, 190),
        (130, 60, 170),
        (20, 120, 130),
        (90, 96, 104),
    ],
    [(106, 113, 122), *[(36, 41, 47)] * 7],
)
DARK = TerminalTheme(
    (24, 27, 32),
    (218, 222, 228),
    [
        (60, 64, 70),
        (240, 110, 105),
        (110, 200, 125),
        (225, 180, 90),
        (110, 165, 245),
        (200, 150, 240),
        (100, 200, 210),
        (218, 222, 228),
    ],
    [(145, 152, 162), *[(218, 222, 228)] * 7],
)
#: In rich's template language: rich inserts colours and code.
FRAME = """<!DOCTYPE html><meta charset="utf-8"><style>
body{{margin:0}}
.screen{{display:inline-block;background:{background};color:{foreground};border-radius:8px;padding:14px 20px 16px}}
pre{{margin:0;font:13px/1.5 "DejaVu Sans Mono",Menlo,Consolas,monospace;width:calc(WIDTHch + 1ch);white-space:pre-wrap;word-break:break-all}}
</style><div class="screen"><pre>{code}</pre></div>"""


def said(words: list[str], environment: dict[str, str], width: int) -> str:
    """Returns the output of a command in a terminal, with colours."""
    ours, theirs = pty.openpty()
    environment = environment | {"COLUMNS": str(width), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    pieces: list[bytes] = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        pieces.append(piece)
    process.wait()
    os.close(ours)
    return b"".join(pieces).decode().replace("\r\n", "\n")


def frame(prompt: str, output: str, theme: str, width: int) -> str:
    """Returns a page that looks like a terminal in which `prompt` was typed."""
    console = Console(
        record=True, width=1000, file=io.StringIO(), force_terminal=True, color_system="standard"
    )
    console.print(Text(prompt, style="bold"), soft_wrap=True)
    text = Text.from_ansi(output.rstrip("\n"))
    # The colour of dimmed text: a grey that is readable in a small picture.
    text.spans = [
        span._replace(style="bright_black") if span.style == Style(dim=True) else span for span in text.spans
    ]
    console.print(text, soft_wrap=True)
    looks = LIGHT if theme == "light" else DARK
    return console.export_html(
        theme=looks, code_format=FRAME.replace("WIDTH", str(width)), inline_styles=True
    )
