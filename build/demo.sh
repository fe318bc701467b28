#!/usr/bin/env bash
# Runs the example study from synthetic data to its outputs.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
study=configs/psma-registry/study.yaml
[ -f "$study" ] || { echo "demo: the example study $study is missing" >&2; exit 1; }
build/compile.sh
bin/crflink lint "$study"
