"""What an option is measured by; every objective and every row is a weighting of these.

For a unit with price I, offer o, probability p, cost c and the worth q of a probability (p itself,
or in Eq. 13 as printed the indicator 1[p ≥ cut-off]):

========== ============== ==================================================
sales      I·q            money at list price
spend      I·(o/100)·q    money given up by the offer
cost       c·q            money paid for what is sold
retention  r              p, or 1[p ≥ cut-off]; or counted once per consumer
probability p             of a purchase
offer      o              percent
offered    1[o > 0]       units
========== ============== ==================================================

Revenue is sales − spend, margin sales − cost − spend. A unit's score at some weights w is thus
q·(A + B·o) + w_r·r + w_p·p + w_o·o + w_1·1[o > 0], with A and B of the unit.
"""

from enum import IntEnum


class Measure(IntEnum):
    """Columns of every array of totals and weights, (cells, 7)."""

    SALES = 0
    SPEND = 1
    COST = 2
    RETENTION = 3
    PROBABILITY = 4
    OFFER = 5
    OFFERED = 6


MEASURES = len(Measure)
