"""All of one patient in hand: CSV, Parquet and FHIR with a manifest of hashes; and its erasure.

    made = await export(Sources(store, rollups, record), folder, journal=journal)
    made.folder, made.manifest               # what was written, with rows, bytes and SHA-256

`fhir.py` builds the FHIR R4 bundle from daily and hourly rollups alone, `tables.py` writes one
measurement after another in bounded memory, `erase.py` removes a patient for good.
"""
