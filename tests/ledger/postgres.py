"""A real PostgreSQL of our own: a cluster in a temporary folder, a socket and no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ABSENT = "PostgreSQL (initdb, pg_ctl) or pg8000 is not installed: a team's ledger is NOT tested"
_UNPRIVILEGED = "nobody"


def programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, the newest on Debian's place."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return places[-1].parent if places else None


@contextmanager
def server() -> Iterator[Path]:
    """Yield the folder with the socket of a server that ends with the block."""
    bin_folder = programs()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="fwverify-pg-"))
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = _UNPRIVILEGED
        shutil.chown(folder, user)
    folder.chmod(0o700)
    data = folder / "data"

    def run(name, *arguments):
        done = subprocess.run(
            [str(bin_folder / name), *arguments], user=user, capture_output=True, text=True,
            cwd=folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            extra_groups=[] if user else None, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout

    try:
        run("initdb", "-D", str(data), "-U", "fwverify", "--auth=trust", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8")  # fmt: skip
        options = f"-c listen_addresses='' -k {folder} -c fsync=off -c shared_buffers=8MB"
        log = folder / "log"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(log), "-o", options, "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def database(folder: Path) -> str:
    """Return the URL of the server's database, emptied."""
    import pg8000.native

    socket = f"{folder}/.s.PGSQL.5432"
    connection = pg8000.native.Connection("fwverify", unix_sock=socket, database="postgres")
    connection.run("DROP SCHEMA public CASCADE")
    connection.run("CREATE SCHEMA public")
    connection.close()
    return f"postgresql://fwverify@/postgres?unix_sock={socket}"
