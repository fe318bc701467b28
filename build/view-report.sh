#!/usr/bin/env bash
# Runs the public test suite of SQL on FHIR v2 and writes its test_report.json (REPORT, default out/test_report.json).
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
report=${REPORT:-out/test_report.json}
mkdir -p "$(dirname "$report")"
export CRFLINK_REQUIRE=all
status=0
go test -count=1 -run '^TestEveryTestOfThePublicSuitePasses$' ./fhir/viewdef -args -report "$(realpath "$report")" || status=$?
echo "view-report: $(grep -c '"passed": true' "$report") passed, $(grep -c '"passed": false' "$report" || true) failed: $report"
exit "$status"
