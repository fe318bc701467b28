#!/usr/bin/env bash
# The expressions in fhir/fhirpath/testdata/crosscheck on every resource of the shared test data: ours and npm's fhirpath have to agree.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
CRFLINK_REQUIRE=all go test ./fhir/fhirpath -count=1 -v -run '^TestFhirpathJSGivesTheSame$'
