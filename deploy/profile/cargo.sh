#!/usr/bin/env bash
# cargo for releases and for what measures them: deploy/profile/cargo.sh ARGUMENT...

set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PATH="$PATH:$here" RUSTC_WORKSPACE_WRAPPER=hearken-rustc exec cargo "$@"
