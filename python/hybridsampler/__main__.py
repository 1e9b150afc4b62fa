"""`hybridsampler` and `python -m hybridsampler`."""

import io
import os
import sys
from typing import Any, NoReturn, TextIO

# What shells say of programs that the closed pipe ends at once; Python's go on.
_ENDED_BY_SIGPIPE = 128 + 13


def main() -> None:
    """Start the command line, or say in one line why it cannot go on."""
    if sys.stdout is None:  # "hybridsampler ... >&-"
        _stop("standard output is closed: send it to a file or a terminal")
    sys.stdout = _Output.in_place_of(sys.stdout)
    try:
        from hybridsampler.cli import app

        app(prog_name="hybridsampler")
    except ModuleNotFoundError as error:  # commands import what they need when they start
        extra = "cli" if error.name == "typer" else "study"
        _stop(f"this command needs {error.name}: pip install 'hybridsampler[{extra}]'")
    except ImportError as error:  # something that is there refuses to work
        _stop(str(error))
    finally:
        sys.stdout.flush()  # not later, when nobody can say what went wrong


class _Output(io.FileIO):
    """Standard output that ends the process where it cannot be written: a full disk, a closed pipe.

    That is no error of what is printed, so no command has to think of it, nor can one mistake it
    for an error of its own files. A reader who has seen enough, such as "head", is no error at all,
    and nothing is said.
    """

    @classmethod
    def in_place_of(cls, stream: TextIO) -> io.TextIOWrapper:
        """Return text output to where ``stream`` goes, escaping what its encoding lacks."""
        stream.flush()
        return io.TextIOWrapper(
            io.BufferedWriter(cls(stream.fileno(), "w", closefd=False)),
            encoding=stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.isatty(),
        )

    def write(self, data: Any) -> int:
        """Write, or say what is wrong and end."""
        try:
            return super().write(data)
        except OSError as error:
            # What is still held, here and in the process, goes nowhere from now on.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            if isinstance(error, BrokenPipeError):
                sys.exit(_ENDED_BY_SIGPIPE)
            _stop(f"the output cannot be written ({error.strerror}): send it where there is room")


def _stop(problem: str) -> NoReturn:
    print(f"error: {problem}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
