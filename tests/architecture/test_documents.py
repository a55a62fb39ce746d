"""Only executed documents stay true: code blocks, commands, docstring examples, file sizes."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from nanonet.paths import ROOT

LARGEST_FILE = 2_000_000
#: `<!-- run -->` before a bash block: run it. `<!-- not run: reason -->` before a python block: leave it.
BLOCK = re.compile(
    r"(?:<!-- *(?P<mark>[^\n]*?) *-->\n+)?^```(?P<language>\w+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


class Block(NamedTuple):
    document: Path
    line: int
    language: str
    mark: str
    code: str

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


BLOCKS = [
    Block(path, text.count("\n", 0, match.start("code")) + 1, match["language"], match["mark"] or "", match["code"])
    for path in DOCUMENTS
    for text in [path.read_text(encoding="utf-8")]
    for match in BLOCK.finditer(text)
]
PYTHON = [path for path in DOCUMENTS if any(b.document == path and b.language == "python" for b in BLOCKS)]
BASH = [block for block in BLOCKS if block.language == "bash"]
DOCTESTS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("nanonet", "simulations")
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def _tracked(root: Path) -> list[Path]:
    """Files that git knows; where there is no git (an unpacked archive), all but .venv."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    return [path for path in root.rglob("*") if path.is_file() and ".venv" not in path.parts]


def test_readme_has_code() -> None:
    assert any(block.document.name == "README.md" and block.language == "python" for block in BLOCKS)
    assert any(block.document.name == "README.md" and block.mark == "run" for block in BLOCKS)


@pytest.mark.parametrize("document", PYTHON, ids=lambda path: path.name)
def test_python_blocks_run(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The blocks of one document go on from each other, as a reader would type them.
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    ran = 0
    for block in BLOCKS:
        if block.document != document or block.language != "python":
            continue
        if block.mark.startswith("not run"):
            assert len(block.mark) > len("not run: "), f"{block} is not run and does not say why"
            continue
        exec(compile("\n" * (block.line - 1) + block.code, str(document), "exec"), names)
        ran += 1
    assert ran, f"every python block of {document.name} is left out"


@pytest.mark.parametrize("block", [block for block in BASH if block.mark == "run"], ids=str)
def test_marked_bash_blocks_run(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


@pytest.mark.parametrize("block", BASH, ids=str)
def test_commands_exist(block: Block) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"^(?:nice )?make +([a-z]+)", block.code, re.MULTILINE):
        assert target in targets, f"{block}: `make {target}` does not exist"
    for module in re.findall(r"python3? -m ((?:nanonet|simulations|benchmarks)[\w.]*)", block.code):
        assert importlib.util.find_spec(module), f"{block}: `python -m {module}` does not exist"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_inside_the_checkout_hold(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}, which is not there"


@pytest.mark.parametrize("module", DOCTESTS)
def test_docstring_examples_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0, f"{module} has examples that doctest does not find"
    assert result.failed == 0


def test_make_help_names_every_target(checkout: Path) -> None:
    shown = subprocess.run(["make", "help"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    declared = re.search(r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert declared
    for target in declared[1].split():
        assert re.search(rf"^  {target} ", shown, re.MULTILINE), f"make help does not mention {target}"


def test_no_large_files(checkout: Path) -> None:
    large = {str(path.relative_to(checkout)): path.stat().st_size for path in _tracked(checkout)}
    large = {name: size for name, size in large.items() if size > LARGEST_FILE}
    assert not large, f"files above {LARGEST_FILE} bytes: {large}"


def test_versions_agree(checkout: Path) -> None:
    import nanonet

    citation = (checkout / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(rf"^version: {re.escape(nanonet.__version__)}$", citation, re.MULTILINE)
    assert f"## [{nanonet.__version__}]" in (checkout / "CHANGELOG.md").read_text(encoding="utf-8")
