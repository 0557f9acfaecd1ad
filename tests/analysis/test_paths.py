"""Files that code may name without opening them where Python sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.analysis.paths import named_files

FILES = ("a.csv", "d/p1.csv", "d/p2.csv", "d/deep/e.csv", "q/part.parquet", "o/x.db")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a")


def named(code, **values):
    compiled = compile(code, "<cell>", "exec")
    read = [value for name, value in values.items() if name in compiled.co_names]
    found = named_files(read, compiled.co_consts, (), set(compiled.co_names))
    here = str(Path.cwd())
    return {path[len(here) + 1 :] for path, _ in found.files if path.startswith(here)}


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("read('a.csv')", {"a.csv"}),
        ("sql('select * from \"a.csv\" where x > 1.5')", {"a.csv"}),
        ("connect('file:o/x.db?mode=ro')", {"o/x.db"}),
        ("read('d/*.csv')", {"d", "d/p1.csv", "d/p2.csv"}),
        ("read(f'{D}/*.csv')", {"d", "d/p1.csv", "d/p2.csv"}),
        # Python sees who does this.
        ("D.glob('*.csv')", set()),
        ("read('d/**/e.csv')", {"d", "d/deep", "d/deep/e.csv"}),
        ("read_parquet('q')", {"q", "q/part.parquet"}),
        # Who says nothing of folders may write into them.
        ("makedirs('q/')", set()),
        ("read(join('d', 'deep', 'e.csv'))", {"d/deep/e.csv"}),
        ("read(D / 'p1.csv')", {"d/p1.csv"}),
        ("read(D / 'deep' / 'e.csv')", {"d/deep/e.csv"}),
        ("read(f'd/p{i}.csv')", {"d/p1.csv", "d/p2.csv"}),
        ("read(f'{D}/p{i}.csv')", {"d/p1.csv", "d/p2.csv"}),
        ("read('d/p%d.csv' % i)", {"d/p1.csv", "d/p2.csv"}),
        ("read('d/{}'.format('p1.csv'))", {"d/p1.csv"}),
        ("(D / 'none.txt').exists()", {"none.txt", "d/none.txt"}),
        (r"sub(r'.*\.csv', '[.]', '.*', '*.none')", set()),
        ("print('One sentence. And one more.', 'word', 3.5)", set()),
    ],
)
def test_what_code_names_whole_or_in_parts_is_found(code, files):
    assert named(code, D=Path("d"), number=3) == files


def test_words_without_a_dot_or_slash_are_asked_of_nobody(monkeypatch):
    monkeypatch.setattr("clew.analysis.paths._mode", lambda path: pytest.fail(path))
    assert named("f('word', 'another')", name=7) == set()
