#!/usr/bin/env bash
# Runs the benchmark program; ARGS are handed to it.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
[ -d bench ] || { echo "bench: there is no folder bench, so nothing was measured" >&2; exit 1; }
# shellcheck disable=SC2086
exec go run ./bench ${ARGS:-}
