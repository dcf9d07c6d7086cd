"""Alert rules decided on the Pi in event time, and the hourly tally.

    AlertRules(path, ..)   a `Companion`: strides, wear and silence in, `wire.Alert` out
    Tally(path, ..)        a `Companion`: what was counted, hour by hour, as `wire.Tally`

`RULES` is the table of rules. A state file beside the outbox keeps what a restart must not lose.
"""

from edge.alerts.keeper import Keeper
from edge.alerts.rule import Change, Rule, Situation
from edge.alerts.rules import RULES, AlertRules
from edge.alerts.tally import Tally

__all__ = ["RULES", "AlertRules", "Change", "Keeper", "Rule", "Situation", "Tally"]
