"""Who does the next block, with a Dask that answers as the test wants it to."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed import CancelledError
from distributed.comm.core import CommClosedError

from nanonet.errors import EngineError, EngineKilledError, EngineNotInstalledError, WorkspaceLockedError
from simulations import campaign
from simulations.campaign import Reporter, Summary, run_campaign
from simulations.pipeline import Progress
from simulations.protocol import Protocol
from simulations.workspace import Workspace

ADVANCED = Progress("advanced", "production", 1, 2, 0.1)
FINISHED = Progress("finished", "production", 2, 2, 0.2)
FAILED = Progress("failed", "failed", 0, 0, 0.0, "it exploded")


class Future:
    """Done at once."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def done(self) -> bool:
        return True

    def result(self) -> Progress:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def add_done_callback(self, call: Callable[[Any], None]) -> None:
        threading.Timer(0.001, call, args=(self,)).start()


class Client:
    """A scheduler with some threads and, for each point, the outcomes of its blocks."""

    def __init__(self, threads: int = 2, **outcomes: list[Any]) -> None:
        self.threads = threads
        self.status = "running"
        self.outcomes = {point: deque(steps) for point, steps in outcomes.items()}
        self.order: list[str] = []
        self.greeted = 0

    def register_plugin(self, plugin: Any) -> None:
        self.greeted += 1

    def forward_logging(self, name: str) -> None:
        assert name == "simulations"

    def nthreads(self) -> dict[str, int]:
        return {"worker": self.threads} if self.threads else {}

    def submit(self, call: Any, space: str, point: str, *_: Any, **__: Any) -> Future:
        self.order.append(point)
        return Future(self.outcomes[point].popleft())


class Listener(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.seen: dict[str, list[str]] = defaultdict(list)
        self.ended = False

    def note(self, text: str) -> None:
        self.notes.append(text)

    def advanced(self, point: str, progress: Progress) -> None:
        self.seen[point].append(progress.outcome)

    def end(self) -> None:
        self.ended = True


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Summary]:
    def go(client: Client, listener: Listener | None = None, **more: Any) -> Summary:
        points = list(client.outcomes)
        protocols = dict.fromkeys(points, Protocol("smoke"))
        space = Workspace(tmp_path)
        return run_campaign(space, points, protocols, "an.engine", {}, client=client, reporter=listener, **more)

    return go


def test_a_point_that_was_begun_goes_on_before_another_is_begun(run: Callable[..., Summary]) -> None:
    client = Client(1, a=[ADVANCED, ADVANCED, FINISHED], b=[FINISHED], c=[ADVANCED, FINISHED])
    summary = run(client)
    assert client.order == ["a", "a", "a", "b", "c", "c"]
    assert summary == Summary(finished=["a", "b", "c"])


def test_a_finished_point_may_go_on_longer(run: Callable[..., Summary]) -> None:
    longer = deque([Protocol("smoke", extend_blocks=10), None])
    client, listener = Client(1, a=[FINISHED, ADVANCED, FINISHED], b=[FAILED]), Listener()
    result = run(client, listener, longer=lambda _: longer.popleft())
    assert client.order == ["a", "a", "a", "b"], "and before another is begun"
    assert result.finished == ["a"]
    assert listener.seen["a"] == ["advanced", "advanced", "finished"]
    assert "a does not pass yet and goes on" in listener.notes
    assert not longer, "nobody asks of a point that failed"


def test_a_failed_point_does_not_stop_the_others(run: Callable[..., Summary]) -> None:
    listener = Listener()
    summary = run(Client(a=[FAILED], b=[ADVANCED, FINISHED]), listener)
    assert summary == Summary(finished=["b"], failed={"a": "it exploded"})
    assert listener.seen == {"a": ["failed"], "b": ["advanced", "finished"]}
    assert listener.ended


@pytest.mark.parametrize("error", [CancelledError("lost"), CommClosedError("lost")])
def test_a_block_that_was_lost_is_run_again(run: Callable[..., Summary], error: Exception) -> None:
    assert run(Client(a=[error] * 5 + [FINISHED])) == Summary(finished=["a"])


def test_a_block_that_is_killed_is_run_again_but_not_for_ever(run: Callable[..., Summary]) -> None:
    killed = EngineKilledError("by SIGKILL")
    listener = Listener()
    often = [killed, killed, ADVANCED, killed, killed, FINISHED]
    summary = run(Client(a=often, b=[killed] * 3, c=[FINISHED]), listener)
    assert sorted(summary.finished) == ["a", "c"]
    assert summary.left == {"b": "by SIGKILL (3 times in a row)"}
    assert summary.open == ["b"]
    assert not summary.failed
    assert listener.notes.count("b: by SIGKILL; its block is run again") == 2


def test_an_unexpected_error_leaves_its_point_and_no_other(run: Callable[..., Summary]) -> None:
    summary = run(Client(a=[KeyError("x")], b=[FINISHED]))
    assert summary.left == {"a": "KeyError: 'x'"}
    assert (summary.finished, summary.open) == (["b"], ["a"])


@pytest.mark.parametrize("error", [EngineNotInstalledError("install it"), OSError(28, "the disk is full")])
def test_what_no_other_point_can_do_either_stops_the_campaign(run: Callable[..., Summary], error: Exception) -> None:
    listener = Listener()
    client = Client(2, a=[error], b=[ADVANCED, FINISHED], c=[FINISHED])
    with pytest.raises(type(error)):
        run(client, listener)
    assert client.order == ["a", "b"], "blocks under way are finished, none is begun"
    assert listener.seen == {"b": ["advanced"]}
    assert listener.ended


def test_a_held_point_is_waited_for(run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_LOCK_WAIT", 0.05)
    monkeypatch.setattr(campaign, "_POLL", 0.01)
    held = WorkspaceLockedError("a is held by process 7 on there")
    listener = Listener()
    client = Client(1, a=[held, held, FINISHED], b=[FINISHED])
    assert run(client, listener).finished == ["b", "a"]
    assert listener.notes == ["waiting: a is held by process 7 on there"]


def test_a_point_that_is_never_let_go(run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_LOCK_WAIT", 0.01)
    monkeypatch.setattr(campaign, "_LOCK_PATIENCE", 0.1)
    monkeypatch.setattr(campaign, "_POLL", 0.01)
    with pytest.raises(WorkspaceLockedError, match="held by process 7"):
        run(Client(a=[WorkspaceLockedError("a is held by process 7")] * 1000))


def test_no_workers_yet(run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "_POLL", 0.01)
    client = Client(0, a=[FINISHED])
    threading.Timer(0.1, lambda: setattr(client, "threads", 1)).start()
    assert run(client) == Summary(finished=["a"])


def test_a_scheduler_that_comes_back_is_told_again(
    run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "_POLL", 0.01)
    client = Client(1, a=[ADVANCED, FINISHED])
    client.status = "connecting"
    threading.Timer(0.1, lambda: setattr(client, "status", "running")).start()
    assert run(client) == Summary(finished=["a"])
    assert client.greeted == 2


@pytest.mark.parametrize("status", ["closed", "connecting"])
def test_a_scheduler_that_does_not_come_back(
    run: Callable[..., Summary], monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr(campaign, "_POLL", 0.01)
    monkeypatch.setattr(campaign, "_RECONNECT", 0.05)
    client = Client(1, a=[FINISHED])
    client.status = status
    with pytest.raises(EngineError, match="the Dask scheduler is gone; no finished block was lost"):
        run(client)
