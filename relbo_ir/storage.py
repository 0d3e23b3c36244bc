"""Files: arrays by name in NumPy's `.npz`, and writing that leaves nothing half-written."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from relbo_ir.dialects.errors import ModelError

_UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
)
"""What NumPy and zipfile raise for bytes that are no archive of arrays."""

Arrays = dict[str, np.ndarray[Any, Any]]


def write_file(path: str | Path, content: bytes) -> None:
    """
    Replaces a file in one step: whoever reads it sees the old content or all of the new. The bytes
    are on the disk when this returns. A link is followed. Raises ModelError where the place cannot
    be written.
    """
    path = Path(path)
    try:
        if is_stream(path):
            path.write_bytes(content)
            return
        handle, name = _part_of(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, os.path.realpath(path))
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        Path(name).unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raises the error that `write_file` would, before the work whose result is to be written."""
    path = Path(path)
    if is_stream(path):
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        handle, name = _part_of(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    os.unlink(name)


def _part_of(path: Path) -> tuple[int, str]:
    """An open file, and its name, in the folder of the file that a path leads to."""
    path = Path(os.path.realpath(path))
    return tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")


def is_stream(path: Path) -> bool:
    """Whether it is a device or a pipe: written to, never replaced, and nothing is put beside it."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(path: Path, error: OSError) -> ModelError:
    return ModelError(
        f"{path} cannot be written: {error.strerror or error}",
        "name a file in a folder that exists and that you may write to",
    )


def arrays_to_bytes(arrays: Mapping[str, Any], mark: str = "") -> bytes:
    """The arrays as the content of an `.npz` file; `mark_of` tells the mark of it."""
    buffer = io.BytesIO()
    # By hand, since a name of the user's (`file`, say) would be an argument of np.savez.
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = mark.encode()
        for name, value in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            archive.writestr(f"{name}.npy", member.getvalue())
    return buffer.getvalue()


def mark_of(path: str | Path) -> str | None:
    """The mark of an `.npz` file, which tells who wrote it; None for a file that has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment.decode() or None
    except _UNREADABLE:
        return None


def read_arrays(path: str | Path) -> Arrays:
    """The arrays of an `.npz` file, by name; ModelError for a file that is none, or is damaged."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror or error}", "check the path"
        ) from error
    return arrays_from_bytes(content, str(path))


def arrays_from_bytes(content: bytes, what: str) -> Arrays:
    """The arrays of an `.npz` file's content; `what` names it in messages."""
    try:
        loaded: Any = np.load(io.BytesIO(content), allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array without a name")
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except _UNREADABLE as error:
        raise ModelError(
            f"{what} is no readable .npz file of arrays: {error}",
            "write it with numpy.savez, from arrays of numbers",
        ) from error
