"""One attempt to join an access point: find it, activate a profile, watch what becomes of it.

NetworkManager alone would wait 25 s for an access point that is not there, and up to 20 s more
after a wrong password. So the access point is looked for by scanning first, and the device's
way from state to state tells the rest (NMDeviceState, NMDeviceStateReason).
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

from gateway.records import Record
from gateway.services.api import AccessPoint, Credentials, JoinError, JoinFailure
from gateway.services.network import view
from gateway.services.network.manager import DeviceState, Manager, Objects

_WRONG_PASSWORD: Final = {7}  # no secrets
_SUPPLICANT_DISCONNECTED: Final = 8
REPLACED: Final = 60
"""NMDeviceStateReason: another connection is activated in its place."""

_NO_SUCH_AP: Final = {53}  # SSID not found
_NO_ADDRESS: Final = {5, 6, 15, 16, 17}  # IP configuration unavailable or expired, DHCP
_SUPPLICANT_TIMED_OUT: Final = {11}

# An access point heard so long ago, in seconds, may be gone: nmcli scans anew as well.
_FRESH: Final = 30


class Transition(Record):
    """A device's step from one NMDeviceState to another, and the active connection then."""

    new: int
    old: int
    reason: int
    active: str | None


class Transitions:
    """The last steps of a device, for whoever watches an activation."""

    def __init__(self) -> None:
        self._steps: deque[Transition] = deque(maxlen=64)

    def clear(self) -> None:
        """Forget them, before a new activation."""
        self._steps.clear()

    def add(self, step: Transition) -> None:
        """The device has taken another step."""
        self._steps.append(step)

    @property
    def last_reason(self) -> int:
        """The NMDeviceStateReason of the last step, 0 if there was none."""
        return self._steps[-1].reason if self._steps else 0

    def failure(self, active: str) -> JoinError | None:
        """Why the activation `active` came to nothing; None while it has not."""
        begun = False
        for step in self._steps:
            begun = begun or step.active == active
            if begun and (failure := _failure(step)):
                return failure
        return None


def _failure(step: Transition) -> JoinError | None:
    refused = step.new == DeviceState.NEED_AUTH and step.reason == _SUPPLICANT_DISCONNECTED
    if refused or step.reason in _WRONG_PASSWORD:
        return JoinError(JoinFailure.WRONG_PASSWORD, "The access point refuses the password.")
    if step.new not in (DeviceState.FAILED, DeviceState.DISCONNECTED, DeviceState.UNAVAILABLE):
        return None
    if step.reason in _NO_SUCH_AP:
        return JoinError(JoinFailure.NO_SUCH_AP, "The access point is not in reach any more.")
    if step.reason in _NO_ADDRESS:
        return JoinError(JoinFailure.TIMED_OUT, "The access point's DHCP server gave no address.")
    if step.reason in _SUPPLICANT_TIMED_OUT:
        return JoinError(JoinFailure.TIMED_OUT, "The access point does not answer.")
    return JoinError(
        JoinFailure.OTHER, f"NetworkManager gave it up (NMDeviceStateReason {step.reason})."
    )


class RadioNotReady(JoinError):
    """NetworkManager waits for the radio, which is over in seconds where it has just started."""


def ready_device(manager: Manager, interface: str) -> str:
    """The Wi-Fi device's path; raises JoinError with what the owner can do if it is of no use."""
    if not manager.present:
        raise _unusable("NetworkManager is not running; run: sudo systemctl start NetworkManager")
    objects = manager.objects
    device = view.device(objects, interface)
    if device is None:
        raise _unusable(
            f"NetworkManager has no Wi-Fi device {interface}; "
            "name it in gateway.toml: [network] wifi_interface"
        )
    if not view.wireless_hardware_enabled(objects):
        raise _unusable("Wi-Fi is switched off (rfkill); run: sudo rfkill unblock wifi")
    if not view.wireless_enabled(objects):
        raise _unusable("Wi-Fi is switched off; run: sudo nmcli radio wifi on")
    state = view.device_state(objects, device)
    if state <= DeviceState.UNMANAGED:
        raise _unusable(
            f"NetworkManager does not manage {interface}; run: "
            f"sudo nmcli device set {interface} managed yes"
        )
    if state == DeviceState.UNAVAILABLE:
        raise RadioNotReady(
            JoinFailure.OTHER,
            f"{interface} cannot be used for now (is wpa_supplicant there, "
            "the Wi-Fi country set?); see: nmcli device",
        )
    return device


def _unusable(sentence: str) -> JoinError:
    return JoinError(JoinFailure.OTHER, sentence)


def is_meant(point: AccessPoint, credentials: Credentials) -> bool:
    """Whether this is the access point that the credentials are for."""
    return point.ssid == credentials.ssid and credentials.bssid in (None, point.bssid)


def nameless(objects: Objects, device: str) -> set[str]:
    """The BSSIDs of access points that hide their SSID.

    Once one has been asked for by its name it shows twice, or with its name only.
    """
    return {point.bssid for _path, point in view.access_points(objects, device) if not point.ssid}


def strongest(
    objects: Objects, device: str, credentials: Credentials, *, fresh: bool
) -> tuple[str, AccessPoint] | None:
    """The access point to join and its path; with `fresh` only one heard in the last 30 s."""
    oldest = time.clock_gettime(time.CLOCK_BOOTTIME) - _FRESH if fresh else -1
    found = [
        (path, point)
        for path, point in view.access_points(objects, device)
        if is_meant(point, credentials) and view.last_seen(objects, path) >= oldest
    ]
    return max(found, key=lambda one: one[1].rssi, default=None)
