"""Where data goes that one run needs and nobody may find afterwards."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO

from echotrace.errors import StorageError

__all__ = ["temporary_file"]


def temporary_file() -> IO[bytes]:
    """Open a temporary file without a name, on disk rather than in memory where there is a choice.

    ``/tmp`` is often kept in memory, where a long recording would count against the very limit that
    the file is there to keep; ``/var/tmp`` is not. TMPDIR wins over both.

    Raises:
        StorageError: no folder for temporary files can be written.
    """
    large = Path("/var/tmp")  # noqa: S108 - the file made in it is unlinked and private
    folder = None
    if not os.environ.get("TMPDIR") and large.is_dir() and os.access(large, os.W_OK):
        folder = large
    try:
        return tempfile.TemporaryFile(buffering=0, dir=folder)
    except OSError as error:
        raise StorageError(
            "no temporary file can be made",
            why=os.strerror(error.errno) if error.errno else str(error),
            hint="set TMPDIR to a folder that you may write to",
            code="TEMP_FULL",
        ) from None
