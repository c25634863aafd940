"""Fails when a dependency's licence is not on the list, or a lock file is not as it should be.

Reads `cargo metadata` (all platforms) and web-client/package-lock.json; needs no network once packages are fetched.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MPL-2.0",  # by file: used as they are, never changed
    "Unicode-3.0",  # data tables of Unicode
    "Unlicense",
    "Zlib",
}

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "web-client" / "package-lock.json"


def allowed(expression: str) -> bool:
    """Whether an SPDX expression can be satisfied by allowed licences alone. `/` is the old way to write OR."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def take() -> str:
        nonlocal position
        if position == len(tokens):
            raise ValueError("it ends early")
        position += 1
        return tokens[position - 1]

    def term() -> bool:
        name = take()
        if name == "(":
            value = alternatives()
            if take() != ")":
                raise ValueError("a parenthesis is not closed")
            return value
        if name in {")", "AND", "OR", "WITH"}:
            raise ValueError(f"{name} has no licence before it")
        if peek() == "WITH":  # an exception only ever permits more
            take()
            take()
        return name in ALLOWED

    def joined() -> bool:
        value = term()
        while peek() == "AND":
            take()
            value = term() and value
        return value

    def alternatives() -> bool:
        value = joined()
        while peek() == "OR":
            take()
            value = joined() or value
        return value

    value = alternatives()
    if peek() is not None:
        raise ValueError(f"{peek()} is not expected")
    return value


def rust_packages():
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    for package in metadata["packages"]:
        if package["source"] is not None:
            yield f"{package['name']} {package['version']}", package["license"]


def web_packages(lock):
    for path, package in lock["packages"].items():
        if path:
            yield f"{path.removeprefix('node_modules/')} {package['version']}", package.get("license")


def lock_problems(lock):
    if any("resolved" in package for path, package in lock["packages"].items() if path):
        yield "web-client/package-lock.json names a registry's address (omit-lockfile-registry-resolved is off)"
    for path in lock["packages"]:
        other = path.replace("linux-x64", "linux-arm64")
        if other not in lock["packages"]:
            yield f"web-client/package-lock.json has {path}, but not the same for arm64"


def licence_problem(name: str, licence: str | None) -> str | None:
    if not licence:
        return f"{name} has no licence"
    try:
        return None if allowed(licence) else f"{name} is under {licence}"
    except ValueError as error:
        return f"{name}: the licence {licence!r} can't be read: {error}"


def main() -> int:
    lock = json.loads(LOCK.read_text(encoding="utf-8"))
    packages = [*rust_packages(), *web_packages(lock)]
    problems = [problem for name, licence in packages if (problem := licence_problem(name, licence))]
    problems += lock_problems(lock)
    for problem in problems:
        print(problem)
    print(f"{len(packages)} packages looked at, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
