"""Every input that fuzzing has kept, replayed: see tests/fuzz. No fuzzer is needed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import CORPUS, TARGETS, corpus_of

MOST_FILES = 300
MOST_BYTES = 300_000


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_fuzzer_begins_with_goes_through_as_well(name: str, tmp_path: Path) -> None:
    for data in seeds(name, tmp_path):
        try:
            TARGETS[name](data)
        except BaseException as error:
            error.add_note(f"with {data!r}")
            raise


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_replayed(name: str) -> None:
    files = corpus_of(name)
    assert files
    for file in files:
        try:
            TARGETS[name](file.read_bytes())
        except BaseException as error:
            error.add_note(f"with {file}")
            raise


def test_the_corpus_stays_small_and_has_no_other_folders() -> None:
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert len(files) < MOST_FILES
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert {file.relative_to(CORPUS).parts[0] for file in files} == TARGETS.keys()
