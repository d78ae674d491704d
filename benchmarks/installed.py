"""The gateway as Debian's package has it: the program in a folder of its own, compiled, and a
start script. A copy, so that an edit of the tree meanwhile is not what is measured."""

from __future__ import annotations

import atexit
import compileall
import dataclasses
import functools
import re
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.tools import ROOT
from gateway.config import LinkOptions

PYTHON = (sys.executable, "-I")
"""The interpreter, with the flag that the start script names."""


@functools.cache
def program() -> Path:
    """The folder that the start script puts into Python's path; it goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-program-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    leave_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "gateway", folder / "gateway", ignore=leave_out)
    compileall.compile_dir(folder, quiet=1)
    # A mount namespace of another owner has to be able to read it.
    folder.chmod(0o755)
    return folder


def start_script() -> Path:
    """The packaged start script, leading to the copy."""
    script = program() / "esp-at-gateway"
    if not script.exists():
        text = (ROOT / "packaging/esp-at-gateway").read_text(encoding="utf-8")
        script.write_text(text.replace("/usr/share/esp-at-gateway", str(program())))
    return script


def configuration(folder: Path) -> Path:
    """The packaged configuration, in `folder`, with the service's folders in there too."""
    text = (ROOT / "packaging/gateway.toml").read_text(encoding="utf-8")
    for name in ("state_dir", "cert_dir", "runtime_dir"):
        place = folder / name
        place.mkdir()
        text = re.sub(rf"^{name} = .*$", f'{name} = "{place}"', text, flags=re.MULTILINE)
    if "allow_loopback" in {each.name for each in dataclasses.fields(LinkOptions)}:
        # The far ends of the links are on this machine.
        text = re.sub(r"^#? ?allow_loopback = .*\n", "", text, flags=re.MULTILINE)
        text = text.replace("[links]\n", "[links]\nallow_loopback = true\n", 1)
    file = folder / "gateway.toml"
    file.write_text(text, encoding="utf-8")
    return file
