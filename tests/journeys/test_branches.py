"""Two models on two branches, under one name: begun, compared, gone back to, and the better one kept."""

from __future__ import annotations

from cases.story import Notebook

from journeys.person import Person, refused, told

LOAD = """
from sklearn.datasets import load_wine
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
X, y = load_wine(return_X_y=True, as_frame=True)
train, test, train_y, test_y = train_test_split(X, y, test_size=0.4, stratify=y, random_state=2)
"""

TREE = """
from sklearn.tree import DecisionTreeClassifier
model = DecisionTreeClassifier(max_depth=2, random_state=2).fit(train, train_y)
score = round(accuracy_score(test_y, model.predict(test)), 3)
"""

FOREST = """
from sklearn.ensemble import RandomForestClassifier
model = RandomForestClassifier(20, random_state=2).fit(train, train_y)
score = round(accuracy_score(test_y, model.predict(test)), 3)
weights = model.feature_importances_
"""

LOOK = ["type(model).__name__", "score", "model.predict(test).tolist()", "'weights' in globals()"]


def two_branches(ada: Person) -> tuple[Notebook, list[str], list[str]]:
    """Trains both models; gives the notebook, on `forest`, and what each branch looked like from within."""
    notebook = ada.opens("wine.ipynb")
    notebook.run(LOAD)
    told(notebook, "branch tree")
    notebook.run(TREE)
    tree = notebook.read(*LOOK)
    told(notebook, "switch 2")
    told(notebook, "branch forest")
    notebook.run(FOREST)
    return notebook, tree, notebook.read(*LOOK)


def test_a_branch_follows_the_runs_made_on_it(ada: Person) -> None:
    notebook, _, _ = two_branches(ada)
    runs = {run["run"]: run["names"] for run in notebook.ask("log --all")["runs"]}
    assert runs == {"4": ["forest"], "3": ["tree"], "2": [], "1": []}
    graph = told(notebook, "log --graph --all")
    assert "[forest]" in graph and "[tree]" in graph
    assert ada.clew("log", "--graph", "--all").well().count("model") == graph.count("model")
    listed = told(notebook, "branch")
    assert "tree" in listed and "forest" in listed


def test_a_graph_that_is_cut_off_shows_no_parent_that_is_none(ada: Person) -> None:
    notebook, _, _ = two_branches(ada)

    def drawn(words: str) -> list[str]:
        lines = told(notebook, f"log --graph {words}").splitlines()
        return [line.split("In [")[0].rstrip() for line in lines if "In [" in line or "/" in line[:6]]

    assert drawn("--all") == ["@    4", "| *  3", "|/", "*    2"]
    assert drawn("--all -n 2") == ["@    4", "| *  3"]
    assert drawn("-n 1") == ["@  4"]


def test_undo_takes_the_branch_along_and_a_switch_leaves_it_standing(ada: Person) -> None:
    notebook, _, _ = two_branches(ada)
    assert told(notebook, "undo").startswith("Undid run 4 in ")
    named = {name: run["run"] for run in notebook.ask("log --all")["runs"] for name in run["names"]}
    assert named == {"tree": "3", "forest": "2"}, "what is undone is off the branch"
    told(notebook, "redo")
    told(notebook, "switch 2")
    named = {name: run["run"] for run in notebook.ask("log --all")["runs"] for name in run["names"]}
    assert named == {"tree": "3", "forest": "4"}


def test_switching_by_name_brings_each_model_back_fitted(ada: Person) -> None:
    notebook, tree, forest = two_branches(ada)
    train = notebook.identities(["train", "train_y", "X"])
    assert tree != forest
    for _ in range(2):
        assert told(notebook, "switch tree").startswith("Switched to ")
        assert notebook.read(*LOOK) == tree
        told(notebook, "switch forest")
        assert notebook.read(*LOOK) == forest
    assert notebook.identities(["train", "train_y", "X"]) == train, (
        "the data was not loaded again, nor copied"
    )


def test_the_branches_are_compared_where_they_lie(ada: Person) -> None:
    notebook, tree, forest = two_branches(ada)
    differs = notebook.ask("diff tree forest")
    names = {
        (change["after"] or change["before"])["key"]: change["change"]
        for change in differs["state"]
        if (change["after"] or change["before"])["kind"] == "name"
    }
    expected = {"model": "changed", "weights": "added", "DecisionTreeClassifier": "removed"}
    assert expected.items() <= names.items() and "train" not in names
    assert (names.get("score") == "changed") == (tree[1] != forest[1])
    assert "~model" in told(notebook, "diff tree forest") and notebook.at() == "4"
    assert "+model = RandomForest" in ada.clew("diff", "tree", "forest", "--code").well()


def test_work_goes_on_along_the_branch_one_is_on(ada: Person) -> None:
    notebook, tree, _ = two_branches(ada)
    told(notebook, "switch tree")
    notebook.run("note = 'two splits are enough'")
    told(notebook, "switch forest")
    assert "note" not in notebook.names()
    told(notebook, "switch tree")
    assert notebook.read("note") == ["'two splits are enough'"] and notebook.read(*LOOK) == tree


def test_the_better_one_is_kept_and_the_other_forgets_only_its_name(ada: Person) -> None:
    notebook, tree, forest = two_branches(ada)
    told(notebook, "branch -m forest best")
    told(notebook, "branch -d tree")
    told(notebook, "tag handed-in")
    assert "There is no run `tree`" in told(notebook, "switch tree")
    assert refused(notebook, "switch forest")["exit"] == 2
    told(notebook, "switch 3")
    assert notebook.read(*LOOK) == tree, "taking a name away takes no run away"
    told(notebook, "switch best")
    assert notebook.read(*LOOK) == forest

    notebook.kill()
    again = ada.opens("wine.ipynb")
    assert again.move("resume handed-in").data["exit"] == 0
    assert again.read(*LOOK) == forest
    assert again.move("switch 3").data["exit"] == 0
    assert again.read(*LOOK) == tree
