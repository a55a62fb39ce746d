"""The workspace: names, locks, blocks that are whole or not there."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nanonet.domain import Composition
from nanonet.errors import ConfigError, RestartError, WorkspaceLockedError
from simulations.engines.base import FRAMES, RESTART
from simulations.protocol import Protocol
from simulations.workspace import (
    Block,
    PointFolder,
    StatePoint,
    Workspace,
    group_name,
    locked,
    point_by_id,
    process_name,
    volume_factor_of,
    write_json,
)

ME = re.escape(f"process {os.getpid()} on {socket.gethostname()}")


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "space")


@pytest.fixture
def point(space: Workspace, composition: Composition) -> PointFolder:
    return space.point(StatePoint(composition, Protocol("workstation")))


def make_block(point: PointFolder, index: int, keep: list[Block], restart: str = "") -> Block:
    attempt = point.path / "attempt-0"
    work = point.work_folder(attempt, index)
    (work / FRAMES).write_text(f"frames {index}")
    (work / RESTART).write_text(restart or f"restart {index}")
    return point.commit(work, attempt, {"index": index, "phase": "production"}, keep)


def make_blocks(point: PointFolder, count: int) -> list[Block]:
    blocks: list[Block] = []
    for index in range(count):
        blocks.append(make_block(point, index, blocks))
    return blocks


def test_names_are_pinned(space: Workspace, composition: Composition) -> None:
    """Folders that people have must be found again: another name here is a break of the schema."""
    first = StatePoint(composition, Protocol("workstation"))
    assert space.point(first).id == "d0b6ae0bbc63cf40a62f90cc4e4fd952"
    # from before the friction of the push-off could be chosen
    older = Protocol("workstation", soften_steps=4_000, soften_friction=10.0)
    assert space.point(StatePoint(composition, older)).id == "97bd8da178626694cd8cc77d1b3f2f1f"
    assert space.point(StatePoint(composition, older, replica=1)).id == "50c03b5238f482dea14f409682d10afc"
    assert first.group == group_name(composition) == "6aaa74a2d5e9"


def test_lengths_and_limits_do_not_name_a_state_point(space: Workspace, composition: Composition) -> None:
    short = Protocol("workstation")
    long = Protocol(
        "workstation",
        production_steps=10_000_000,
        production_msd=9.0,
        equilibration_steps=100_000,
        cap_core_hours=None,
        n_beads_max=50_000,
        extend_blocks=3,
    )
    assert space.point(StatePoint(composition, short)).id == space.point(StatePoint(composition, long)).id


@pytest.mark.parametrize(
    "changed",
    [{"dt": 0.01}, {"block_steps": 5_000}, {"sample_every": 100}, {"tau_t": 1.0}, {"n_np_min": 8}, {"name": "paper"}],
)
def test_physics_names_a_state_point(space: Workspace, composition: Composition, changed: dict) -> None:
    values = {"name": "workstation", **changed}
    one = space.point(StatePoint(composition, Protocol("workstation"))).id
    assert space.point(StatePoint(composition, Protocol(**values))).id != one


def test_a_larger_box_is_another_state_point(space: Workspace, composition: Composition) -> None:
    """One as large as the size rule says has the name it had before there was a choice."""
    protocol = Protocol("workstation")
    one, twice = (StatePoint(composition, protocol, volume_factor=factor) for factor in (1.0, 2.0))
    assert "volume_factor" not in one.to_dict()
    assert volume_factor_of(one.to_dict()) == 1
    assert volume_factor_of(space.point(twice).statepoint) == 2
    assert space.point(one).id != space.point(twice).id


def test_a_value_computed_in_two_ways_is_one_state_point(space: Workspace) -> None:
    given = Composition.from_phi(D=3.1, N=33, phi=0.07, eps_np_np=0.1 + 0.2, eps_p_np=0.3)
    again = Composition(D=3.1, N=33, rho=given.rho * (1 + 1e-15), eps_np_np=0.3, eps_p_np=0.3)
    protocol = Protocol("smoke")
    assert space.point(StatePoint(given, protocol)).id == space.point(StatePoint(again, protocol)).id


def test_a_held_workspace_names_who_holds_it(space: Workspace) -> None:
    with (
        space.campaign(),
        pytest.raises(WorkspaceLockedError, match=f"the workspace .* is held by {ME} since .*; wait until it ends"),
        Workspace(space.path).campaign(),
    ):
        pass
    with space.campaign():
        pass


def test_a_held_state_point_names_who_holds_it(point: PointFolder) -> None:
    assert point.holder() is None
    with point.lock():
        assert point.holder() == process_name()
        with pytest.raises(WorkspaceLockedError, match=f"state point {point.id} is held by {ME}"), point.lock():
            pass
    assert point.holder() is None


def test_a_lock_lasts_as_long_as_the_child_that_inherits_it(tmp_path: Path) -> None:
    """An orphaned engine keeps others out until it is gone."""
    waits = "import sys; sys.stdin.read()"
    with locked(tmp_path / "lock", "it") as descriptor:
        child = subprocess.Popen([sys.executable, "-c", waits], stdin=subprocess.PIPE, pass_fds=(descriptor,))
    with pytest.raises(WorkspaceLockedError), locked(tmp_path / "lock", "it"):
        pass
    child.kill()
    child.communicate()
    with locked(tmp_path / "lock", "it"):
        pass


def test_a_state_point_cut_short_is_made_again(space: Workspace, composition: Composition) -> None:
    statepoint = StatePoint(composition, Protocol("smoke"))
    point = space.point(statepoint)
    file = point.path / "signac_statepoint.json"
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    assert Workspace(space.path).points() == []
    again = Workspace(space.path).point(statepoint)
    assert again.id == point.id
    assert again.composition == composition
    assert [found.id for found in Workspace(space.path).points()] == [point.id]


def test_there_must_be_a_workspace_to_look_at(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(ConfigError, match=r"there is no workspace .*; run `make simulate` first"):
            Workspace.existing(path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file, expected a folder"):
        Workspace(tmp_path / "file")


def test_unknown_state_point(space: Workspace) -> None:
    with pytest.raises(ConfigError, match="has no state point abc"):
        point_by_id(space.path, "abc")


def test_blocks_in_order_up_to_the_first_gap(point: PointFolder) -> None:
    make_blocks(point, 4)
    attempt = point.path / "attempt-0"
    assert [block.index for block in point.blocks(attempt)] == [0, 1, 2, 3]
    (attempt / "blocks" / "00002" / "block.json").write_text('{"index": 2')
    assert [block.index for block in point.blocks(attempt)] == [0, 1]


def test_only_two_restart_files_are_kept(point: PointFolder) -> None:
    blocks = make_blocks(point, 5)
    assert [(block.folder / RESTART).exists() for block in blocks] == [False, False, False, True, True]
    assert all((block.folder / FRAMES).read_text() == f"frames {block.index}" for block in blocks)


@pytest.mark.parametrize("damage", ["cut", "altered", "gone"])
def test_a_damaged_restart_file_is_passed_over(
    point: PointFolder, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    blocks = make_blocks(point, 3)
    file = blocks[-1].folder / RESTART
    if damage == "gone":
        file.unlink()
    else:
        file.write_text(file.read_text()[:-1] + ("" if damage == "cut" else "X"))
    with caplog.at_level(logging.WARNING):
        kept, restart = point.resume_from(blocks)
    assert [block.index for block in kept] == [0, 1]
    assert restart == blocks[1].folder / RESTART
    if damage != "gone":
        assert "was cut short or altered (its hash differs); using the one before" in caplog.text
        assert str(file) in caplog.text


def test_no_restart_file_left(point: PointFolder) -> None:
    blocks = make_blocks(point, 3)
    for block in blocks[1:]:
        (block.folder / RESTART).write_text("nonsense")
    with pytest.raises(RestartError, match=f"none of the restart files of state point {point.id} is whole; delete"):
        point.resume_from(blocks)
    assert point.resume_from([]) == ([], None)


def test_a_block_made_again_takes_the_place_of_the_old_and_of_all_later(point: PointFolder) -> None:
    blocks = make_blocks(point, 4)
    make_block(point, 2, blocks[:2], restart="another")
    found = point.blocks(point.path / "attempt-0")
    assert [block.index for block in found] == [0, 1, 2]
    assert (found[-1].folder / RESTART).read_text() == "another"
    assert {folder.name for folder in found[0].folder.parent.iterdir()} == {"00000", "00001", "00002"}


def test_leftovers_of_killed_runs_are_removed(point: PointFolder) -> None:
    attempt = point.path / "attempt-0"
    (point.work_folder(attempt, 0) / "frames.gsd").touch()
    (attempt / "blocks" / ".work-replaced-00007").mkdir()
    assert list(point.work_folder(attempt, 1).iterdir()) == []
    assert [folder.name for folder in (attempt / "blocks").iterdir()] == [".work-00001"]


def test_a_damaged_block_says_what_to_do(point: PointFolder) -> None:
    block = make_block(point, 0, [])
    for content in (b"", b"PK\x03\x04 cut short"):
        (block.folder / "block.npz").write_bytes(content)
        with pytest.raises(RestartError, match=r"missing or damaged .*; delete .* to start this state point again"):
            block.data()


def test_json_appears_whole_or_not_at_all(point: PointFolder) -> None:
    write_json(point.path / "x.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(point.path / "x.json", {"a": object()})
    assert point.read_json("x.json") == {"a": 1}
    (point.path / "x.json").write_text('{"a": ')
    assert point.read_json("x.json") is None
    assert point.read_json("y.json") is None
