#!/usr/bin/env bash
# Gets every instance of lookup.tsv from an Orthanc, anonymised under the study's UIDs, as files in a folder.
#   orthanc-anonymize.sh http://127.0.0.1:8042 FOLDER [curl options, such as -u user:password]
# Orthanc's own anonymisation takes away PatientWeight, PatientSize and the times that SUV needs, which are kept here, and dates; of the
# injection, which stands in a sequence, it leaves the true date: it is moved here as the subject's days are. An image of many frames
# has dates in other sequences, too, and is left out, which makes the exit code 1: that is for pydicom_anonymize.py.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 URL FOLDER [curl options]" >&2; exit 1; }
url=$1 folder=$2
shift 2
table="$(dirname "$0")/lookup.tsv"
umask 077
mkdir -p "$folder"

declare -A uid ptid days
status=0
while IFS=$'\t' read -r kind original pseudonym _; do
  case $kind in
    uid) uid[$original]=$pseudonym ;;
    ptid) ptid[$original]=$pseudonym ;;
    dateinc) days[$original]=$pseudonym ;;
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
  if curl -sf "$@" "$url/instances/$id/content/5200-9230" >/dev/null; then
    echo "an image of many frames is left out: use pydicom_anonymize.py" >&2
    status=1
    continue
  fi
  new=${uid[$sop]}
  injection=""
  at=$(curl -sf "$@" "$url/instances/$id/content/0054-0016/0/0018-1078" | tr -d '\000' | sed 's/ *$//') || true
  if [ ${#at} -ge 8 ]; then
    injection=",\"RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime\":\"$(date -u -d "${at:0:8} ${days[$patient]} days" +%Y%m%d)${at:8}\""
  fi
  curl -sf "$@" -X POST "$url/instances/$id/anonymize" -o "$folder/$new.dcm" -d "{\"Replace\":{\"StudyInstanceUID\":\"${uid[$study]}\",\"SeriesInstanceUID\":\"${uid[$series]}\",\"SOPInstanceUID\":\"$new\",\"PatientID\":\"$psn\",\"PatientName\":\"$psn\"$injection},\"Keep\":[\"PatientWeight\",\"PatientSize\",\"PatientSex\",\"SeriesTime\",\"AcquisitionTime\"],\"Force\":true}"
done <"$table"
exit $status
