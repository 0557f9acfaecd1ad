"""The peers' environments hold what cells need, in the versions that Clew's has."""

from __future__ import annotations

import pytest

from bench import environments


def pins(path):
    lines = [line for line in path.read_text().splitlines() if "==" in line]
    return {name.lower().replace("_", "-"): version for name, version in (line.split("==") for line in lines)}


@pytest.mark.parametrize("name", ["libraries", "kishu", "dumps", "torch", "spark"])
def test_a_package_that_clew_is_tested_with_has_the_same_version_beside_a_peer(name):
    ours = pins(environments.REQUIREMENTS / "py311.txt")
    theirs = pins(environments.REQUIREMENTS / f"bench-{name}.txt")
    differ = {
        one: (theirs[one], ours[one]) for one in theirs.keys() & ours.keys() if theirs[one] != ours[one]
    }
    assert theirs and differ == {}


def test_kishu_is_the_one_that_was_asked_for():
    found = pins(environments.REQUIREMENTS / "bench-kishu.txt")
    assert found["kishu"] == "0.3.3" and found["jupyter-ui-poll"] == "1.0.0"


@pytest.fixture
def requirements(tmp_path, monkeypatch):
    (tmp_path / "bench-some.txt").write_text("-r bench-base.txt\na==1\n")
    (tmp_path / "bench-base.txt").write_text("b==1\n")
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    return tmp_path


def test_an_environment_is_made_once_and_again_when_a_pin_below_it_moves(requirements, tmp_path):
    made = []
    venv = tmp_path / "venv"

    def how():
        venv.mkdir()
        made.append("made")

    environments.make(venv, "some", how)
    environments.make(venv, "some", how)
    assert len(made) == 1
    (requirements / "bench-base.txt").write_text("b==2\n")
    environments.make(venv, "some", how)
    assert len(made) == 2


def test_an_environment_whose_making_failed_is_made_anew(requirements, tmp_path):
    venv = tmp_path / "venv"

    def fails():
        venv.mkdir()
        raise OSError("no network")

    with pytest.raises(OSError):
        environments.make(venv, "some", fails)
    environments.make(venv, "some", venv.mkdir)
    assert (venv / ".installed").exists()
