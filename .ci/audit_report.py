"""Reads `npm audit --json` from standard input and tells: 1 for known vulnerabilities, 0 for none or no answer."""

import json
import sys

try:
    report = json.load(sys.stdin)
except ValueError:
    report = {}
vulnerabilities = report.get("vulnerabilities")
if vulnerabilities is None:
    print("skipped: the advisory database can not be reached")
elif vulnerabilities:
    for name, entry in sorted(vulnerabilities.items()):
        print(f"{name}: {entry.get('severity', 'unknown')} ({entry.get('range', 'any version')})")
    sys.exit(1)
