"""`python -m harness`, and the console script `harness`, from any directory."""

import atexit
import gc
import io
import os
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path

YOUNG = 100_000
"""New objects after which cycles are looked for: imports make a million, and hardly a cycle."""
INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")
"""What the name of a package's record ends with, by which installing or removing it is seen."""


def start() -> None:
    """Do what `main` does, then end the process."""
    gc.set_threshold(YOUNG, 20, 100)
    try:
        main()
    except SystemExit as ended:
        _end(ended.code)


def main() -> None:
    """Run the command line, with the working directory searched last.

    Were it first, a user's `tasks.py` or `hydra.py` would stand in for ours; were it not there at
    all, a plugin written in the working directory would not be found.
    """
    here = os.getcwd()  # noqa: PTH109 - sys.path holds strings
    sys.path[:] = [entry for entry in sys.path if entry not in ("", here)] + [here]
    try:
        if sys.argv[1:] == ["--help"]:
            _print_help(_command_line)
        else:
            _command_line()
    except KeyboardInterrupt:
        sys.exit(130)


def _command_line() -> None:
    from harness.runs.cli import main as run_command_line

    run_command_line()


def _print_help(compose: Callable[[], None]) -> None:
    """Print what `--help` composes, from where it is kept as long as all that it lists is the same.

    Args:
        compose: prints it and ends with an exit code.
    """
    from harness.types import cache_folder, fingerprint, written_whole

    read = _read_by_help()
    if read is None:
        compose()
        return
    path = cache_folder() / "help" / fingerprint({"read": read})
    with suppress(OSError, UnicodeDecodeError):
        print(path.read_text("utf-8"), end="")
        return
    output, ended = io.StringIO(), SystemExit(0)
    try:
        with redirect_stdout(output):
            compose()
    except SystemExit as error:
        ended = error
    text = output.getvalue()
    print(text, end="")
    if not ended.code and text:
        with suppress(OSError):  # a cache that cannot be written only costs time
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as file:
                file.write(text.encode())
    sys.exit(ended.code)


def _read_by_help() -> list[object] | None:
    """Our YAML and code of options as they stand, and all packages; None: one has YAML of its own.

    Its folder may change while nothing is installed.
    """
    package = Path(__file__).resolve().parent
    folders = [package / "conf", package.parent / "conf", package / "command", package / "types"]
    files = sorted(path for folder in folders for path in folder.rglob("*.*") if path.is_file())
    stats = [(str(path), (s := path.stat()).st_size, s.st_mtime_ns, s.st_ino) for path in files]
    places = sorted({Path(entry) for entry in sys.path if Path(entry).is_dir()})
    packages = [
        entry
        for place in places
        for entry in os.scandir(place)
        if entry.name.endswith(INSTALLED) or entry.name == "hydra_plugins"
    ]
    for entry in packages:
        with suppress(OSError):
            if "harness.conf" in Path(entry.path, "entry_points.txt").read_text("utf-8"):
                return None
    return [sys.version, stats, sorted((e.path, e.stat().st_mtime_ns) for e in packages)]


def _end(code: object) -> None:
    """End as an interpreter does, but for taking every module apart, which takes up to a second."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # of a pipe that nobody reads
        sys.exit(code)
    os._exit(code or 0)


if __name__ == "__main__":
    start()
