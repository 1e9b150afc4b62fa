"""A folder, or the name of a data set on the Hugging Face hub -> a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def open_folder(source: str | Path, patterns: Sequence[str]) -> Path:
    """Return `source` where it is a folder; else fetch the files of that data set of the hub.

    Args:
        source: a folder, or `owner/name` of a data set.
        patterns: which of its files to fetch, as globs.

    Raises:
        FileNotFoundError: neither a folder nor such a name.
        OSError: a data set that cannot be fetched.
        ImportError: a data set of the hub without the extra `hub`.
    """
    folder = Path(source)
    if folder.is_dir():
        return folder
    name = str(source)
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
        raise FileNotFoundError(
            f"{name} is not a folder; give the folder of the data, or a data set of the hub as "
            "owner/name"
        )
    return fetch(name, patterns)


def fetch(name: str, patterns: Sequence[str]) -> Path:
    """Fetch files of a data set from the hub into its cache, and return their folder.

    Raises:
        OSError: a data set that cannot be fetched.
        ImportError: the extra `hub` is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError(
            f"the data set {name} of the hub needs huggingface-hub: "
            "pip install 'hybridsampler[hub]', or give a local folder",
            name="huggingface_hub",
        ) from error
    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=list(patterns)))
    except Exception as error:  # of a connection that breaks off the HTTP client's own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OSError(
            f"{name} is no folder, and as a data set of the hub it cannot be fetched ({reason}): "
            "check the name and the network, or give a local folder"
        ) from error
