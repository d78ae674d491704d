"""NetworkManager's interfaces as sdbus-networkmanager describes them, and nothing else of it.

The package also has a class for each kind of setting that NetworkManager knows, some sixty data
classes, and its `__init__` imports them all: more than nine tenths of the time that importing it
takes, and 2 MB. The gateway writes its few settings itself (`profiles`). So the modules with the
interfaces are imported without the package's `__init__`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, Final

PACKAGE: Final = "sdbus_async.networkmanager"
_PARTS: Final = ("interfaces_other", "interfaces_devices")
_NEEDED: Final = (
    "NetworkManagerInterfaceAsync",
    "NetworkManagerSecretAgentManagerInterfaceAsync",
    "NetworkManagerSettingsInterfaceAsync",
    "NetworkManagerSettingsConnectionInterfaceAsync",
    "NetworkManagerDeviceInterfaceAsync",
    "NetworkManagerDeviceWirelessInterfaceAsync",
)


class _ProfileLater:
    """The package's class of a whole profile, which only methods that are not called here want."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(f"{PACKAGE}.settings").ConnectionProfile, name)


@functools.cache
def interfaces() -> Any:
    """The interfaces that the gateway calls, by their names in the package.

    Raises ImportError where the binding is not installed. A version of it that is laid out in
    another way is imported as a whole.
    """
    try:
        return _alone()
    except ImportError:
        return _chosen(importlib.import_module(PACKAGE))


def _chosen(*modules: ModuleType) -> SimpleNamespace:
    """The needed classes, in whichever of the modules they are. Raises ImportError."""
    names = {name: value for module in modules for name, value in vars(module).items()}
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise ImportError(f"sdbus-networkmanager has no {missing[0]}")
    return SimpleNamespace(**{name: names[name] for name in _NEEDED})


def _alone() -> SimpleNamespace:
    loaded = sys.modules.get(PACKAGE)
    if loaded is not None:
        return _chosen(loaded)
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ImportError(f"no module named {PACKAGE!r}")
    settings = ModuleType(f"{PACKAGE}.settings")
    settings.ConnectionProfile = _ProfileLater()  # type: ignore[attr-defined]
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    sys.modules[settings.__name__] = settings
    try:
        return _chosen(*(importlib.import_module(f"{PACKAGE}.{part}") for part in _PARTS))
    finally:
        # Whoever imports the package itself gets all of it.
        del sys.modules[PACKAGE], sys.modules[settings.__name__]
