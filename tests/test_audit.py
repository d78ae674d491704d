"""What `make audit` makes of the pinned packages and of the answers about them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
HASH = "--hash=sha256:00"


@pytest.fixture
def audit() -> ModuleType:
    """The program, which has no ending that would make it a module."""
    loader = importlib.machinery.SourceFileLoader("audit", str(ROOT / "scripts" / "audit"))
    spec = importlib.util.spec_from_loader("audit", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_everything_that_is_installed_here_is_pinned_and_has_hashes(audit: ModuleType) -> None:
    files = audit.requirement_files()
    assert {ROOT / "requirements.txt", ROOT / "benchmarks/requirements.txt"} < set(files)
    for file in files:
        pins = list(audit.pins(file.read_text(), file.name))
        assert pins
        assert [pin for pin in pins if not pin.hashed] == []


@pytest.mark.parametrize("line", ["pytest", "pytest >= 8", f"pytest>=8 {HASH}", "./here"])
def test_what_is_not_pinned_is_refused(audit: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match=r"^file: \S+ is not pinned to a version$"):
        list(audit.pins(line, "file"))


def test_each_marker_s_version_is_looked_up(audit: ModuleType) -> None:
    text = f"""
# A comment
One==1.0 ; python_version < "3.12" \\
    {HASH} \\
    {HASH}
one==2.0 ; python_version >= "3.12" \\
    {HASH}
two == 1
"""
    pins = list(audit.pins(text, "file"))
    told = [(pin.name, pin.version, pin.hashed) for pin in pins]
    assert told == [("one", "1.0", True), ("one", "2.0", True), ("two", "1", False)]
    lists = audit.without_twins([*pins, *pins])
    assert [[(pin.name, pin.version) for pin in some] for some in lists] == [
        [("one", "1.0"), ("two", "1")],
        [("one", "2.0")],
    ]


def vulnerable(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": "1.0",
        "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1", "2.0"]}],
    }


GOOD: dict[str, Any] = {"name": "good", "version": "1.0", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("dependencies", "status", "said"),
    [
        ([GOOD], 0, "audit: 1 of 1 pinned packages looked up\n"),
        (
            [GOOD, vulnerable("bad")],
            1,
            "audit: 2 of 2 pinned packages looked up\n"
            "audit: FOUND bad 1.0: PYSEC-1, mended in 1.1, 2.0\n",
        ),
        (
            [vulnerable("cryptography")],
            0,
            "audit: 1 of 1 pinned packages looked up\n"
            "audit: remark: cryptography 1.0: PYSEC-1, mended in 1.1, 2.0; Debian's own, see "
            "https://security-tracker.debian.org/tracker/source-package\n",
        ),
        (
            [GOOD, UNKNOWN],
            0,
            "audit: SKIPPED for unknown: not known there\n"
            "audit: 1 of 2 pinned packages looked up\n",
        ),
        (
            [UNKNOWN],
            0,
            "audit: SKIPPED, the vulnerability service answers, and knows no package\n"
            "audit: 0 of 1 pinned packages looked up\n",
        ),
    ],
    ids=["good", "vulnerable", "Debian's", "one unknown", "all unknown"],
)
def test_what_is_said(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    dependencies: list[dict[str, Any]],
    status: int,
    said: str,
) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("".join(f"{each['name']}==1.0 {HASH}\n" for each in dependencies))
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "requirement_files", lambda: [requirements])
    monkeypatch.setattr(audit, "tool", lambda: Path("pip-audit"))
    monkeypatch.setattr(audit, "ask", lambda *_: {"dependencies": dependencies})
    assert audit.main() == status
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    "failure",
    [
        subprocess.CalledProcessError(1, "pip", stderr="WARNING\nERROR: no network\n"),
        OSError("no network"),
        ValueError("no network"),
    ],
)
def test_without_a_network_that_is_said_and_the_hashes_still_count(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    failure: Exception,
) -> None:
    def fails() -> Path:
        raise failure

    requirements = tmp_path / "requirements.txt"
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    monkeypatch.setattr(audit, "requirement_files", lambda: [requirements])
    monkeypatch.setattr(audit, "tool", fails)
    for line, status in ((f"one==1 {HASH}", 0), ("one==1", 1)):
        requirements.write_text(line)
        assert audit.main() == status
        said = capsys.readouterr().out
        assert said.startswith("audit: SKIPPED, nobody could be asked: ")
        assert "no network\naudit: 0 of 1 pinned packages looked up\n" in said
        assert ("FOUND requirements.txt: one 1 has no hash" in said) is bool(status)


def test_an_audit_that_breaks_off_has_no_report(audit: ModuleType, tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho first >&2\necho last >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(ValueError, match=r"^last$"):
        audit.ask(program, [audit.Pin("one", "1", "file", True)])
