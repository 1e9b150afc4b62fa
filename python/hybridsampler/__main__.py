"""`hybridsampler` and `python -m hybridsampler`."""

import sys


def main() -> None:
    """Start the command line, or say what is not installed for it."""
    try:
        from hybridsampler.cli import app

        app(prog_name="hybridsampler")
    except ModuleNotFoundError as error:  # commands import what they need when they start
        extra = "cli" if error.name == "typer" else "study"
        needed = f"this command needs {error.name}: pip install 'hybridsampler[{extra}]'"
        print(f"error: {needed}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
