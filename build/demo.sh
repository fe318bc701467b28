#!/usr/bin/env bash
# The main job, from a hospital's FHIR server to filled forms: a synthetic hospital is generated and served on this machine,
# and the example study is filled from it.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/env.sh
study=configs/psma-registry/study.yaml
out=out/demo
address=127.0.0.1:18642
as_of=2026-09-01
[ -f "$study" ] || { echo "demo: the example study $study is missing" >&2; exit 1; }
build/compile.sh

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "crflink $*"; bin/crflink "$@"; }

rm -rf "$out"
mkdir -p "$out"

say "A synthetic hospital: 200 patients in MII profiles, as they were on $as_of, behind a FHIR server"
printf '$ %s\n' "crflink synth --patients 200 --seed 1 --as-of $as_of --out $out/hospital --serve $address --pacs &"
bin/crflink synth --patients 200 --seed 1 --as-of "$as_of" --out "$out/hospital" --serve "$address" --pacs >"$out/hospital.log" 2>&1 &
hospital=$!
trap 'kill "$hospital" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  (exec 3<>"/dev/tcp/${address%:*}/${address#*:}") 2>/dev/null && break
  kill -0 "$hospital" 2>/dev/null || { cat "$out/hospital.log" >&2; echo "demo: the synthetic hospital did not start" >&2; exit 1; }
  sleep 0.1
done

say "The study: its files are checked before any patient is read"
run lint "$study"
run test "$study"

say "The key of the vault: 32 random bytes that only you hold"
(umask 077; head -c 32 /dev/urandom | base64 >"$out/vault.key")

say "The main job: consent, de-identification, mapping, imaging links, delivery"
# Exit code 5: done, and some resources were rejected and are listed. The synthetic hospital has some of those on purpose.
code=0
run sync "$study" --as-of "$as_of" --replay --html "$out/report.html" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || exit "$code"

say "Once more: nothing has changed, so no cell is written"
code=0
run sync "$study" --as-of "$as_of" --replay >"$out/again.txt" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || exit "$code"
grep -E '^(cells|target) ' "$out/again.txt"

say "The same study with the hospital's PACS: which studies belong to whom, and which can be quantified"
cp -r configs/psma-registry "$out/with-pacs"
cat >"$out/with-pacs/pacs.part" <<EOF
  window: {before: 30, after: 90}
  review: match_review.csv
  pacs:
    dicomweb: http://$address/dicom-web
    rate: 1000   # this machine's own; the PACS of a hospital gets 10 in a second
    patient: {systems: ["https://hospital.example/fhir/sid/pid"]}
    hashes: ["https://hospital.example/fhir/sid/imagingstudy-id"]
EOF
sed -i -e 's#\.\./\.\./out/demo#out#' -e "/^imaging:/r $out/with-pacs/pacs.part" "$out/with-pacs/study.yaml"
mkdir "$out/with-pacs/out"
cp "$out/vault.key" "$out/with-pacs/out/"
study=$out/with-pacs/study.yaml
code=0
run sync "$study" --as-of "$as_of" --replay >"$out/with-pacs/sync.txt" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || exit "$code"
run imaging link "$study"
code=0
run export "$study" --out "$out/with-pacs/package" || code=$?
[ "$code" = 0 ] || [ "$code" = 5 ] || exit "$code"

say "What is there now"
cat <<EOF
  $out/report.html               the report; open it in a browser
  $out/tables/                   the forms as CSV: cells.csv (long), one file per form (wide), dictionary.csv
  $out/psma-registry.odm.xml     the same as CDISC ODM 1.3.2
  $out/imaging/sessions.csv      each subject's PSMA-PET studies under pseudonymous UIDs
  $out/with-pacs/package/        the research package: README.md, forms, studies, series, suv.csv with SUV factors
EOF
