"""The configuration: /etc/esp-at-gateway/gateway.toml and the command line's options.

A key that is not known, a wrong type or an impossible value is refused in one sentence that
names the file and the key. What is allowed stands beside each field below; packaging/
gateway.toml tells what it means.
"""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from typing import Any

from gateway import config_checks as check
from gateway.config_checks import ConfigError, allowed, field_check
from gateway.records import Record
from gateway.services.api import Encryption
from gateway.services.api_line import BAUD

__all__ = ["DEFAULT_PATH", "Config", "ConfigError", "load", "state_dir_of"]

DEFAULT_PATH = Path("/etc/esp-at-gateway/gateway.toml")

ENCRYPTIONS = {
    "open": Encryption.OPEN,
    "wep": Encryption.WEP,
    "wpa": Encryption.WPA,
    "wpa2": Encryption.WPA2,
    "wpa/wpa2": Encryption.WPA_WPA2,
    "wpa2-enterprise": Encryption.ENTERPRISE,
    "wpa3": Encryption.WPA3,
    "wpa2/wpa3": Encryption.WPA2_WPA3,
}


class UartOptions(Record):
    """The serial line: a device or `pty:PATH`, and its speed until the first `AT+UART_DEF`."""

    device: str = field(default="/dev/serial0", metadata=allowed(check.device))
    baud: int = field(default=115200, metadata=allowed(check.whole(*BAUD)))


class GpioOptions(Record):
    """The ESP-01's other pins, as GPIO numbers of the Pi's header; None is not connected."""

    reset_pin: int | None = field(default=None, metadata=allowed(check.whole(2, 27)))
    enable_pin: int | None = field(default=None, metadata=allowed(check.whole(2, 27)))
    led_pin: int | None = field(default=None, metadata=allowed(check.whole(2, 27)))

    def __post_init__(self) -> None:
        if len(set(self.used)) < len(self.used):
            raise ConfigError(f"needs a pin for each, and has {', '.join(map(str, self.used))}")
        if {14, 15} & set(self.used):
            # Claiming one as an input takes it away from the UART.
            raise ConfigError("cannot have 14 and 15, which are the UART's")

    @property
    def used(self) -> tuple[int, ...]:
        """The numbers of the pins that are connected."""
        pins = (self.reset_pin, self.enable_pin, self.led_pin)
        return tuple(pin for pin in pins if pin is not None)


class NetworkOptions(Record):
    """Which network the gateway moves: the host's, on these interfaces, or one in memory."""

    kind: str = field(
        default="networkmanager", metadata=allowed(check.word("networkmanager", "simulated"))
    )
    wifi_interface: str = field(default="wlan0", metadata=allowed(check.interface))
    ethernet_interface: str = field(default="eth0", metadata=allowed(check.interface))
    softap_interface: str = field(default="ap0", metadata=allowed(check.interface))
    protect_owner: bool = field(default=False, metadata=allowed(check.flag))

    def __post_init__(self) -> None:
        names = (self.wifi_interface, self.ethernet_interface, self.softap_interface)
        if len(set(names)) < len(names):
            raise ConfigError(f"needs three different interfaces, and has {', '.join(names)}")


class SoftApOptions(Record):
    """The gateway's own access point, as far as no command tells."""

    share_uplink: bool = field(default=False, metadata=allowed(check.flag))


class LinkOptions(Record):
    """Limits of TCP and TLS links (contract, section 6): seconds, and bytes a link.

    `allow_loopback` as it is written; see `Config.loopback_allowed`.
    """

    connect_seconds: float = field(default=4.5, metadata=allowed(check.number(0.5, 60)))
    send_seconds: float = field(default=5.0, metadata=allowed(check.number(0.5, 60)))
    buffer_bytes: int = field(default=16384, metadata=allowed(check.whole(2048, 65535)))
    allow_loopback: bool | None = field(default=None, metadata=allowed(check.flag))


class TlsOptions(Record):
    """What every TLS server has to be, whatever the microcontroller asks for."""

    require_authentication: bool = field(default=False, metadata=allowed(check.flag))
    minimum_version: str = field(default="1.2", metadata=allowed(check.word("1.2", "1.3")))


class StorageOptions(Record):
    """Where the stored settings are, the certificates that are loaded at a reset, and, while
    the service runs, the socket of `esp-at-gateway monitor`.
    """

    state_dir: Path = field(default=Path("/var/lib/esp-at-gateway"), metadata=allowed(check.folder))
    cert_dir: Path = field(
        default=Path("/etc/esp-at-gateway/certs"), metadata=allowed(check.folder)
    )
    runtime_dir: Path = field(default=Path("/run/esp-at-gateway"), metadata=allowed(check.folder))

    @property
    def unit(self) -> str:
        """The unit of systemd that keeps its state here: each instance has a folder of its own."""
        usual = StorageOptions().state_dir
        is_instance = self.state_dir.name.startswith(f"{usual.name}-")
        if self.state_dir.parent != usual.parent or not is_instance:
            return usual.name
        return f"{usual.name}@{self.state_dir.name.removeprefix(f'{usual.name}-')}"


class LogOptions(Record):
    """How much goes to the journal."""

    level: str = field(
        default="info", metadata=allowed(check.word("debug", "info", "warning", "error"))
    )


class AccessPointOptions(Record):
    """An access point of the simulated world; `rssi` in dBm. The password is in no repr.

    Without `encryption` it is open if the password is empty, WPA2 otherwise.
    """

    ssid: bytes = field(metadata=allowed(check.ssid))
    password: bytes = field(default=b"", repr=False, metadata=allowed(check.secret))
    encryption: Encryption | None = field(default=None, metadata=allowed(check.choice(ENCRYPTIONS)))
    channel: int = field(default=6, metadata=allowed(check.whole(1, 14)))
    rssi: int = field(default=-60, metadata=allowed(check.whole(-120, 0)))
    bssid: str | None = field(default=None, metadata=allowed(check.mac_address))
    hidden: bool = field(default=False, metadata=allowed(check.flag))
    dhcp: bool = field(default=True, metadata=allowed(check.flag))

    def __post_init__(self) -> None:
        if self.encryption is None:
            chosen = Encryption.WPA2 if self.password else Encryption.OPEN
            object.__setattr__(self, "encryption", chosen)
        if self.encryption is Encryption.OPEN:
            if self.password:
                raise ConfigError("is open and has a password: leave one of the two out")
        elif self.encryption is Encryption.WEP:
            if not self.password:
                raise ConfigError("wants a password")
        elif not 8 <= len(self.password) <= 63:
            raise ConfigError("wants a password of 8 to 63 characters")


DEFAULT_ACCESS_POINTS = (
    AccessPointOptions(b"esp-at-sim", b"password", Encryption.WPA2, channel=6, rssi=-48),
    AccessPointOptions(b"esp-at-open", b"", Encryption.OPEN, channel=1, rssi=-61),
    AccessPointOptions(b"esp-at-wpa3", b"password", Encryption.WPA3, channel=11, rssi=-72),
)


class SimulatedOptions(Record):
    """The simulated network's world. `pace` multiplies every waiting; 0 waits for nothing."""

    pace: float = field(default=1.0, metadata=allowed(check.number(0, 10)))
    ethernet: bool = field(default=True, metadata=allowed(check.flag))
    ethernet_plugged: bool = field(default=True, metadata=allowed(check.flag))
    station_subnet: str = field(default="192.168.100.0/24", metadata=allowed(check.subnet))
    ethernet_subnet: str = field(default="192.168.101.0/24", metadata=allowed(check.subnet))
    access_points: tuple[AccessPointOptions, ...] = field(
        default=DEFAULT_ACCESS_POINTS, metadata=allowed(check.tables(AccessPointOptions))
    )


class Config(Record):
    """Everything that can be configured; without arguments the defaults."""

    reply_style: str = field(default="readme", metadata=allowed(check.word("readme", "firmware")))
    uart: UartOptions = field(default=UartOptions(), metadata=allowed(check.table(UartOptions)))
    gpio: GpioOptions = field(default=GpioOptions(), metadata=allowed(check.table(GpioOptions)))
    network: NetworkOptions = field(
        default=NetworkOptions(), metadata=allowed(check.table(NetworkOptions))
    )
    softap: SoftApOptions = field(
        default=SoftApOptions(), metadata=allowed(check.table(SoftApOptions))
    )
    links: LinkOptions = field(default=LinkOptions(), metadata=allowed(check.table(LinkOptions)))
    tls: TlsOptions = field(default=TlsOptions(), metadata=allowed(check.table(TlsOptions)))
    storage: StorageOptions = field(
        default=StorageOptions(), metadata=allowed(check.table(StorageOptions))
    )
    log: LogOptions = field(default=LogOptions(), metadata=allowed(check.table(LogOptions)))
    simulated: SimulatedOptions = field(
        default=SimulatedOptions(), metadata=allowed(check.table(SimulatedOptions))
    )

    def loopback_allowed(self, *, is_unit: bool) -> bool:
        """Whether links may lead to this machine itself.

        If it is not told: in a simulation only that somebody tries out, which is no unit of
        systemd's (`is_unit`).
        """
        told = self.links.allow_loopback
        return self.network.kind == "simulated" and not is_unit if told is None else told

    def with_options(
        self,
        *,
        uart: str | None = None,
        baud: int | None = None,
        network: str | None = None,
        state_dir: str | Path | None = None,
        cert_dir: str | Path | None = None,
        log_level: str | None = None,
    ) -> Config:
        """This configuration with the command line's options; None leaves a value as it is.

        Raises ConfigError with the option's name.
        """
        changed = self
        for option, table, name, value in (
            ("--uart", "uart", "device", uart),
            ("--baud", "uart", "baud", baud),
            ("--network", "network", "kind", network),
            ("--state-dir", "storage", "state_dir", state_dir),
            ("--cert-dir", "storage", "cert_dir", cert_dir),
            ("--log-level", "log", "level", log_level),
        ):
            if value is not None:
                options = getattr(changed, table)
                checked: Any = field_check(type(options), name)(value, option)
                tables: dict[str, Any] = {table: replace(options, **{name: checked})}
                changed = replace(changed, **tables)
        return changed


def load(path: Path | None) -> Config:
    """The configuration in `path`, which must exist.

    With None the one in /etc/esp-at-gateway, or the defaults where that is missing. Raises
    ConfigError.
    """
    file = path or DEFAULT_PATH
    # Most of this module's time, and without a file nobody needs it.
    import tomllib

    try:
        with file.open("rb") as opened:
            raw = tomllib.load(opened)
    except FileNotFoundError as error:
        if path is None:
            return Config()
        raise ConfigError(f"{file}: there is no such file") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigError(f"{file}: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{file}: too many brackets in one another") from error
    try:
        config: Config = check.table(Config)(raw, "")
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    return config


def state_dir_of(path: Path | None) -> Path:
    """The folder of the stored settings, as far as a file can tell that `load` refuses.

    The default where it does not. For what has to be done in spite of a faulty file.
    """
    import tomllib

    try:
        with (path or DEFAULT_PATH).open("rb") as opened:
            return check.folder(tomllib.load(opened)["storage"]["state_dir"], "state_dir")
    except (OSError, ValueError, LookupError, TypeError, ConfigError, RecursionError):
        return StorageOptions().state_dir
