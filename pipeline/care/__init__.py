"""What is set for a patient: zone, affected leg, thresholds, targets, plan, orthoses, notes.

    care = Care(path)                             # the registry's file; tables of its own
    record = await care.record("p0123456789ab")   # PatientRecord; RegistryError: unknown patient
    record.zone, record.affected, record.thresholds, record.targets
    record.day_of(time_ns), record.day_span(day)  # days of the patient's zone
    record.plan_at(day), record.due_on(day)       # wire.Dose each: the plan, what is to be done
    record.orthosis_at(time_ns, side)             # "none", "afo", "fes", or None: not known
    record.periods(start_ns, stop_ns, side)       # the same over time, without gaps
    record.spans, record.notes, record.marks()
    await care.changes_since(number)              # what other processes changed, by patient
    await care.queue(device, wire.Forget(...))    # a request to a device, until it is out of date

The record itself is plain values (`pipeline.care.record`), days are `pipeline.care.days`.
"""
