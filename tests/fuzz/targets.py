"""The targets by their names, which are also those of the corpus's folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.fuzz import conversation, foreign, language

Target = Callable[[bytes], None]

CORPUS = Path(__file__).parent / "corpus"

TARGETS: dict[str, Target] = {
    "stream": language.stream,
    "syntax": language.syntax,
    "session": conversation.session,
    "settings": foreign.settings,
    "configuration": foreign.configuration,
    "certificate": foreign.certificate,
    "monitor": foreign.monitor,
    "boot_files": foreign.boot_files,
}


def corpus_of(name: str) -> list[Path]:
    """The inputs that are kept for a target, by their names."""
    return sorted((CORPUS / name).iterdir())
