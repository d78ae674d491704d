"""Bytes that nobody meant: targets for a coverage-guided fuzzer, and what it has found.

A target is a function of bytes that raises for whatever must not happen. `make fuzz` hands
them to atheris; `tests/test_corpus.py` hands them every file of `corpus/` without it.
"""
