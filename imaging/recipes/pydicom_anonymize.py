#!/usr/bin/env python3
"""Writes the study's UIDs, subject number and days into copies of DICOM files, in sequences too, with pydicom.

    pydicom_anonymize.py FOLDER FILE...

A file with a UID, patient or accession number that lookup.tsv does not have is left out, and makes the exit code 1. This replaces
what the table has; names of physicians, institutions and the like are for a profile of PS3.15 to remove.
"""
import datetime
import os
import sys

import pydicom

STANDARD = "1.2.840.10008."  # UIDs of DICOM itself stay


class Unknown(Exception):
    pass


def read_table(path):
    table = {"uid": {}, "ptid": {}, "acc": {}, "dateinc": {}}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, original, pseudonym = line.rstrip("\n").split("\t")[:3]
            if kind in table:
                table[kind][original] = pseudonym
    return table


def moved(text, days):
    """The date part moves by whole days, a time behind it stays."""
    if len(text) < 8:
        return ""  # a year or a month cannot be moved exactly
    day = datetime.datetime.strptime(text[:8], "%Y%m%d") + datetime.timedelta(days=days)
    return day.strftime("%Y%m%d") + text[8:]


def each(value, change):
    if isinstance(value, pydicom.multival.MultiValue):
        return [change(str(v)) for v in value]
    return change(str(value)) if value else value


def replace(dataset, table, days):
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                replace(item, table, days)
        elif element.VR == "UI":
            element.value = each(element.value, lambda v: v if not v or v.startswith(STANDARD) else known(table["uid"], v))
        elif element.VR in ("DA", "DT"):
            element.value = each(element.value, lambda v: moved(v, days))


def known(table, value):
    if value not in table:
        raise Unknown
    return table[value]


def anonymise(source, folder, table):
    dataset = pydicom.dcmread(source)
    patient = str(dataset.PatientID).strip()
    subject, days = known(table["ptid"], patient), int(known(table["dateinc"], patient))
    replace(dataset, table, days)
    dataset.PatientID = dataset.PatientName = subject
    if dataset.get("AccessionNumber"):
        dataset.AccessionNumber = table["acc"].get(str(dataset.AccessionNumber).strip(), "")
    dataset.PatientBirthDate = ""
    dataset.remove_private_tags()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(os.path.join(folder, dataset.SOPInstanceUID + ".dcm"))


def main(folder, *files):
    os.umask(0o077)
    os.makedirs(folder, exist_ok=True)
    table = read_table(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lookup.tsv"))
    left_out = 0
    for file in files:
        try:
            anonymise(file, folder, table)
        except Unknown:
            left_out += 1
    if left_out:
        sys.exit(f"{left_out} files are left out: the table does not have them")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
