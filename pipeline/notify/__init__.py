"""Alerts of the devices to people: grouped, limited, escalated, acknowledged. Nothing is lost.

    Notifier(..)     a `pipeline.companion.Companion` with `run()` and `stop()`
    routes(..)       the acknowledgement page for the pipeline's web app
    policy.py        who is told what and when: pure functions
    desk.py          what is known and what is to be sent: one SQLite file
    texts.py         the words, by rule

Not a medical device, no fall alarm: messages may come late or not at all.
"""
