#!/usr/bin/env bash
# Gets every instance of lookup.tsv from an Orthanc, anonymised under the study's UIDs, as files in a folder.
#   orthanc-anonymize.sh http://127.0.0.1:8042 FOLDER [curl options, such as -u user:password]
# Orthanc's own anonymisation takes away PatientWeight, PatientSize and the times that SUV needs: they are kept here, and dates are
# moved afterwards by pydicom_anonymize.py or dcmodify-anonymize.sh, which take the UIDs as they are then.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 URL FOLDER [curl options]" >&2; exit 1; }
url=$1 folder=$2
shift 2
table="$(dirname "$0")/lookup.tsv"
umask 077
mkdir -p "$folder"

declare -A uid ptid
while IFS=$'\t' read -r kind original pseudonym _; do
  case $kind in
    uid) uid[$original]=$pseudonym ;;
    ptid) ptid[$original]=$pseudonym ;;
  esac
done <"$table"

while IFS=$'\t' read -r kind sop series study; do
  [ "$kind" = instance ] || continue
  for original in "$sop" "$series" "$study"; do
    [ -n "${uid[$original]:-}" ] || { echo "an instance has a UID that two subjects have: it is left out" >&2; continue 2; }
  done
  id=$(curl -sf "$@" -X POST "$url/tools/lookup" -d "$sop" | sed -n 's/.*"ID" *: *"\([^"]*\)".*"Type" *: *"Instance".*/\1/p' | head -n 1)
  [ -n "$id" ] || id=$(curl -sf "$@" -X POST "$url/tools/lookup" -d "$sop" | tr -d '\n' | sed -n 's/.*"ID" *: *"\([^"]*\)".*/\1/p')
  [ -n "$id" ] || { echo "Orthanc does not have an instance of the table" >&2; exit 1; }
  patient=$(curl -sf "$@" "$url/instances/$id/content/0010-0020" | tr -d '\000' | sed 's/ *$//')
  psn=${ptid[$patient]:-}
  [ -n "$psn" ] || { echo "an instance is of a patient that the table does not have" >&2; exit 1; }
  new=${uid[$sop]}
  curl -sf "$@" -X POST "$url/instances/$id/anonymize" -o "$folder/$new.dcm" -d "{\"Replace\":{\"StudyInstanceUID\":\"${uid[$study]}\",\"SeriesInstanceUID\":\"${uid[$series]}\",\"SOPInstanceUID\":\"$new\",\"PatientID\":\"$psn\",\"PatientName\":\"$psn\"},\"Keep\":[\"PatientWeight\",\"PatientSize\",\"PatientSex\",\"SeriesTime\",\"AcquisitionTime\"],\"Force\":true}"
done <"$table"
