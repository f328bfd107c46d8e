"""The `koe` command: one typer application, one edge where errors become a line and an exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from cli import adapt, admin, classify, doctor, imports, measure, processes, pull, reannotate, serve
from cli.output import REFUSED, complain, say
from core.errors import KoeError, Misconfigured

BROKEN_PIPE = 141
"""What a shell reports of a program that SIGPIPE ended."""
INTERRUPTED = 130

app = typer.Typer(
    name="koe",
    help="Koe listens to what customers say, in any language. Settings are KOE_* variables or koe.toml (docs/configuration.md).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (serve, classify, imports, pull, measure, adapt, reannotate, admin, doctor, processes):
    group.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            say(f"koe {version('koe')}")
        except PackageNotFoundError:
            raise Misconfigured("koe is not installed in this Python: run make setup, and use .venv/bin/koe") from None
        raise typer.Exit


@app.callback()
def koe(
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")] = False,
) -> None:
    """Koe listens to what customers say, in any language. Settings are KOE_* variables or koe.toml (docs/configuration.md)."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code: 0 all done, 1 done in part, 2 not done."""
    try:
        code = app(arguments, prog_name="koe", standalone_mode=False)
        sys.stdout.flush()
    except KoeError as error:
        return _refused(error, str(error))
    except (BrokenPipeError, SystemExit) as error:
        return _unread(error)
    except OSError as error:
        return _refused(error, f"{error.filename or 'a file'}: {error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        complain("stopped")
        return INTERRUPTED
    except Exception as error:
        # typer's own errors about the command line have no public name: they know how to show themselves, and of which command they are.
        usage = getattr(error, "format_message", None)
        if usage is None:
            raise
        path = getattr(getattr(error, "ctx", None), "command_path", "koe")
        return _refused(error, f"{usage()} ({path} --help)") if usage().strip() else REFUSED
    return code if isinstance(code, int) else 0


def _unread(error: BrokenPipeError | SystemExit) -> int:
    """Whoever read us has seen enough (`koe classify | head`); Python must not complain once more when it flushes at exit."""
    if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):  # typer answers a broken pipe by exiting
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def _refused(error: Exception, message: str) -> int:
    if os.environ.get("KOE_LOG_LEVEL") == "debug":
        traceback.print_exception(error)
    complain(message)
    return REFUSED


def main() -> None:
    """The entry point of `koe` and of `python -m cli.main`."""
    # Feedback is text of every language, whatever the terminal's locale says.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
