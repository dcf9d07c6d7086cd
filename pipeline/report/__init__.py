"""The report of one patient and a range of days: HTML and PDF from what both databases hold.

    report = await make_report(store, rollups, record, Span(first, last, zone), version=version)
    html, pdf = write_report(report, folder)

`build.py` is the door; it is not imported here, so that `heelfirst --help` answers at once.
"""
