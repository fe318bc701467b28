#!/usr/bin/env bash
# Compiles bin/crflink.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
mkdir -p bin
go build -o bin/crflink ./cmd/crflink
