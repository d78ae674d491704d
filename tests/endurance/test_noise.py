"""Ten million bytes of noise mixed with commands, through the real process.

`NOISE_SEED=n` repeats a run; every run prints its seed.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from tests.endurance.noise import Noise, Typist, answering_server
from tests.system.gateway_process import GatewayProcess
from tests.system.line_client import OK

WARM_UP_BYTES = 4_000_000
NOISE_BYTES = 10_000_000
PIECE = 100_000
"""Bytes of noise after which it is looked whether commands are still answered."""
PIECES_A_PASSAGE = 25
LEAST_REPLIES = 200_000
"""So many there must be, or most of the noise was swallowed by something."""
MORE_MEMORY = 3 << 19
"""Bytes; what is at rest differs by half of that from one time to the next."""
ANSWER_SECONDS = 1.0


def at_rest(gateway: GatewayProcess, typist: Typist) -> tuple[int, int]:
    """Memory in bytes and open descriptors, after a reset: no link and no server is open."""
    typist.come_back()
    typist.type(b"AT+RESTORE\r\n")
    assert typist.hears(b"\r\nready\r\n", 10.0) is not None
    typist.silence(0.5)
    return gateway.resident_bytes(), gateway.descriptors()


def make(noise: Noise, count: int, typist: Typist) -> None:
    """Type so many bytes of noise, now and then into pass-through."""
    for number in range(count // PIECE):
        if number % PIECES_A_PASSAGE == 0:
            typist.type(noise.passed_through(PIECE))
            typist.come_back()
        else:
            typist.type(noise.piece(PIECE))
            if not typist.answers():
                typist.come_back()


def test_ten_million_bytes_of_noise(tmp_path: Path) -> None:
    seed = int(os.environ.get("NOISE_SEED") or secrets.randbelow(1 << 32))
    print(f"\nNOISE_SEED={seed}")
    with (
        answering_server() as port,
        GatewayProcess(tmp_path) as gateway,
    ):
        noise = Noise(seed, port, tmp_path / "seeds")
        typist = Typist(gateway.line)
        try:
            make(noise, WARM_UP_BYTES, typist)
            memory, descriptors = at_rest(gateway, typist)
            make(noise, NOISE_BYTES, typist)
            typist.come_back()
            typist.type(b"AT\r\n")
            answered = typist.hears(OK, 10.0)
            assert answered is not None
            assert answered < ANSWER_SECONDS
            more, still_open = at_rest(gateway, typist)
            print(
                f"{typist.final_words} replies, AT after {answered * 1000:.1f} ms, "
                f"memory {memory / 1024:.0f} KiB and {(more - memory) / 1024:+.0f} KiB, "
                f"{still_open} descriptors"
            )
            assert typist.final_words > LEAST_REPLIES
            assert more - memory < MORE_MEMORY
            assert still_open == descriptors
            assert gateway.ends() == 0
        finally:
            typist.close()
    assert "Traceback" not in gateway.log
    assert "bug" not in gateway.log
