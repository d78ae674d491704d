"""The installed service: another user gets nothing of it, a crash leaves nothing of it."""

from __future__ import annotations

from tests.vm.joining import join
from tests.vm.package.service import STATE, InstalledService
from tests.vm.standard_air import WPA2

SOMEBODY = "setpriv --reuid=nobody --regid=nogroup --clear-groups --"
CAUGHT = "/root/caught"
COLLECTOR = "/usr/local/bin/collect"
# What systemd-coredump or apport would be told to do, by core(5).
_COLLECT = f"""#!/bin/sh
mkdir -p {CAUGHT}
cat > {CAUGHT}/$1
"""
# `$PROCESS` is the service's.
_ATTEMPTS = (
    f"ls {STATE}",
    f"cat {STATE}/settings.json",
    "head -c1 /dev/ttyS1",
    "sh -c 'echo AT > /dev/ttyS1'",
    "ls /run/esp-at-gateway",
    "esp-at-gateway monitor --json",
    "cat /proc/$PROCESS/environ",
    "head -c1 /proc/$PROCESS/mem",
    "ls /proc/$PROCESS/fd",
    "kill $PROCESS",
    "nmcli --show-secrets --get-values 802-11-wireless-security.psk connection show {profile}",
)


def test_another_user_gets_nothing(service: InstalledService) -> None:
    join(service, WPA2, name="AT+CWJAP_DEF")
    run = service.machine.run
    process = service.shown("MainPID")
    profile = run("nmcli -g UUID,NAME connection | grep 'ESP gateway' | cut -d: -f1 | head -1")
    for attempt in _ATTEMPTS:
        command = attempt.replace("{profile}", profile.output.strip())
        told = run(f"PROCESS={process}; timeout 20 {SOMEBODY} {command}", check=False)
        got = told.status == 0 and (not command.startswith("nmcli") or told.output.strip())
        assert not got, f"{command}: {told.output}"
        assert WPA2.password.decode() not in told.output, command
    modes = run(f"stat -c '%U %a' {STATE} {STATE}/*").output.splitlines()
    assert modes[0] == "esp-at-gateway 700"
    assert set(modes[1:]) == {"esp-at-gateway 600"}
    assert WPA2.password.decode() in run(f"cat {STATE}/settings.json").output
    readable = run(f"cat /proc/{process}/cmdline /proc/{process}/environ | tr '\\0' '\\n'").output
    assert WPA2.password.decode() not in readable
    assert WPA2.password.decode() not in run("journalctl -q -b -o json").output
    assert service.client.ask("AT").ok


def test_a_crash_is_collected_by_nobody(service: InstalledService) -> None:
    run = service.machine.run
    run(f"cat > {COLLECTOR} && chmod +x {COLLECTOR}", data=_COLLECT.encode())
    run(f"echo '|{COLLECTOR} %e' > /proc/sys/kernel/core_pattern")
    # A limit of 0 does not keep the collector away, which shows that it works. systemd-run
    # writes one $ for two.
    run("systemd-run --wait --quiet -p LimitCORE=0 sh -c 'kill -SEGV $$$$'", check=False)
    wait = f"for _ in $(seq 100); do [ -e {CAUGHT}/sh ] && exit; sleep 0.1; done; exit 1"
    run(wait)
    service.client.drop()
    service.signal("SEGV")
    service.listening(90)
    assert run(f"ls {CAUGHT}").output == "sh\n"
    assert run("find / -xdev -name 'core*' -size +0 -newer /proc/1/stat -type f").output == ""
    assert "code=killed" in service.log() or "status=11/SEGV" in service.log()


def test_the_machine_itself_is_out_of_reach(service: InstalledService) -> None:
    """It has services that ask nobody for a password."""
    run = service.machine.run
    run("systemd-run --quiet --unit=page python3 -m http.server --directory /usr/share/doc 8081")
    run("for _ in $(seq 200); do ss -tlnH | grep -q :8081 && exit; sleep 0.1; done; exit 1")
    address = run("ip -4 -o address show eth0").output.split()[3].split("/")[0]
    for host in ("127.0.0.1", "localhost", address):
        reply = service.client.ask(f'AT+CIPSTART="TCP","{host}",8081', 20)
        assert not reply.ok
        assert b"connect fail" in reply.lines
    assert "that is this machine itself, and [links] allow_loopback is off" in service.log()
