#!/usr/bin/env bash
# Writes the study's UIDs, subject number and days into DICOM files, with dcmodify and dcmdump of DCMTK. The files are changed: work
# on a copy.
#   dcmodify-anonymize.sh FILE...
# A file with a UID, patient or accession number that lookup.tsv does not have is removed, and so is one in which an original is left
# afterwards; both make the exit code 1. This replaces what names the patient in the table's attributes; names of physicians,
# institutions and the like are for a profile of PS3.15 to remove.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 FILE..." >&2; exit 1; }
table="$(dirname "$0")/lookup.tsv"
umask 077

declare -A uid ptid acc days
while IFS=$'\t' read -r kind original pseudonym _; do
  case $kind in
    uid) uid[$original]=$pseudonym ;;
    ptid) ptid[$original]=$pseudonym ;;
    acc) acc[$original]=$pseudonym ;;
    dateinc) days[$original]=$pseudonym ;;
  esac
done <"$table"

value() { # value FILE TAG: the first value at the top level
  dcmdump -q -Un +P "$2" "$1" 2>/dev/null | sed -n 's/^([^)]*) .. \[\(.*\)\].*/\1/p' | head -n 1 | tr -d '\000' | sed 's/ *$//'
}
refuse() { echo "a file is removed: $1" >&2; rm -f "$file"; status=1; }

status=0
for file in "$@"; do
  patient=$(value "$file" 0010,0020)
  psn=${ptid[$patient]:-}
  if [ -z "$psn" ]; then refuse "its patient is not in the table"; continue; fi
  change=(-m "(0010,0020)=$psn" -m "(0010,0010)=$psn")
  missing=""
  for tag in 0020,000d 0020,000e 0008,0018 0020,0052; do
    original=$(value "$file" $tag)
    [ -n "$original" ] || continue
    if [ -z "${uid[$original]:-}" ]; then missing=yes; break; fi
    change+=(-m "($tag)=${uid[$original]}")
  done
  if [ -n "$missing" ]; then refuse "it has a UID that is not in the table"; continue; fi
  number=$(value "$file" 0008,0050)
  [ -z "$number" ] || change+=(-m "(0008,0050)=${acc[$number]:-}")
  # Every date moves at the top level, and the injection. One that stands deeper, as in images of many frames, this program cannot reach.
  deeper=$(dcmdump -q -Un +L "$file" | awk '/^\(/ { top = $1 } /^ +\([0-9a-f,]+\) D[AT] \[./ { if (top != "(0054,0016)" || $1 != "(0018,1078)" || ++n > 1) print "date" }')
  if [ -n "$deeper" ]; then
    refuse "a date is left in a sequence: use pydicom_anonymize.py"; continue
  fi
  while read -r tag at; do
    moved=""
    if [ $tag != 0010,0030 ] && [ ${#at} -ge 8 ] && [ "${at/\\/}" = "$at" ]; then
      moved=$(date -u -d "${at:0:8} ${days[$patient]} days" +%Y%m%d)${at:8}
    fi
    change+=(-m "($tag)=$moved")
  done < <(dcmdump -q -Un +L "$file" | sed -n 's/^(\([0-9a-f]\{4\},[0-9a-f]\{4\}\)) D[AT] \[\([^]]*\)\].*/\1 \2/p' | tr -d '\000')
  injected=$(dcmdump -q -Un +p +P 0018,1078 "$file" 2>/dev/null | sed -n 's/.*(0054,0016)\.(0018,1078) DT \[\([^]]*\)\].*/\1/p' | head -n 1)
  if [ ${#injected} -ge 8 ]; then
    change+=(-m "(0054,0016)[0].(0018,1078)=$(date -u -d "${injected:0:8} ${days[$patient]} days" +%Y%m%d)${injected:8}")
  fi
  dcmodify -q -nb -imt -ep "${change[@]}" "$file" # -ep: vendors write dates into attributes of their own
  # An original that is left stands in a sequence, which this program does not know.
  left=$(dcmdump -q -Un +L "$file" | sed -n 's/^ *([^)]*) UI \[\([0-9.]*\)\].*/\1/p')
  for original in $left; do
    if [ -n "${uid[$original]:-}" ]; then refuse "an original UID is left in a sequence: use pydicom_anonymize.py"; break; fi
  done
done
exit $status
