"""Content-addressed blobs and cached results on disk.

Guarantees: a blob's name is its SHA-256; a blob or result appears whole or not at all
(temporary file, rename); a blob is hashed again before its first use in a process and
whenever its inode, size or change time differ from what was hashed; a damaged one raises
``Corrupt``, is removed and never used. Nothing is forced to the disk: what a power
failure leaves behind is found by its digest, and waiting for the disk at each of many
thousand small files took most of the time. Files are plain, mode 0400, never
executable, never links. A cached result carries its own digest and a wrong one is a
miss, because a cache may cost time but never truth.

What it does not do: bound the total size (``fwverify cache`` shows and clears it) and
defend against another process of the same user that rewrites files between the check
and the read of one open descriptor.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, Self

from fwverify.reader import Buffer

CHUNK_BYTES: Final = 1024 * 1024


class Corrupt(Exception):
    """A stored blob no longer has the digest it is named by."""


class StoreFull(Exception):
    """The disk or the bound given to a writer is exhausted."""


class BlobWriter:
    """Collects one blob; ``commit`` names it. Use as a context manager.

    ``limit_bytes`` bounds what may be written (``StoreFull`` beyond it), so that a
    bomb stops while it is being written, not after (UNPACKING, rule 4).
    """

    def __init__(self, store: Store, limit_bytes: int | None = None) -> None:
        self._store = store
        self._limit = limit_bytes
        self._hash = hashlib.sha256()
        self.size = 0
        handle, self._path = store.new_file()
        self._file: BinaryIO = os.fdopen(handle, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._path:
            os.unlink(self._path)

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``; raises ``StoreFull`` past the bound or on a full disk."""
        self.size += len(data)
        if self._limit is not None and self.size > self._limit:
            raise StoreFull(f"more than {self._limit} bytes")
        try:
            self._file.write(data)
        except OSError as error:
            raise StoreFull(str(error)) from error
        self._hash.update(data)

    def commit(self) -> tuple[str, int]:
        """Store the blob and return its SHA-256 and size in bytes."""
        try:
            self._file.flush()
            os.fchmod(self._file.fileno(), 0o400)
        except OSError as error:
            raise StoreFull(str(error)) from error
        digest = self._hash.hexdigest()
        self._store.adopt(self._path, digest)
        self._path = ""
        return digest, self.size


@functools.cache
def shared_store(root: str) -> Store:
    """Return this process's store at ``root``: what it has hashed it knows."""
    return Store(Path(root))


class Store:
    """Blobs and results under ``root``, which is created with mode 0700.

    Without ``keep_results`` none is read and none is kept: for a run that asks for no
    result twice. A ``passing`` store ends with its run: its blobs lie in one folder, whose
    presence tells every process so, because removing each of many took milliseconds.
    """

    def __init__(self, root: Path, *, keep_results: bool = True, passing: bool = False) -> None:
        self.root = root
        self.keeps_results = keep_results
        self.temporary = root / "tmp"
        flat = root / "flat"
        self._flat = passing or flat.is_dir()
        self._blobs = os.fspath(flat if self._flat else root / "blobs")
        self._results = root / "results"
        self._verified: dict[str, tuple[int, int, int]] = {}
        self._token = os.urandom(8).hex()
        self._files = 0
        for folder in (self.temporary, Path(self._blobs)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Return where the blob ``digest`` stands (it may not exist)."""
        return Path(self._place(digest))

    def _place(self, digest: str) -> str:
        if self._flat:
            return f"{self._blobs}/{digest}"
        return f"{self._blobs}/{digest[:2]}/{digest}"

    def __contains__(self, digest: str) -> bool:
        return os.path.isfile(self._place(digest))

    def writer(self, limit_bytes: int | None = None) -> BlobWriter:
        """Return a writer for a new blob."""
        return BlobWriter(self, limit_bytes)

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its SHA-256."""
        with self.writer() as writer:
            writer.write(data)
            return writer.commit()[0]

    def put_file(self, source: BinaryIO, limit_bytes: int | None = None) -> tuple[str, int]:
        """Store what ``source`` gives from here to its end; return SHA-256 and size."""
        with self.writer(limit_bytes) as writer:
            while chunk := source.read(CHUNK_BYTES):
                writer.write(chunk)
            return writer.commit()

    def new_file(self) -> tuple[int, str]:
        """Return the handle and path of a new temporary file. Called by ``BlobWriter``.

        Its name is this store's, this process's and its own, and is used once.
        """
        self._files += 1
        path = f"{self.temporary}/blob-{self._token}-{os.getpid()}-{self._files}"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path

    def adopt(self, temporary: str, digest: str) -> None:
        """Give the finished file ``temporary`` its name. Called by ``BlobWriter``."""
        target = self._place(digest)
        try:
            os.replace(temporary, target)
        except FileNotFoundError:  # the first blob of its folder
            os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
            os.replace(temporary, target)
        self._verified[digest] = _stamp(os.stat(target))

    @contextlib.contextmanager
    def open(self, digest: str) -> Iterator[BufferedReader]:
        """Yield the blob's descriptor at offset 0, verified.

        Raises ``KeyError`` when there is no such blob, ``Corrupt`` when its bytes are
        not what its name says.
        """
        try:
            handle = open(self._place(digest), "rb")  # noqa: SIM115  (closed by the with below)
        except FileNotFoundError as error:
            raise KeyError(digest) from error
        with handle:
            self._verify(digest, handle)
            yield handle

    @contextlib.contextmanager
    def view(self, digest: str) -> Iterator[Buffer]:
        """Yield the blob as a read-only map (``b""`` for an empty one)."""
        with self.open(digest) as handle:
            if os.fstat(handle.fileno()).st_size == 0:
                yield b""
                return
            mapped = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            try:
                yield mapped
            finally:
                with contextlib.suppress(BufferError):  # a memoryview is still out
                    mapped.close()

    def read(self, digest: str) -> bytes:
        """Return the whole blob; for small ones only."""
        with self.open(digest) as handle:
            return handle.read()

    def _verify(self, digest: str, handle: BufferedReader) -> None:
        stamp = _stamp(os.fstat(handle.fileno()))
        if self._verified.get(digest) == stamp:
            return
        if hashlib.file_digest(handle, "sha256").hexdigest() != digest:
            self.path(digest).unlink(missing_ok=True)
            raise Corrupt(f"blob {digest} did not have its digest; it was removed, try again")
        handle.seek(0)
        self._verified[digest] = stamp

    def get_result(self, key: str) -> bytes | None:
        """Return the cached result ``key`` (hexadecimal), or None if absent or damaged."""
        if not self.keeps_results:
            return None
        try:
            data = (self._results / key[:2] / key).read_bytes()
        except FileNotFoundError:
            return None
        head, body = data[:32], data[32:]
        return body if hashlib.sha256(bytes.fromhex(key) + body).digest() == head else None

    def put_result(self, key: str, body: bytes) -> None:
        """Cache ``body`` under ``key`` (hexadecimal), whole or not at all."""
        if not self.keeps_results:
            return
        target = self._results / key[:2] / key
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = hashlib.sha256(bytes.fromhex(key) + body).digest() + body
        write_whole(target, data, durable=False)


def write_whole(target: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace ``target`` by ``data``: temporary file beside it, rename.

    ``durable`` content is on the disk before it gets its name. Raises ``OSError``; the
    old content then still stands and no temporary file is left.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            if durable:
                os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_ctime_ns
