"""Every file of conf/ can be used: it parses, composes, and names code that exists."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from nanonet.paths import CONF

FILES = sorted(CONF.rglob("*.yaml"))
#: The roots, each composed by one entry point.
ROOTS = [path.stem for path in FILES if path.parent == CONF]
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
#: A group is composed with every root whose defaults name it.
OPTIONS = sorted(
    (path.parent.relative_to(CONF).as_posix(), path.stem)
    for path in FILES
    if path.parent.name not in {"conf", "experiment"}
)
#: What stands in for a group while the options of another are looked at, one by one: the default comparison and the
#: default campaign have many models in them, and take ten times as long. test_root_composes is with the defaults.
LIGHT = {"comparison": "trees", "campaign": "blend_tc_search"}


def _name(path: Path) -> str:
    return path.relative_to(CONF).as_posix()


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "_target_" in node:
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _find(target: str) -> Any:
    """What a dotted name stands for: the longest module in front, attributes behind."""
    parts = target.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:cut])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(error.name + ".")):
                continue
            raise
        for attribute in parts[cut:]:
            found = getattr(found, attribute)
        return found
    raise ModuleNotFoundError(target)


@cache
def _groups(root: str) -> set[str]:
    """The groups in a root's defaults list."""
    defaults = (yaml.safe_load((CONF / f"{root}.yaml").read_text(encoding="utf-8")) or {}).get("defaults", [])
    names = (next(iter(entry)) for entry in defaults if isinstance(entry, dict))
    return {name.removeprefix("optional ").removeprefix("override ").partition("@")[0].strip("/") for name in names}


def _compose(root: str, *overrides: str) -> Any:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(root, overrides=list(overrides), return_hydra_config=False)
    return OmegaConf.to_container(config, resolve=False)


def test_groups_are_found() -> None:
    assert FILES, f"no configuration in {CONF}"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_file_is_a_mapping(path: Path) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict), f"{path} holds {type(content).__name__}, expected a mapping"


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_targets_are_ours_and_exist(path: Path) -> None:
    # A _target_ is code that a file chooses; only our own packages may be chosen.
    for target in _targets(yaml.safe_load(path.read_text(encoding="utf-8"))):
        assert re.fullmatch(r"(nanonet|simulations)(\.\w+)+", target), f"{path}: _target_ {target} is not ours"
        assert callable(_find(target)), f"{path}: _target_ {target} is not callable"


@pytest.mark.parametrize("root", ROOTS)
def test_experiment_is_left_to_the_command_line(root: str) -> None:
    # `- experiment: null` in the defaults makes `+experiment=name` fail.
    assert "experiment" not in _groups(root)


@pytest.mark.parametrize("root", ROOTS)
def test_root_composes(root: str) -> None:
    assert _compose(root)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_experiment_composes(experiment: str) -> None:
    assert _compose("train", f"+experiment={experiment}")


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_option_composes(group: str, option: str) -> None:
    roots = [root for root in ROOTS if group in _groups(root)]
    absent = sorted({"simulate", "train", "evaluate"} - set(ROOTS))
    if not roots and absent:
        pytest.skip(f"conf/{group} may belong to {' or '.join(f'{name}.yaml' for name in absent)}, not there yet")
    assert roots, f"conf/{group} is in the defaults of no root ({', '.join(ROOTS)}), so nobody can choose it"
    for root in roots:
        others = [f"{other}={light}" for other, light in LIGHT.items() if other in _groups(root) and other != group]
        assert _compose(root, f"{group}={option}", *others)


@pytest.mark.parametrize("root", ROOTS)
def test_no_plain_setting_is_called_like_a_group(root: str) -> None:
    # Hydra would take `name=value` for the choice of an option of the group, and refuse it.
    content = yaml.safe_load((CONF / f"{root}.yaml").read_text(encoding="utf-8"))
    settings = {key for key, value in content.items() if not isinstance(value, dict)}
    groups = {path.parent.relative_to(CONF).parts[0] for path in FILES if path.parent != CONF}
    assert not settings & groups


def test_the_committee_has_the_networks_and_the_process_that_stand_alone() -> None:
    """Hydra cannot put a file into a list, so that their settings are written twice; they have to stay the same."""
    networks, process, _ = yaml.safe_load((CONF / "regressor" / "committee.yaml").read_text())["of"]
    assert networks == yaml.safe_load((CONF / "regressor" / "dense_ensemble.yaml").read_text())
    assert process == yaml.safe_load((CONF / "regressor" / "gaussian_process.yaml").read_text())
