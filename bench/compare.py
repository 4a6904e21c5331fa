"""EdgeProxy of another commit as a contestant, built once and kept under artifacts/compare."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import HERE, EdgeProxy

ROOT = HERE.parent


def edgeproxy_at(commit: str) -> type[EdgeProxy]:
    """A kind of server named edgeproxy-COMMIT; the commit in any form that git understands. Fails with git's or the build's own message."""
    sha = git("rev-parse", "--short=12", "--verify", f"{commit}^{{commit}}")
    directory = ROOT / "artifacts/compare" / sha
    if not (directory / "edgeproxy").exists():
        build(sha, directory)
    return type("EdgeProxyAt", (EdgeProxy,), {"name": f"edgeproxy-{sha[:7]}", "binary": directory / "edgeproxy"})


def build(sha: str, directory: Path) -> None:
    print(f"building {sha}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="edgeproxy-compare-") as parent:
        tree = Path(parent) / "tree"
        git("worktree", "add", "--detach", str(tree), sha)
        try:
            subprocess.run([str(tree / "deploy/publish"), str(tree / "artifacts/native")], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
            directory.parent.mkdir(parents=True, exist_ok=True)
            # Only a build that ended well is ever looked at again.
            shutil.move(tree / "artifacts/native", directory)
        finally:
            git("worktree", "remove", "--force", str(tree))


def git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout.strip()
