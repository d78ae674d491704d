"""The guest's shell for whoever is inside the guest."""

from __future__ import annotations

import subprocess
import time

from tests.vm.shell_protocol import CommandFailed, Result


class LocalShell:
    """Runs commands here; implements `Shell`."""

    def run(
        self, command: str, *, seconds: float = 60, data: bytes = b"", check: bool = True
    ) -> Result:
        """Run `command` with `data` as its input."""
        begun = time.monotonic()
        # Without capture: what the command leaves in the background would keep a pipe open.
        done = subprocess.run(
            ["/bin/bash", "-c", command], input=data, timeout=seconds, start_new_session=True
        )
        if check and done.returncode:
            raise CommandFailed(f"{command}\nends with {done.returncode}")
        return Result(done.returncode, "", time.monotonic() - begun)
