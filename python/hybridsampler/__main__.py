"""`hybridsampler` and `python -m hybridsampler`."""

import sys


def main() -> None:
    """Start the command line, or say what is not installed for it."""
    try:
        from hybridsampler.cli import app
    except ModuleNotFoundError as error:
        needed = f"the command line needs {error.name}: pip install 'hybridsampler[study]'"
        print(f"error: {needed}", file=sys.stderr)
        sys.exit(2)
    app(prog_name="hybridsampler")


if __name__ == "__main__":
    main()
