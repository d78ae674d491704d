"""The certificates folder: what is loaded, and what the journal says of the rest."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.services import certificates
from gateway.services.api_links import CertificateRefused
from gateway.services.certificates import (
    CertificateStore,
)
from tests.services import authority

ONE = authority.self_signed("One")
TWO = authority.self_signed("Two")
THREE = authority.self_signed("Three")


def load(folder: Path, maximum: int = 5) -> CertificateStore:
    async def fill() -> CertificateStore:
        store = CertificateStore(folder, maximum)
        await store.load_folder()
        return store

    return asyncio.run(fill())


def test_the_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "20.pem").write_bytes(TWO.pem)
    (tmp_path / "10.pem").write_bytes(THREE.pem)
    (tmp_path / "30.pem").write_bytes(ONE.pem)
    (tmp_path / "00.pem.example").write_bytes(authority.self_signed("Example").pem)
    (tmp_path / "README.md").write_text("not a certificate")
    assert load(tmp_path).names() == ["Three", "Two", "One"]


def test_what_cannot_be_loaded_is_skipped_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.pem").write_bytes(b"garbage")
    (tmp_path / "b.pem").write_bytes(ONE.pem)
    (tmp_path / "c.pem").write_bytes(ONE.pem)
    (tmp_path / "d.pem").mkdir()
    os.mkfifo(tmp_path / "e.pem")
    (tmp_path / "f.pem").write_bytes(b"\n" * 2_000_000)
    (tmp_path / "g.pem").symlink_to(tmp_path / "nowhere")
    (tmp_path / "h\r\n.pem").write_bytes(b"garbage")
    (tmp_path / "i.pem").write_bytes(TWO.pem)
    assert load(tmp_path).names() == ["One", "Two"]
    assert [record.getMessage() for record in caplog.records] == [
        "certificate file 'a.pem' is skipped: it holds no PEM certificates, not one",
        "certificate file 'c.pem' is skipped: it is loaded already",
        "certificate file 'd.pem' is skipped: it is not a file",
        "certificate file 'e.pem' is skipped: it is not a file",
        "certificate file 'f.pem' is skipped: it is longer than 65536 bytes",
        "certificate file 'g.pem' is skipped: it is not a file",
        r"certificate file 'h\r\n.pem' is skipped: it holds no PEM certificates, not one",
    ]


def test_a_file_that_cannot_be_opened(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.pem").write_bytes(ONE.pem)
    monkeypatch.setattr(Path, "open", forbidden)
    assert len(load(tmp_path)) == 0
    assert "certificate file 'a.pem' is skipped: Permission denied" in caplog.text


def test_the_folder_stops_at_the_maximum(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(9):
        (tmp_path / f"{number}.pem").write_bytes(authority.self_signed(f"CA {number}").pem)
    assert load(tmp_path, maximum=2).names() == ["CA 0", "CA 1"]
    assert [record.getMessage() for record in caplog.records] == [
        "7 certificate files are left out, the maximum of 2 is reached: "
        "'2.pem', '3.pem', '4.pem', '5.pem', '6.pem', …"
    ]


def test_a_missing_folder_is_one_line_in_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(load(tmp_path / "missing")) == 0
    assert len(caplog.records) == 1
    assert "No such file or directory" in caplog.text


def test_loading_again_is_a_reset(tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_bytes(ONE.pem)

    async def twice() -> list[list[str]]:
        store = CertificateStore(tmp_path, 5)
        loading = asyncio.create_task(store.load_folder())
        # An upload that comes while the folder is being read stands behind the folder's.
        await asyncio.gather(loading, store.add(TWO.pem))
        seen = [store.names()]
        store.delete(1)
        await store.load_folder()
        return [*seen, store.names()]

    assert asyncio.run(twice()) == [["One", "Two"], ["One"]]


@pytest.mark.parametrize("number", [0, 3])
def test_cryptography_is_for_who_asks_for_names(number: int, tmp_path: Path) -> None:
    for name, identity in list(zip("132", (ONE, TWO, THREE), strict=True))[:number]:
        (tmp_path / f"{name}.pem").write_bytes(identity.pem)
    program = (
        "import sys\n"
        "from gateway import lean_asyncio\n"
        "lean_asyncio.load()\n"
        "import asyncio, pathlib\n"
        "from gateway.services.certificates import CertificateStore\n"
        "store = CertificateStore(pathlib.Path(sys.argv[1]), 5)\n"
        "asyncio.run(store.load_folder())\n"
        "print(len(store), 'ssl' in sys.modules, 'cryptography' in sys.modules)\n"
        "print(asyncio.run(store.listed()), 'cryptography' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    some = number > 0
    loaded, listed = subprocess.check_output(command, text=True).splitlines()
    assert loaded == f"{number} {some} False"
    assert listed == f"{['One', 'Three', 'Two'][:number]} {some}"


def test_what_only_openssl_can_read_is_loaded_without_a_name(tmp_path: Path) -> None:
    place = ONE.der.index(bytes.fromhex("a003020102")) + 4
    der = ONE.der[:place] + b"\x7f" + ONE.der[place + 1 :]
    (tmp_path / "odd.pem").write_text(ssl.DER_cert_to_PEM_cert(der))
    (tmp_path / "one.pem").write_bytes(ONE.pem)
    store = load(tmp_path)
    assert store.names() == store.names(issuer=True) == ["?", "One"]


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ImportError("no")])
def test_names_that_nothing_can_read(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pem: bytes) -> None:
        raise error

    (tmp_path / "one.pem").write_bytes(ONE.pem)
    store = load(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(certificates, "_names", fail)
        with pytest.raises(CertificateRefused, match="nothing can read them here"):
            asyncio.run(store.listed())
    assert asyncio.run(store.listed()) == ["One"]


def test_the_shipped_example_is_a_certificate_and_is_not_loaded() -> None:
    folder = Path(__file__).parents[2] / "certs"
    store = load(folder)
    assert len(store) == 0
    asyncio.run(store.add((folder / "example-ca.pem.example").read_bytes()))
    assert len(store) == 1
